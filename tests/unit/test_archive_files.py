"""What is read from an archive is what was written, or it is refused: no byte of it can be another."""

import os
from gzip import compress, decompress
from pathlib import Path
from typing import Any

import orjson
import pytest

from shared.http.unavailable import problem_of_failure
from shared.storage import archive_files
from shared.storage.archive import Archive, ArchiveMissing, ArchiveRecord, Unarchived, record_of
from shared.storage.archive_files import LEDGER, LOG, STREAMS
from tests import archives
from tests.archives import CONTEST, VERSIONS, entries, packed_entries, written, written_first


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_files, "PIECE_ENTRIES", archives.FIRST_FORMAT_PIECE)


def everything(directory: Path, record: ArchiveRecord, contest: str = CONTEST) -> dict[str, Any]:
    """All that a file has, read by one who has not read it before."""
    archive = Archive(directory)
    return {stream: archive.read(contest, record, stream, 0, None) for stream in STREAMS}


def why_not(directory: Path, record: ArchiveRecord, contest: str = CONTEST) -> str:
    """Why a file is refused: in one sentence that names it."""
    with pytest.raises(Unarchived) as found:
        everything(directory, record, contest)
    assert record.file in str(found.value)
    assert str(found.value).isprintable()
    return str(found.value)


def test_a_directory_that_is_gone_is_told_with_the_way_out_and_not_as_an_event(tmp_path: Path) -> None:
    directory = tmp_path / "archive"
    directory.mkdir()
    record = written(directory)
    directory.rename(tmp_path / "elsewhere")
    (tmp_path / "file").touch()

    for gone in (directory, tmp_path / "file", None):
        with pytest.raises(ArchiveMissing) as found:
            Archive(gone).read(CONTEST, record, LOG, 0, None)
        members, headers = problem_of_failure(found.value)

        assert (members["type"], members["status"]) == ("/problems/archive-missing", 503)
        assert record.file in members["detail"]
        assert gone is None or str(gone) in members["detail"]
        assert "STANDINGS_ARCHIVE" in members["detail"]
        assert "STANDINGS_ARCHIVE" in members["way_out"]
        assert "Retry-After" in headers


def test_a_file_that_is_gone_from_its_directory_is_the_files_fault(tmp_path: Path) -> None:
    record = written(tmp_path)
    (tmp_path / record.file).unlink()

    with pytest.raises(Unarchived) as found:
        everything(tmp_path, record)

    assert not isinstance(found.value, ArchiveMissing)
    assert problem_of_failure(found.value)[0]["type"] == "/problems/unreadable-event"


@pytest.mark.parametrize("write", [written, written_first])
def test_what_was_written_is_read(tmp_path: Path, write: Any) -> None:
    record = write(tmp_path)
    archive = Archive(tmp_path)

    for stream in STREAMS:
        every = entries(stream)
        for after in range(VERSIONS):
            assert archive.read(CONTEST, record, stream, after, None) == every[after:]
            assert archive.read(CONTEST, record, stream, after, 3) == every[after : after + 3]
        wanted = [9, 1, 5, 10, 2]
        assert archive.pick(CONTEST, record, stream, wanted) == [every[version - 1] for version in wanted]


def test_a_piece_ends_after_so_many_bytes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = written(tmp_path)
    monkeypatch.setattr(archive_files, "PIECE_BYTES", 1)
    smaller = written(tmp_path)

    assert everything(tmp_path, smaller) == everything(tmp_path, record)
    assert index(tmp_path, smaller)["streams"][LOG][1][0] == 2
    assert index(tmp_path, record)["streams"][LOG][1][0] == 5


