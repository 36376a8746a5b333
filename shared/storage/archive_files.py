"""The file of archived entries: compressed NDJSON, `[version, fields]` a line, in pieces and an index behind them.

A piece is a gzip member that can be read by itself. The index has the SHA-256 of each, and who reads it knows the
SHA-256 of the index: so what is read is what was written. Files of format 1 have no hashes: of them lengths,
versions and order are checked.
"""

import zlib
from gzip import compress
from hashlib import sha256
from itertools import pairwise
from typing import IO, Any, BinaryIO, Final, NamedTuple

import orjson

from shared.storage.streams import Entry, version_of

FORMAT: Final = 2
# The streams of a contest, as a file names them, in the order in which they lie there.
LOG, LEDGER = "log", "ledger"
STREAMS: Final = (LOG, LEDGER)

# A piece ends after so many entries, or when they have so many bytes.
PIECE_ENTRIES, PIECE_BYTES = 1000, 4 << 20
# More than any file has: a piece of format 1 ended after a thousand entries only, however long they were.
MOST_PIECE_BYTES, MOST_INDEX_BYTES = 256 << 20, 64 << 20


class ArchivePiece(NamedTuple):
    """Entries of one stream that lie together: versions `first` to `last`, `length` bytes at `offset`."""

    first: int
    last: int
    offset: int
    length: int
    sha256: str


Index = dict[str, list[ArchivePiece]]


class WrittenArchive(NamedTuple):
    """Where the index of a file begins, and its SHA-256."""

    index_at: int
    sha256: str


class ArchiveWriter:
    """Writes a file; give it the entries of the log, then those of the ledger, each in order."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._pieces: dict[str, list[list[int | str]]] = {stream: [] for stream in STREAMS}
        self._lines: list[bytes] = []
        self._first, self._size, self._at = 0, 0, 0

    def write(self, stream: str, entries: list[Entry]) -> None:
        """The next entries of a stream."""
        for entry_id, fields in entries:
            version = version_of(entry_id)
            line = orjson.dumps([version, _text(fields)], option=orjson.OPT_APPEND_NEWLINE)
            self._first = self._first or version
            self._lines.append(line)
            self._size += len(line)
            if len(self._lines) == PIECE_ENTRIES or self._size >= PIECE_BYTES:
                self.end(stream)

    def end(self, stream: str) -> None:
        """The piece, and perhaps the stream, ends here."""
        if self._lines:
            offset, packed = self._put(b"".join(self._lines))
            self._pieces[stream].append([self._first, offset, len(packed), sha256(packed).hexdigest()])
        self._lines, self._first, self._size = [], 0, 0

    def finish(self, contest: str, version: int, generation: int) -> WrittenArchive:
        """Writes the index."""
        index = {
            "standings_archive": FORMAT,
            "contest": contest,
            "version": version,
            "generation": generation,
        }
        at, packed = self._put(
            orjson.dumps({**index, "streams": self._pieces}, option=orjson.OPT_APPEND_NEWLINE)
        )
        return WrittenArchive(at, sha256(packed).hexdigest())

    def _put(self, content: bytes) -> tuple[int, bytes]:
        packed = compress(content, mtime=0)
        self._file.write(packed)
        at, self._at = self._at, self._at + len(packed)
        return at, packed


def index_of(file: BinaryIO, contest: str, version: int, generation: int, written: WrittenArchive) -> Index:
    """The index of a contest's file. `written.sha256` is '' for format 1.

    Raises `ValueError` if the file is of another contest, version or generation.
    """
    length = file.seek(0, 2) - written.index_at
    if not 0 < length <= MOST_INDEX_BYTES:
        raise ValueError("its index is not where it was recorded")
    index = orjson.loads(_unpacked(file, written.index_at, length, written.sha256, MOST_INDEX_BYTES))
    said = {"standings_archive": FORMAT, "contest": contest, "version": version, "generation": generation}
    if not written.sha256:
        said = {"standings_archive": 1, "contest": contest, "version": version}
    if not isinstance(index, dict) or said != {name: index.get(name) for name in said}:
        raise ValueError("it is another file than was recorded")
    return _checked(index.get("streams"), version, written)


def _checked(streams: Any, version: int, written: WrittenArchive) -> Index:
    """The pieces of each stream, which lie one behind the other and leave no version out."""
    if not isinstance(streams, dict) or tuple(streams) != STREAMS:
        raise ValueError("its index does not name log and ledger")
    pieces = {stream: _pieces(streams[stream], version, bool(written.sha256)) for stream in STREAMS}
    every = [piece for stream in STREAMS for piece in pieces[stream]]
    ends = [0, *(piece.offset + piece.length for piece in every)]
    if [*(piece.offset for piece in every), written.index_at] != ends:
        raise ValueError("its pieces do not lie one behind the other")
    return pieces


def _pieces(listed: Any, version: int, hashed: bool) -> list[ArchivePiece]:
    parts = (int, int, int, str) if hashed else (int, int, int)
    if not isinstance(listed, list) or not all(_has_parts(piece, parts) for piece in listed):
        raise ValueError("its index lists no pieces")
    firsts = [*(piece[0] for piece in listed), version + 1]
    if firsts[0] != 1 or not all(0 < after - first <= PIECE_ENTRIES for first, after in pairwise(firsts)):
        raise ValueError("its index leaves versions out, or has some twice")
    if not all(0 < length <= MOST_PIECE_BYTES for _, _, length, *_ in listed):
        raise ValueError("its index has pieces of a length that none has")
    return [
        ArchivePiece(first, following - 1, offset, length, *(rest or ("",)))
        for (first, offset, length, *rest), following in zip(listed, firsts[1:], strict=True)
    ]


def _has_parts(value: object, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, list) and [type(part) for part in value] == list(kinds)


def entries_of(file: BinaryIO, piece: ArchivePiece) -> list[Entry]:
    """The entries of a piece: those that the index says are in it. Raises `ValueError`."""
    content = _unpacked(file, piece.offset, piece.length, piece.sha256, MOST_PIECE_BYTES)
    if content.count(b"\n") != piece.last - piece.first + 1:
        raise ValueError(f"versions {piece.first} to {piece.last} are not as many as it has")
    return [_entry(line, version) for version, line in enumerate(content.split(b"\n")[:-1], piece.first)]


def _entry(line: bytes, version: int) -> Entry:
    said = orjson.loads(line)
    if not _has_parts(said, (int, dict)) or said[0] != version:
        raise ValueError(f"version {version} is not where it belongs")
    if not all(isinstance(value, str) for value in said[1].values()):
        raise ValueError(f"version {version} has fields that are no text")
    return b"%d-0" % version, {name.encode(): value.encode() for name, value in said[1].items()}


def _unpacked(file: BinaryIO, offset: int, length: int, digest: str, most: int) -> bytes:
    """What is in a gzip member of the file, if it has this SHA-256 and at most so many bytes."""
    file.seek(offset)
    packed = file.read(length)
    if digest and sha256(packed).hexdigest() != digest:
        raise ValueError(f"what lies at {offset} is not what was written there")
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    content = unpacking.decompress(packed, most + 1)
    if len(content) > most or not unpacking.eof or unpacking.unused_data:
        raise ValueError(f"what lies at {offset} has another length")
    return content


def _text(fields: dict[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in fields.items()}
