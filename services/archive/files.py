"""The backup file: compressed NDJSON, whole or not there.

The first line is a header, then each contest is a line `{"contest"}`, a line for each of its log's entries, and a line
with its version and the SHA-256 of its entries' lines. The last line is the manifest: a file without it was cut off.
"""

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, NamedTuple, cast

import orjson

FORMAT = 1
_COMPRESSION = 6


class Unusable(Exception):
    """The file is no backup, not whole, or damaged; says where."""


class Entry(NamedTuple):
    """An entry of a log as it is stored, and the digest of the command that its event came of."""

    version: int
    fields: dict[str, str]
    digest: str

    def line(self) -> bytes:
        """As the file has it."""
        return orjson.dumps([self.version, self.fields, self.digest]) + b"\n"


class Section(NamedTuple):
    """What the manifest says of a contest."""

    contest: str
    version: int
    sha256: str


class Writer:
    """Writes a backup; `finish` gives the manifest."""

    def __init__(self, file: IO[bytes], made_at: str, partitions: int) -> None:
        self._file = file
        self._sections: list[Section] = []
        self._hash = sha256()
        self._write({"standings_backup": FORMAT, "made_at": made_at, "partitions": partitions})

    def begin(self, contest: str) -> None:
        """A contest's entries follow."""
        self._hash = sha256()
        self._write({"contest": contest})

    def entry(self, entry: Entry) -> None:
        """The contest's next entry."""
        line = entry.line()
        self._hash.update(line)
        self._file.write(line)

    def end(self, contest: str, version: int) -> None:
        """The contest's entries are all there."""
        section = Section(contest, version, self._hash.hexdigest())
        self._sections.append(section)
        self._write(section._asdict())

    def finish(self, policies: dict[str, str]) -> list[Section]:
        """Writes the manifest."""
        listed = [section._asdict() for section in self._sections]
        self._write({"manifest": listed, "policies": policies})
        return self._sections

    def _write(self, value: dict[str, Any]) -> None:
        self._file.write(orjson.dumps(value) + b"\n")


@contextmanager
def placed(path: Path) -> Iterator[IO[bytes]]:
    """A file that is put in its place, on disk, when the block ends well; else there is none."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as temporary:
        try:
            yield cast(IO[bytes], temporary)
            temporary.flush()
            os.fsync(temporary.fileno())
            Path(temporary.name).replace(path)
        except BaseException:
            Path(temporary.name).unlink(missing_ok=True)
            raise


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """As `placed`, compressed."""
    with placed(path) as file, gzip.GzipFile("", "wb", _COMPRESSION, file, mtime=0) as compressed:
        yield cast(IO[bytes], compressed)


class Backup:
    """A backup file, read from its beginning whenever it is asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: dict[str, Any] = {}
        self.sections: list[Section] = []
        self.policies: dict[str, str] = {}

    def check(self) -> "Backup":
        """Reads it to its end, and itself. Raises `Unusable` unless it is whole and every hash is right."""
        found = []
        for contest, entries in self.contests():
            last, hashed = 0, sha256()
            for entry in entries:
                if entry.version != last + 1:
                    raise Unusable(f"{self.path}: contest {contest}: version {entry.version} follows {last}")
                last = entry.version
                hashed.update(entry.line())
            found.append(Section(contest, last, hashed.hexdigest()))
        if found != self.sections:
            wrong = next(
                (b.contest for b, a in zip(self.sections, found, strict=False) if a != b), "its list"
            )
            raise Unusable(f"{self.path}: {wrong} is not what the manifest says")
        return self

    def version(self, contest: str) -> int:
        """Up to which version a checked backup has a contest."""
        return next(section.version for section in self.sections if section.contest == contest)

    def contests(self) -> Iterator[tuple[str, Iterator[Entry]]]:
        """Each contest with its entries, which are to be read before the next contest. Raises `Unusable`."""
        lines = self._lines()
        self.header = self._object(next(lines, b""))
        if self.header.get("standings_backup") != FORMAT:
            raise Unusable(f"{self.path} is not a backup that this release reads")
        for line in lines:
            value = self._object(line)
            if "manifest" in value:
                self.sections = [Section(**one) for one in value["manifest"]]
                self.policies = value["policies"]
                if next(lines, b""):  # reading on also checks the compressed file's own sum
                    raise Unusable(f"{self.path} goes on after its manifest")
                return
            yield value["contest"], self._entries(lines)
        raise Unusable(f"{self.path} ends before its manifest: it was cut off")

    def _entries(self, lines: Iterator[bytes]) -> Iterator[Entry]:
        for line in lines:
            if line.startswith(b"{"):
                return  # the section's end, which the manifest repeats
            try:
                yield Entry(*orjson.loads(line))
            except (orjson.JSONDecodeError, TypeError):
                raise Unusable(f"{self.path}: cannot be read: {line[:80]!r}") from None

    def _object(self, line: bytes) -> dict[str, Any]:
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise Unusable(f"{self.path} is not a backup: {line[:80]!r}")
        return found

    def _lines(self) -> Iterator[bytes]:
        try:
            with gzip.open(self.path, "rb") as file:
                yield from file
        except (OSError, EOFError) as error:
            raise Unusable(f"{self.path}: {error}") from None