def test_no_byte_can_be_another(tmp_path: Path) -> None:
    record = written(tmp_path)
    file = tmp_path / record.file
    whole = file.read_bytes()

    for at in range(len(whole)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        why_not(tmp_path, record)


@pytest.mark.parametrize("write", [written, written_first])
def test_no_byte_can_be_left_out_or_come_after(tmp_path: Path, write: Any) -> None:
    record = write(tmp_path)
    file = tmp_path / record.file
    whole = file.read_bytes()

    for at in range(0, len(whole), 7):
        file.write_bytes(whole[:at])
        why_not(tmp_path, record)
    for more in (b"\0", b"more", compress(b"{}"), whole):
        file.write_bytes(whole + more)
        why_not(tmp_path, record)


def index(directory: Path, record: ArchiveRecord) -> Any:
    return orjson.loads(decompress((directory / record.file).read_bytes()[record.index_at :]))


def test_pieces_that_are_swapped_in_the_index_are_refused(tmp_path: Path) -> None:
    record = written(tmp_path)
    file = tmp_path / record.file
    said = index(tmp_path, record)
    first, second = said["streams"][LOG][:2]
    said["streams"][LOG][:2] = [[first[0], *second[1:]], [second[0], *first[1:]]]
    file.write_bytes(file.read_bytes()[: record.index_at] + compress(orjson.dumps(said)))

    assert "is not what was written there" in why_not(tmp_path, record)


def test_an_entry_that_is_altered_with_every_hash_in_the_file_is_refused(tmp_path: Path) -> None:
    record = written(tmp_path)
    other = written(tmp_path, said="another")
    (tmp_path / other.file).replace(tmp_path / record.file)

    assert "is not what was written there" in why_not(tmp_path, record._replace(index_at=other.index_at))


@pytest.mark.parametrize(
    "other", [{"contest": "other"}, {"generation": 2}, {"said": "another history"}, {"versions": 8}]
)
def test_a_file_of_something_else_under_the_same_name_is_refused(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    record = written(tmp_path)
    forged = written(tmp_path, **other)
    (tmp_path / forged.file).replace(tmp_path / record.file)

    why_not(tmp_path, record)
    why_not(tmp_path, record._replace(index_at=forged.index_at))


@pytest.mark.parametrize("forged", [{"contest": "other"}, {"generation": 2}, {"versions": 8}])
def test_a_record_of_something_else_is_refused(tmp_path: Path, forged: dict[str, Any]) -> None:
    """Its hash is right: somebody who writes to Redis made it."""
    record = written(tmp_path, **forged)

    why_not(tmp_path, record._replace(generation=1, version=VERSIONS))


def streams(**changed: list[Any]) -> dict[str, Any]:
    """The first format's index with other pieces."""
    return {"streams": {LOG: PIECES[LOG], LEDGER: PIECES[LEDGER], **changed}}


PIECES = archives.first_streams()
(ONE, TWO, THREE) = PIECES[LOG]


@pytest.mark.parametrize(
    "forged",
    [
        {"contest": "other"},
        {"version": VERSIONS - 1},
        {"version": True},
        {"standings_archive": 3},
        {"standings_archive": 2},
        {"streams": None},
        {"streams": {}},
        {"streams": {LOG: PIECES[LOG]}},
        {"streams": {LEDGER: PIECES[LEDGER], LOG: PIECES[LOG]}},
        streams(log=[]),
        {"streams": {LOG: None, LEDGER: PIECES[LEDGER]}},
        streams(log=[ONE, TWO]),
        streams(log=[TWO, ONE, THREE]),
        streams(log=[[1, *TWO[1:]], [5, *ONE[1:]], THREE]),
        streams(log=[ONE, ONE, TWO, THREE]),
        streams(log=[ONE, [1, *TWO[1:]], THREE]),
        streams(log=[[0, *ONE[1:]], TWO, THREE]),
        streams(log=[ONE, [6, *TWO[1:]], THREE]),
        streams(log=[[1, 0, -5], [5, -5, ONE[2] + TWO[2] + 5], THREE]),
        streams(log=[[1, 0, 2**62], TWO, THREE]),
        streams(log=[[1, 0, True], TWO, THREE]),
        streams(log=[[1, 0, 1.5], TWO, THREE]),
        streams(log=[[1, 0], TWO, THREE]),
        streams(log=[[1, 0, ONE[2], "0" * 64], TWO, THREE]),
        streams(log=[[1, 0, ONE[2] + TWO[2] + THREE[2]]]),
        streams(log=PIECES[LEDGER], ledger=PIECES[LOG]),
        streams(log=PIECES[LEDGER]),
    ],
)
def test_an_index_of_the_first_format_that_does_not_fit_is_refused(
    tmp_path: Path, forged: dict[str, Any]
) -> None:
    why_not(tmp_path, written_first(tmp_path, **forged))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n" * 4,
        b"[1,{}]\n" * 4,
        b"{}\n" * 4,
        b"[1,{}]\n[2,{}]\n[3,{}]\n[4,{}]",
        b"[1,{}]\n[2,{}]\n[4,{}]\n[3,{}]\n",
        b"[1,{}]\n[2,{}]\n[3,{}]\n[4,{}]\n[5,{}]\n",
        b'[1,{"a":1}]\n[2,{}]\n[3,{}]\n[4,{}]\n',
        b'["1",{}]\n[2,{}]\n[3,{}]\n[4,{}]\n',
        b"[" * 5000 + b"\n[2,{}]\n[3,{}]\n[4,{}]\n",
        b"\xff\n[2,{}]\n[3,{}]\n[4,{}]\n",
        b"\n" * 2**21,
        b"[" + b" " * 2**21 + b"1,{}]\n[2,{}]\n[3,{}]\n[4,{}]\n",
    ],
)
def test_a_piece_of_the_first_format_that_has_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(archive_files, "MOST_PIECE_BYTES", 2**20)
    piece = compress(content, mtime=0)
    grown = len(piece) - ONE[2]
    moved = {
        stream: [[first, at + (grown if at else 0), length] for first, at, length in PIECES[stream]]
        for stream in STREAMS
    }
    moved[LOG][0] = [1, 0, len(piece)]
    record = written_first(tmp_path, streams=moved)
    file = tmp_path / record.file
    file.write_bytes(piece + file.read_bytes()[ONE[2] :])

    why_not(tmp_path, record._replace(index_at=record.index_at + grown))


