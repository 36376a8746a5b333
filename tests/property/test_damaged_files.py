"""Files that were damaged or forged at random: each is read or refused in a sentence, and never anything else."""

import gzip
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from services.backups.files import Unusable
from services.backups.reader import checked
from services.cli.importers import fivethirtyeight
from services.cli.importers.rows import TooManyBadRows
from services.cli.importers.table import read_csv, read_ndjson
from shared.storage.archive import Archive, ArchiveRecord, Unarchived
from shared.storage.archive_files import STREAMS
from tests import archives, backups

pytestmark = pytest.mark.slow

SAID = {"contest": "race", "recorded_by": "a test"}
CSV = b"""command,endorsement,endorser,endorser_name,candidate,category,members,at,source_title,note
announce,,nea,"National, Education",joe-biden,labor-union,3000000,2020-03-14,NEA,
strike,e1,,,,,,,t,"an
error"
"""
TABLE = (
    ",".join(fivethirtyeight.COLUMNS) + '\n2019-04-22,governor,,PA,Tom,Joe,D,https://x,1,Governors,"",,8\n'
).encode()
NDJSON = b'{"command":"strike","id":"x","endorsement":"e","note":"\\u00e9"}\r\n\n{"command":"enter","x":[1.5,{}]}\n'

# Where, how much is taken out there, and what is put there.
Damage = list[tuple[int, int, bytes]]
DAMAGE = st.lists(
    st.tuples(st.integers(0, 2000), st.integers(0, 20), st.one_of(st.binary(max_size=20), st.just(b"\n"))),
    min_size=1,
    max_size=6,
)
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=30),
    st.sampled_from(["", "../x", "race", "2025-03-01T00:00:00.000009Z", "x" * 3000, "id-1", "0" * 64]),
    st.sampled_from([[], {}, [[]], {"a": {}}]),
)


def damaged(content: bytes, damage: Damage) -> bytes:
    for at, taken, put in damage:
        place = at % (len(content) + 1)
        content = content[:place] + put + content[place + taken :]
    return content


def replaced(value: Any, path: list[int], other: Any) -> Any:
    """A JSON value in which one part, to which the path leads, is another."""
    if not path or not isinstance(value, list | dict) or not value:
        return other
    keys = list(range(len(value))) if isinstance(value, list) else list(value)
    at = keys[path[0] % len(keys)]
    copy: Any = value.copy()
    copy[at] = replaced(value[at], path[1:], other)
    return copy


PATH = st.lists(st.integers(0, 30), min_size=1, max_size=5)
MANY = settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@MANY
@given(DAMAGE)
@pytest.mark.parametrize(
    ("content", "read"),
    [
        (CSV, lambda data: read_csv(data.decode(), **SAID)[:2]),
        (TABLE, lambda data: fivethirtyeight.read(data.decode())),
        (NDJSON, lambda data: read_ndjson(data, **SAID)[:2]),
    ],
    ids=["csv", "fivethirtyeight", "ndjson"],
)
def test_an_import_reads_commands_that_can_be_sent_or_tells_bad_rows(
    content: bytes, read: Callable[[bytes], tuple[list[Any], list[Any]]], damage: Damage
) -> None:
    data = damaged(content, damage)
    with suppress(UnicodeDecodeError, TooManyBadRows):
        found, bad = read(data)
        orjson.dumps(found)
        assert all(row.line >= 1 and row.reason for row in bad)


def tried(file: Path, content: bytes) -> None:
    """Reads a backup, or tells in a sentence why not."""
    file.write_bytes(content)
    try:
        with checked(file) as backup:
            assert all(section.contest in ("race", "other") for section in backup.sections)
    except Unusable as error:
        said = str(error)
        if not said.isprintable() or len(said) > 1200:
            raise


@MANY
@given(DAMAGE, st.booleans())
def test_a_damaged_backup_is_read_or_refused(tmp_path: Path, damage: Damage, within: bool) -> None:
    lines = b"".join(backups.lines([("race", backups.log("race")), ("other", [])]))
    content = gzip.compress(damaged(lines, damage), 1) if within else damaged(gzip.compress(lines, 1), damage)
    tried(tmp_path / "backup.gz", content)


@MANY
@given(st.integers(0, 4), PATH, ODD)
def test_a_forged_backup_is_read_or_refused(tmp_path: Path, version: int, path: list[int], odd: Any) -> None:
    """One value of an entry, or of its event, is another, and every hash is made to fit."""
    entries = backups.log("race")
    if path[0] % 2:
        entries[version] = replaced(entries[version], path[1:], odd)
    else:
        event = replaced(orjson.loads(entries[version][1]["data"]), path[1:], odd)
        entries[version][1]["data"] = orjson.dumps(event).decode()
    tried(tmp_path / "backup.gz", backups.packed(("race", entries)))


@MANY
@given(PATH, ODD)
def test_a_forged_frame_of_a_backup_is_read_or_refused(tmp_path: Path, path: list[int], odd: Any) -> None:
    """One value of the header, of a contest's beginning or end, or of the manifest is another."""
    lines = list(backups.lines([("race", backups.log("race"))]))
    frame = [0, 1, -2, -1][path[0] % 4]
    before = orjson.loads(lines[frame])
    after = replaced(before, path[1:], odd)
    assume(after != before or type(after) is not type(before))
    lines[frame] = orjson.dumps(after) + b"\n"
    tried(tmp_path / "backup.gz", gzip.compress(b"".join(lines), 1))


def read_archive(directory: Path, record: ArchiveRecord) -> Any:
    """All of an archive, or None where it was refused in a sentence."""
    try:
        archive = Archive(directory)
        return [archive.read(archives.CONTEST, record, stream, 0, None) for stream in STREAMS]
    except Unarchived as error:
        assert record.file in str(error)  # noqa: PT017 - whichever way it goes
        return None


WRITTEN = [archives.entries(stream) for stream in STREAMS]


@MANY
@given(DAMAGE)
def test_a_damaged_archive_is_refused(tmp_path: Path, damage: Damage) -> None:
    record = archives.written(tmp_path)
    file = tmp_path / record.file
    whole = file.read_bytes()
    content = damaged(whole, damage)
    file.write_bytes(content)

    assert read_archive(tmp_path, record) == (WRITTEN if content == whole else None)


@MANY
@given(PATH, ODD)
def test_an_archive_of_the_first_format_with_a_forged_index_is_read_right_or_refused(
    tmp_path: Path, path: list[int], odd: Any
) -> None:
    index = {"standings_archive": 1, "contest": "race", "version": archives.VERSIONS}
    streams = archives.first_streams()
    forged = replaced({**index, "streams": streams}, path, odd)
    record = archives.written_first(tmp_path, **(forged if isinstance(forged, dict) else {}))

    assert read_archive(tmp_path, record) in (None, WRITTEN)
