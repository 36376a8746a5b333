"""The backup file as it is written: compressed NDJSON, whole or not there.

The first line is a header, then each contest is a line `{"contest"}`, a line for each of its log's entries, and a line
with its version and the SHA-256 of its entries' lines. The last line is the manifest: a file without it was cut off.
"""

import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, NamedTuple, cast

import orjson

from services.backups.entries import BackupEntry
from shared.runtime.files import open_to_others

FORMAT = 1
_COMPRESSION = 6


class Unusable(Exception):
    """The file is no backup, not whole, or damaged; says where."""


class Section(NamedTuple):
    """What the manifest says of a contest."""

    contest: str
    version: int
    sha256: str


class BackupWriter:
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

    def entry(self, entry: BackupEntry) -> None:
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
def placed(directory: Path, name: Callable[[], str]) -> Iterator[IO[bytes]]:
    """A file that is put in its place, on disk, when the block ends well; else there is none.

    It is asked for its name at the end, so that it may be named after what is in it.
    """
    with NamedTemporaryFile(dir=directory, prefix=".standings.", delete=False) as temporary:
        try:
            yield cast(IO[bytes], temporary)
            temporary.flush()
            open_to_others(temporary.fileno())
            os.fsync(temporary.fileno())
            Path(temporary.name).replace(directory / name())
            _keep_names(directory)
        except BaseException:
            Path(temporary.name).unlink(missing_ok=True)
            raise


def _keep_names(directory: Path) -> None:
    """Writes the directory to disk, so that a file's new name survives a power cut too."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """As `placed`, compressed."""
    with (
        placed(path.parent, lambda: path.name) as file,
        gzip.GzipFile("", "wb", _COMPRESSION, file, mtime=0) as compressed,
    ):
        yield cast(IO[bytes], compressed)