def test_a_piece_has_so_many_bytes_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = written(tmp_path)
    longest = len(decompress(packed_entries(entries(LEDGER)[:4])))
    monkeypatch.setattr(archive_files, "MOST_PIECE_BYTES", longest)
    everything(tmp_path, record)

    monkeypatch.setattr(archive_files, "MOST_PIECE_BYTES", longest - 1)
    assert "has another length" in why_not(tmp_path, record)


def test_what_is_no_file_of_the_directory_is_refused(tmp_path: Path) -> None:
    record = written(tmp_path)
    file = tmp_path / record.file
    elsewhere = file.rename(tmp_path / "elsewhere")

    why_not(tmp_path, record)
    file.symlink_to(elsewhere)
    why_not(tmp_path, record)
    file.unlink()
    os.mkfifo(file)
    why_not(tmp_path, record)
    file.unlink()
    file.mkdir()
    why_not(tmp_path, record)


GOOD = "0" * 64


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"{}",
        b"null",
        b"[" * 5000,
        b"\xff",
        [10, 1, "race.10.ndjson.gz"],
        [10, 1, "../../etc/passwd", 0],
        [10, 1, "/etc/passwd", 0],
        [10, 1, "../race.10.ndjson.gz", 0],
        [10, 1, "race.9.ndjson.gz", 0],
        [10, 1, "other.10.ndjson.gz", 0],
        [10, 1, "race.10.ndjson.gz\0", 0],
        [10, 1, "race.10.ndjson.gz", 0, GOOD],
        [10, 1, "race.10.0000000000000000.ndjson.gz", 0],
        [10, 1, "race.10.0000000000000000.ndjson.gz", 0, "0" * 63],
        [10, 1, "race.10.0000000000000000.ndjson.gz", 0, None],
        ["10", 1, "race.10.ndjson.gz", 0],
        [True, 1, "race.True.ndjson.gz", 0],
        [10, None, "race.10.ndjson.gz", 0],
        [10, 1, "race.10.ndjson.gz", 0.5],
    ],
)
def test_a_record_that_leads_elsewhere_is_refused(stored: Any) -> None:
    with pytest.raises(Unarchived, match="contest 'race'"):
        record_of("race", stored if isinstance(stored, bytes) else orjson.dumps(stored))


def test_a_record_of_each_format_is_read() -> None:
    first = [10, 1, "race.10.ndjson.gz", 77]
    today = [10, 1, "race.10.0000000000000000.ndjson.gz", 77, GOOD]

    assert record_of("race", None) is None
    assert record_of("race", orjson.dumps(first)) == ArchiveRecord(10, 1, "race.10.ndjson.gz", 77)
    assert record_of("race", orjson.dumps(today)) == ArchiveRecord(*today)  # type: ignore[arg-type]


def test_a_record_of_a_contest_with_no_id_is_refused() -> None:
    with pytest.raises(Unarchived):
        record_of("../pwned", orjson.dumps([10, 1, "../pwned.10.ndjson.gz", 0]))
