"""Archive files of a contest `race`, of today's format and of the first, which had no hashes."""

from gzip import compress
from pathlib import Path
from typing import Any

import orjson

from shared.storage.archive import ArchiveRecord, file_name
from shared.storage.archive_files import LEDGER, LOG, STREAMS, ArchiveWriter
from shared.storage.streams import Entry

CONTEST, VERSIONS, GENERATION = "race", 10, 1
FIRST_FORMAT_PIECE = 4


def entries(stream: str, said: str = "", versions: int = VERSIONS) -> list[Entry]:
    """What a stream has; `said` makes another history of it."""
    return [
        (b"%d-0" % version, {b"known_at": b"2025", stream.encode(): f"é{said}{version}".encode()})
        for version in range(1, versions + 1)
    ]


def written(
    directory: Path,
    said: str = "",
    contest: str = CONTEST,
    generation: int = GENERATION,
    versions: int = VERSIONS,
) -> ArchiveRecord:
    """Writes a file as `standings archive` does; its record."""
    temporary = directory / "temporary"
    with temporary.open("wb") as file:
        writer = ArchiveWriter(file)
        for stream in STREAMS:
            writer.write(stream, entries(stream, said, versions))
            writer.end(stream)
        index_at, sha256 = writer.finish(contest, versions, generation)
    name = file_name(contest, versions, sha256)
    temporary.rename(directory / name)
    return ArchiveRecord(versions, generation, name, index_at, sha256)


def _first_pieces() -> tuple[bytes, dict[str, list[list[int]]]]:
    content = b""
    pieces: dict[str, list[list[int]]] = {}
    for stream in (LOG, LEDGER):
        pieces[stream] = []
        for at in range(0, VERSIONS, FIRST_FORMAT_PIECE):
            packed = packed_entries(entries(stream)[at : at + FIRST_FORMAT_PIECE])
            pieces[stream].append([at + 1, len(content), len(packed)])
            content += packed
    return content, pieces


def first_streams() -> dict[str, list[list[int]]]:
    """Where the pieces of a file of the first format lie."""
    return _first_pieces()[1]


def written_first(directory: Path, **index: Any) -> ArchiveRecord:
    """Writes a file of the first format, in which some of the index is otherwise; its record."""
    content, pieces = _first_pieces()
    said = {"standings_archive": 1, "contest": CONTEST, "version": VERSIONS, "streams": pieces, **index}
    name = file_name(CONTEST, VERSIONS, "")
    (directory / name).write_bytes(content + compress(orjson.dumps(said) + b"\n", mtime=0))
    return ArchiveRecord(VERSIONS, GENERATION, name, len(content))


def packed_entries(some: list[Entry]) -> bytes:
    """A piece."""
    lines = [
        orjson.dumps([int(entry_id.partition(b"-")[0]), {k.decode(): v.decode() for k, v in fields.items()}])
        for entry_id, fields in some
    ]
    return compress(b"".join(line + b"\n" for line in lines), mtime=0)
