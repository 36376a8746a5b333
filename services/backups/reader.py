"""The backup file as it is read: as if a stranger sent it, in memory that does not grow with its events."""

import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import GzipFile
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from services.backups.entries import BackupEntry, Follows, entry_of
from services.backups.facts import Wrong
from services.backups.files import FORMAT, Section, Unusable
from services.backups.unique_ids import seen
from shared.domain.ids import is_slug
from shared.runtime.files import opened
from shared.values.text import sentence

# Eight times the longest entry that ingest can write. The manifest may also be as long as all that it repeats.
LONGEST_LINE: Final = 1 << 20
MOST_CONTESTS: Final = 1_000_000
MOST_POLICIES: Final = 10_000
_MANIFEST: Final = ("manifest", "policies")
_POLICY: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,119}@[0-9]{1,18}")
_POLICY_DIGEST: Final = re.compile(r"[0-9a-f]{32}")


class Backup:
    """A backup file, read from its beginning whenever it is asked."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.path = path
        self.policies: dict[str, str] = {}
        self._file = file
        self._sections: dict[str, Section] = {}
        self._listed = 0

    @property
    def sections(self) -> list[Section]:
        """What a checked backup has of each contest."""
        return list(self._sections.values())

    def version(self, contest: str) -> int:
        """Up to which version a checked backup has a contest."""
        return self._sections[contest].version

    def check(self) -> "Backup":
        """Reads it to its end, and itself. Raises `Unusable` unless it is whole, and all that it says could be."""
        with seen() as ids:
            for contest, entries in self.contests():
                ids.forget()
                follows = Follows(contest)
                for entry in entries:
                    try:
                        follows.take(entry)
                    except Wrong as wrong:
                        raise self._unusable(f"contest {contest}: version {entry.version} {wrong}") from None
                    if not ids.add(entry.fields["id"]):
                        raise self._unusable(
                            f"contest {contest}: version {entry.version} has id {entry.fields['id']!r}, "
                            "which came before"
                        )
        return self

    def contests(self) -> Iterator[tuple[str, Iterator[BackupEntry]]]:
        """Each contest with its entries, which are to be read before the next contest.

        Raises `Unusable`, also where a checked file is not any more what was checked.
        """
        lines = self._lines()
        self._refuse_header(self._object(next(lines, b"")))
        sections: dict[str, Section] = {}
        for line in lines:
            value = self._object(line)
            if "manifest" in value:
                self._end(value, sections)
                if next(lines, b""):  # reading on also checks the compressed file's own sum
                    raise self._unusable("it goes on after its manifest")
                return
            contest = self._contest(value, sections)
            yield contest, self._entries(contest, lines, sections)
        raise self._unusable("it ends before its manifest: it was cut off")

    def _entries(
        self, contest: str, lines: Iterator[bytes], sections: dict[str, Section]
    ) -> Iterator[BackupEntry]:
        version, hashed = 0, sha256()
        for line in lines:
            if line.startswith(b"{"):
                read = Section(contest, version, hashed.hexdigest())
                if self._object(line) != read._asdict() or read != self._sections.get(contest, read):
                    raise self._unusable(f"contest {contest} is not what its hash says")
                sections[contest] = read
                self._listed += len(line)
                return
            hashed.update(line)
            try:
                entry = entry_of(line)
            except Wrong as wrong:
                raise self._unusable(f"contest {contest}: what follows version {version} {wrong}") from None
            version = entry.version
            yield entry
        raise self._unusable(f"it ends within contest {contest}: it was cut off")

    def _refuse_header(self, value: dict[str, Any]) -> None:
        number = value.get("standings_backup")
        if type(number) is not int or number != FORMAT:
            raise self._unusable("it is not a backup that this release reads")

    def _contest(self, value: dict[str, Any], sections: dict[str, Section]) -> str:
        contest = value.get("contest")
        if not isinstance(contest, str) or value.keys() != {"contest"}:
            raise self._unusable("what follows is neither a contest nor a manifest")
        if not is_slug(contest):
            raise self._unusable(f"contest {contest[:130]!r}: that is no contest's id")
        if contest in sections:
            raise self._unusable(f"contest {contest} comes twice")
        if len(sections) == MOST_CONTESTS:
            raise self._unusable(f"it has more than {MOST_CONTESTS:,} contests")
        return contest

    def _end(self, value: dict[str, Any], sections: dict[str, Section]) -> None:
        policies = value.get("policies")
        if not isinstance(policies, dict) or not _are_policies(policies) or len(value) != len(_MANIFEST):
            raise self._unusable("its manifest is not one")
        if value["manifest"] != [section._asdict() for section in sections.values()]:
            raise self._unusable("its contests are not what its manifest says")
        if self._sections and (sections, policies) != (self._sections, self.policies):
            raise self._unusable("it changed while it was read")
        self._sections, self.policies = sections, policies

    def _object(self, line: bytes) -> dict[str, Any]:
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            value = None
        if not isinstance(value, dict):
            raise self._unusable(f"it is not a backup: {line[:80]!r}")
        return value

    def _lines(self) -> Iterator[bytes]:
        self._listed = 0
        try:
            self._file.seek(0)
            with GzipFile(fileobj=self._file) as unpacked:
                while line := unpacked.readline(LONGEST_LINE + self._listed + 1):
                    if len(line) > LONGEST_LINE + self._listed:
                        raise self._unusable(f"a line has more than {LONGEST_LINE + self._listed:,} bytes")
                    yield line
        except (OSError, EOFError, zlib.error) as error:
            raise self._unusable(str(error)) from None

    def _unusable(self, why: str) -> Unusable:
        return Unusable(sentence(f"{self.path}: {why}"))


def _are_policies(policies: dict[str, Any]) -> bool:
    return len(policies) <= MOST_POLICIES and all(
        _POLICY.fullmatch(name) and isinstance(digest, str) and _POLICY_DIGEST.fullmatch(digest)
        for name, digest in policies.items()
    )


@contextmanager
def checked(path: Path) -> Iterator[Backup]:
    """A backup that was read to its end before anything is done with it. Raises `Unusable`."""
    try:
        file = opened(path)
    except OSError as error:
        raise Unusable(sentence(str(error))) from None
    with file:
        yield Backup(file, path).check()
