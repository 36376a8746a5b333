"""Archived entries: old versions of a contest's log and ledger that were moved out of Redis into a file.

In Redis stays a record of the file, and everything from the archived version on. The file is only ever written by us,
but it lies where others may write too, so what is read is held against the record.
"""

import os
import re
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, cast

import orjson

from shared.domain.errors import UnreadableEvent
from shared.domain.ids import is_slug
from shared.runtime.files import opened
from shared.runtime.kept import Kept
from shared.storage.archive_files import ArchivePiece, Index, WrittenArchive, entries_of, index_of
from shared.storage.streams import Entry

# Of what was read: half of it for indexes, half for pieces.
KEPT_BYTES: Final = 64 << 20
# What Python's objects take, nearly: of an entry beside its values, and of a piece in an index.
_ENTRY_BYTES, _PIECE_BYTES = 700, 500
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Unarchived(UnreadableEvent):
    """Archived entries cannot be read here; says why and the way out."""


class ArchiveMissing(Unarchived):
    """`STANDINGS_ARCHIVE` names no directory, so archived entries cannot be read here."""


class ArchiveRecord(NamedTuple):
    """Where a contest's archived entries lie: up to `version`, of the log and of one generation's ledger.

    `sha256` is that of the file's index; it is '' for a file of format 1.
    """

    version: int
    generation: int
    file: str
    index_at: int
    sha256: str = ""


def file_name(contest: str, version: int, sha256: str) -> str:
    """The one name that a contest's file may have: of what is in it, so no other file takes its place."""
    return ".".join((contest, str(version), *([sha256[:16]] if sha256 else []), "ndjson.gz"))


def record_of(contest: str, stored: bytes | None) -> ArchiveRecord | None:
    """A contest's record as Redis has it. Raises `Unarchived` if it is none: it would lead anywhere."""
    if stored is None:
        return None
    try:
        said = orjson.loads(stored)
    except orjson.JSONDecodeError:
        said = None
    kinds = [type(part) for part in said] if isinstance(said, list) else []
    if kinds in ([int, int, str, int], [int, int, str, int, str]):
        record = ArchiveRecord(*said)
        hashed = len(kinds) == len(ArchiveRecord._fields)
        known = _SHA256.fullmatch(record.sha256) if hashed else True
        if known and is_slug(contest) and record.file == file_name(contest, record.version, record.sha256):
            return record
    raise Unarchived(f"contest {contest[:130]!r}: what Redis says of its archived versions is no such record")


class Archive:
    """The directory of archived entries, as every service sees it; None if this deployment has none."""

    def __init__(self, directory: Path | None, kept_bytes: int = KEPT_BYTES) -> None:
        """Keeps so many bytes of what it read."""
        self.directory = directory
        self._indexes: Kept[tuple[str, ArchiveRecord], Index] = Kept(kept_bytes // 2)
        self._pieces: Kept[tuple[str, ArchivePiece], list[Entry]] = Kept(kept_bytes // 2)

    @property
    def nbytes(self) -> int:
        """Bytes kept of what was read, nearly."""
        return self._indexes.nbytes + self._pieces.nbytes

    def shrink(self, most_bytes: int) -> None:
        """Gives up what was read until no more than so many bytes of it are kept."""
        self._pieces.shrink(max(most_bytes - self._indexes.nbytes, 0))
        self._indexes.shrink(most_bytes)

    def read(
        self, contest: str, record: ArchiveRecord, stream: str, after: int, count: int | None
    ) -> list[Entry]:
        """Archived entries of a stream after a version, in order; at most `count`. Raises `Unarchived`."""
        last = record.version if count is None else min(record.version, after + count)
        return self.pick(contest, record, stream, range(after + 1, last + 1))

    def pick(self, contest: str, record: ArchiveRecord, stream: str, versions: Sequence[int]) -> list[Entry]:
        """The archived entries of these versions, in their order. Raises `Unarchived`."""
        picked: dict[int, Entry] = {}
        with self._explained(contest, record):
            for piece, wanted in _by_piece(self._index(contest, record)[stream], versions):
                entries = self._piece(record.file, piece)
                picked |= {version: entries[version - piece.first] for version in wanted}
            return [picked[version] for version in versions]

    @contextmanager
    def _explained(self, contest: str, record: ArchiveRecord) -> Iterator[None]:
        if self.directory is None:
            raise ArchiveMissing(
                f"contest {contest}: versions up to {record.version} are archived in {record.file}: set "
                "STANDINGS_ARCHIVE to the directory that it is in"
            )
        try:
            yield
        except (OSError, ValueError, LookupError, zlib.error) as error:
            if not os.path.isdir(self.directory):  # noqa: PTH112 - a Path's raises where it may not look
                raise ArchiveMissing(
                    f"contest {contest}: versions up to {record.version} are archived in {record.file}, and "
                    f"STANDINGS_ARCHIVE, {self.directory}, is no directory that this service sees"
                ) from error
            raise Unarchived(
                f"contest {contest}: versions up to {record.version} cannot be read from {record.file}: {error}: "
                "bring the file back from a copy"
            ) from error

    def _index(self, contest: str, record: ArchiveRecord) -> Index:
        index = self._indexes.get((contest, record))
        if index is None:
            with opened(self._path(record.file), follow=False) as file:
                written = WrittenArchive(record.index_at, record.sha256)
                index = index_of(file, contest, record.version, record.generation, written)
            self._indexes.put((contest, record), index, _index_size(index))
        return index

    def _piece(self, name: str, piece: ArchivePiece) -> list[Entry]:
        entries = self._pieces.get((name, piece))
        if entries is None:
            with opened(self._path(name), follow=False) as file:
                entries = entries_of(file, piece)
            self._pieces.put((name, piece), entries, _piece_size(entries))
        return entries

    def _path(self, name: str) -> Path:
        return cast(Path, self.directory) / name


def _index_size(index: Index) -> int:
    return _PIECE_BYTES * sum(map(len, index.values()))


def _piece_size(entries: list[Entry]) -> int:
    return sum(_ENTRY_BYTES + sum(map(len, fields.values())) for _, fields in entries)


def _by_piece(
    pieces: list[ArchivePiece], versions: Sequence[int]
) -> Iterator[tuple[ArchivePiece, list[int]]]:
    """Each piece with those of the versions that are in it, so that it is read once."""
    by_piece: dict[int, list[int]] = {}
    for version in versions:
        by_piece.setdefault(bisect_right(pieces, version, key=lambda piece: piece.first) - 1, []).append(
            version
        )
    for place, wanted in by_piece.items():
        yield pieces[place], wanted
