"""Archived entries: old versions of a contest's log and ledger that were moved out of Redis into a file.

A file is compressed NDJSON, `[version, fields]` a line, in pieces (gzip members) that can be read by themselves, and at
its end an index of them. In Redis stays a record of the file, and everything from the archived version on.
"""

import gzip
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import orjson

from shared.codec import version_of
from shared.domain.errors import UnreadableEvent
from shared.streams import Entry

FORMAT = 1
# The streams of a contest, as a file names them.
LOG, LEDGER = "log", "ledger"
_INDEXES_KEPT, _PIECES_KEPT = 128, 32


class Unarchived(UnreadableEvent):
    """Archived entries cannot be read here; says why and the way out."""


class Record(NamedTuple):
    """Where a contest's archived entries lie: up to `version`, of the log and of one generation's ledger."""

    version: int
    generation: int
    file: str
    index_at: int


class Piece(NamedTuple):
    """Entries of one stream that lie together: from version `first` on, `length` bytes at `offset`."""

    first: int
    offset: int
    length: int


class Writer:
    """Writes an archive's file; give it the entries of one stream after the other, each in order."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._pieces: dict[str, list[Piece]] = {}
        self._at = 0

    def write(self, stream: str, entries: list[Entry]) -> None:
        """The next entries of a stream."""
        lines = [
            orjson.dumps([version_of(entry_id), _text(fields)], option=orjson.OPT_APPEND_NEWLINE)
            for entry_id, fields in entries
        ]
        at, length = self._put(b"".join(lines))
        self._pieces.setdefault(stream, []).append(Piece(version_of(entries[0][0]), at, length))

    def finish(self, contest: str, version: int) -> int:
        """Writes the index; where it lies."""
        streams = {stream: [list(piece) for piece in pieces] for stream, pieces in self._pieces.items()}
        index = {"standings_archive": FORMAT, "contest": contest, "version": version, "streams": streams}
        return self._put(orjson.dumps(index, option=orjson.OPT_APPEND_NEWLINE))[0]

    def _put(self, content: bytes) -> tuple[int, int]:
        packed = gzip.compress(content, mtime=0)
        self._file.write(packed)
        at, self._at = self._at, self._at + len(packed)
        return at, len(packed)


class Archive:
    """The directory of archived entries, as every service sees it; None if this deployment has none."""

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory
        self._index = lru_cache(_INDEXES_KEPT)(self._read_index)
        self._piece = lru_cache(_PIECES_KEPT)(self._read_piece)

    def read(self, contest: str, record: Record, stream: str, after: int, count: int | None) -> list[Entry]:
        """Archived entries of a stream after a version, in order; at most `count`. Raises `Unarchived`."""
        with self._explained(contest, record):
            pieces = self._index(record)[stream]
            first = max(bisect_right(pieces, after + 1, key=lambda piece: piece.first) - 1, 0)
            found = (entry for piece in pieces[first:] for entry in self._piece(record.file, piece))
            return list(islice((entry for entry in found if version_of(entry[0]) > after), count))

    def pick(self, contest: str, record: Record, stream: str, versions: Sequence[int]) -> list[Entry]:
        """The archived entries of these versions, in their order. Raises `Unarchived`."""
        with self._explained(contest, record):
            pieces = self._index(record)[stream]
            return [self._entry(record, pieces, version) for version in versions]

    def _entry(self, record: Record, pieces: list[Piece], version: int) -> Entry:
        piece = pieces[bisect_right(pieces, version, key=lambda one: one.first) - 1]
        return self._piece(record.file, piece)[version - piece.first]

    @contextmanager
    def _explained(self, contest: str, record: Record) -> Iterator[None]:
        if self.directory is None:
            raise Unarchived(
                f"contest {contest}: versions up to {record.version} are archived in {record.file}: set "
                "STANDINGS_ARCHIVE to the directory that it is in"
            )
        try:
            yield
        except (OSError, EOFError, ValueError, LookupError, zlib.error) as error:
            raise Unarchived(
                f"contest {contest}: versions up to {record.version} cannot be read from {record.file}: {error}"
            ) from error

    def _read_index(self, record: Record) -> dict[str, list[Piece]]:
        index = orjson.loads(self._unpacked(record.file, record.index_at, -1))
        if index["standings_archive"] != FORMAT or index["version"] != record.version:
            raise ValueError("it is another file than was recorded")
        return {stream: [Piece(*piece) for piece in pieces] for stream, pieces in index["streams"].items()}

    def _read_piece(self, name: str, piece: Piece) -> list[Entry]:
        lines = map(orjson.loads, self._unpacked(name, piece.offset, piece.length).splitlines())
        return [
            (b"%d-0" % version, {key.encode(): value.encode() for key, value in fields.items()})
            for version, fields in lines
        ]

    def _unpacked(self, name: str, offset: int, length: int) -> bytes:
        with (cast(Path, self.directory) / name).open("rb") as file:
            file.seek(offset)
            return gzip.decompress(file.read(length))


def _text(fields: dict[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in fields.items()}


def record_of(stored: bytes | None) -> Record | None:
    """A record as Redis has it."""
    return None if stored is None else Record(*cast(list[Any], orjson.loads(stored)))
