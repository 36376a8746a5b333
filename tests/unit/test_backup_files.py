"""A backup file is read in little memory, whatever it holds."""

import gzip
import os
from pathlib import Path

import pytest

from services.backups import reader
from services.backups.files import Unusable, written
from services.backups.reader import checked
from tests.backups import announcement, lines, log, packed
from tests.measured import megabytes_more

_IMPORTS = """
from pathlib import Path
from services.backups.files import Unusable
from services.backups.reader import checked
"""
_CHECK = """
try:
    with checked(Path({file!r})) as backup:
        print(backup.sections)
except Unusable as error:
    print(error)
"""


def why_unusable(content: bytes, directory: Path) -> str:
    file = directory / "backup.ndjson.gz"
    file.write_bytes(content)
    with pytest.raises(Unusable) as found, checked(file):
        pass
    return str(found.value)


@pytest.mark.parametrize("begins", [b"", b'{"standings_backup":1}\n{"contest":"race"}\n'])
def test_a_line_that_does_not_end_takes_no_memory(tmp_path: Path, begins: bytes) -> None:
    bomb = tmp_path / "bomb.gz"
    with gzip.open(bomb, "wb", 1) as file:
        file.write(begins)
        for _ in range(300):
            file.write(b" " * 2**20)
    assert bomb.stat().st_size < 2**21

    assert megabytes_more(_IMPORTS, _CHECK.format(file=str(bomb))) < 60


def test_many_entries_take_no_memory(tmp_path: Path) -> None:
    many = tmp_path / "many.gz"
    many.write_bytes(packed(("race", log("race", 30_000))))

    assert megabytes_more(_IMPORTS, _CHECK.format(file=str(many))) < 60


def test_a_line_has_a_megabyte_and_no_byte_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = log("race", 2)
    monkeypatch.setattr(reader, "LONGEST_LINE", 1000)
    longest = max(len(line) for line in reading_lines(entries))
    for bound in (longest, longest - 1):
        monkeypatch.setattr(reader, "LONGEST_LINE", bound)
        file = tmp_path / "backup.gz"
        file.write_bytes(packed(("race", entries)))
        if bound == longest:
            with checked(file) as backup:
                assert backup.version("race") == 2
        else:
            assert f"a line has more than {bound:,} bytes" in why_unusable(file.read_bytes(), tmp_path)


def reading_lines(entries: list[object]) -> list[bytes]:
    """The lines of a contest's entries."""
    return list(lines([("race", entries)]))[2:-2]


def test_the_manifest_is_as_long_as_its_contests_make_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "LONGEST_LINE", 600)
    contests = [(f"race-{n}", log(f"race-{n}", 1)) for n in range(50)]
    file = tmp_path / "backup.gz"
    file.write_bytes(packed(*contests))

    with checked(file) as backup:
        assert len(backup.sections) == 50

    policies = {f"policy-{n}@1": "0" * 32 for n in range(20)}
    assert "a line has more than" in why_unusable(packed(*contests, policies=policies), tmp_path)


def test_contests_and_policies_have_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MOST_CONTESTS", 2)
    monkeypatch.setattr(reader, "MOST_POLICIES", 2)
    contests = [(f"race-{n}", log(f"race-{n}", 1)) for n in range(3)]
    policies = {f"policy-{n}@1": "0" * 32 for n in range(3)}
    file = tmp_path / "backup.gz"
    file.write_bytes(packed(*contests[:2], policies=dict(list(policies.items())[:2])))

    with checked(file) as backup:
        assert len(backup.sections) == 2
    assert "more than 2 contests" in why_unusable(packed(*contests), tmp_path)
    assert "manifest" in why_unusable(packed(*contests[:2], policies=policies), tmp_path)


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero"), tmp_path / "missing"):
        with pytest.raises(Unusable, match=str(path)), checked(path):
            pass


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o007, 0o660)])
def test_a_written_file_is_for_those_for_whom_other_new_files_are(
    tmp_path: Path, mask: int, mode: int
) -> None:
    before = os.umask(mask)
    try:
        with written(tmp_path / "backup.gz") as file:
            file.write(b"x")
    finally:
        os.umask(before)

    assert (tmp_path / "backup.gz").stat().st_mode & 0o777 == mode


def test_a_file_goes_on_after_its_end(tmp_path: Path) -> None:
    whole = packed(("race", log("race")))

    for more in (gzip.compress(b"\n"), gzip.compress(b"{}\n"), b"more", whole):
        assert why_unusable(whole + more, tmp_path)


def test_an_imported_contest_and_one_with_long_texts_are_read(tmp_path: Path) -> None:
    imported = log("race")
    imported[0][1]["data"] = imported[0][1]["data"].replace('"server"', '"imported"')
    for version, fields, _ in imported:
        fields["recorded_at"] = f"2025-04-01T00:00:00.{9 - version:06d}Z"
    longest = log("long", 2)
    longest.append([3, announcement(3, note="\x01" * 2000, members=10**10), "0" * 16])
    file = tmp_path / "backup.gz"
    file.write_bytes(packed(("race", imported), ("long", longest)))

    with checked(file) as backup:
        assert [section.version for section in backup.sections] == [5, 3]


def test_what_was_taken_at_the_door_at_some_time_is_read(tmp_path: Path) -> None:
    """Today's door is stricter: about zones, forms of times, and characters in texts."""
    entries = log("race", 2)
    entries[0][1]["data"] = entries[0][1]["data"].replace("UTC", "localtime")
    for version, odd in enumerate(("20190422T130500Z", "2019-W17-1T00:00:00Z", "2019-04-22 13:05:00Z"), 3):
        entries.append([version, announcement(version, announced_at=odd, note="a\0b\u202e\x1b"), ""])
    file = tmp_path / "backup.gz"
    file.write_bytes(packed(("race", entries)))

    with checked(file) as backup:
        assert backup.version("race") == 5
