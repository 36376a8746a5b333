"""What an entry of a log may say, whoever wrote the file or the server that it is read from.

An event is held to what was ever taken at the door, so that whatever is brought into a server can be folded there or
parks its contest. One of a later release is held to its form alone: it parks its contest, as it did where it came from.
"""

import re
from typing import Final, NamedTuple

import orjson

from services.backups.facts import Wrong, refuse_facts
from shared.domain.errors import UnreadableEvent, UnreadableTime
from shared.domain.events import ContestOpened, Event
from shared.domain.times import start_of, was_time_zone
from shared.storage.codec import decode_event, knows

# An event id of 200 characters, and the number of a command's second and later events.
_ID: Final = re.compile(r"[!-~]{1,210}")
_TYPE: Final = re.compile(r"[a-z][a-z.-]{0,80}\.v[0-9]{1,4}")
_DIGEST: Final = re.compile(r"[0-9a-f]{0,64}")
_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_FIELDS: Final = {"id", "type", "known_at", "data"}
# Where the contest's clock is imported, when the server learned of it stands beside.
_IMPORTED: Final = {"recorded_at"}


class BackupEntry(NamedTuple):
    """An entry of a log as it is stored, and the digest of the command that its event came of."""

    version: int
    fields: dict[str, str]
    digest: str

    def line(self) -> bytes:
        """As a backup has it."""
        return orjson.dumps([self.version, self.fields, self.digest]) + b"\n"


def entry_of(line: bytes) -> BackupEntry:
    """The entry in a line. Raises `Wrong` unless it has an entry's parts, each of its type."""
    try:
        version, said, digest = orjson.loads(line)
    except (ValueError, TypeError):
        raise Wrong("cannot be read") from None
    texts = isinstance(said, dict) and all(isinstance(text, str) for text in said.values())
    if type(version) is not int or not texts or not isinstance(digest, str):
        raise Wrong("is no version, fields and digest")
    return BackupEntry(version, said, digest)


class Follows:
    """Takes a contest's entries one after the other, and tells the first that cannot follow."""

    def __init__(self, contest: str) -> None:
        self.version = 0
        self._contest = contest
        self._known_at = ""
        self._fields = _FIELDS
        self._zone = "UTC"

    def take(self, entry: BackupEntry) -> None:
        """The next entry. Raises `Wrong`."""
        if entry.version != self.version + 1:
            raise Wrong(f"follows {self.version}")
        event = _event(entry.fields)
        if entry.version == 1 or isinstance(event, ContestOpened):
            self._open(entry.version, event, entry.fields)
        if event is not None:
            refuse_facts(event, self._zone, len(entry.fields["data"]))
        self._refuse_form(entry)
        self.version, self._known_at = entry.version, entry.fields["known_at"]

    def _open(self, version: int, event: Event | None, said: dict[str, str]) -> None:
        if event is None:  # of a later release, which knows whether `recorded_at` goes with it
            self._fields = _FIELDS | (said.keys() & _IMPORTED)
            return
        if version != 1 or not isinstance(event, ContestOpened):
            raise Wrong(f"is {said['type']}: a contest is opened by its first event, and by no other")
        if event.contest != self._contest:
            raise Wrong(f"opens contest {event.contest[:40]!r}")
        if not was_time_zone(event.timezone):
            raise Wrong(f"has timezone {event.timezone[:40]!r}, which is not known")
        self._zone = event.timezone
        self._fields = _FIELDS | _IMPORTED if event.clock == "imported" else _FIELDS

    def _refuse_form(self, entry: BackupEntry) -> None:
        said = entry.fields
        if said.keys() != self._fields:
            raise Wrong(f"has fields {', '.join(sorted(said))[:80]}, not {', '.join(sorted(self._fields))}")
        if not _ID.fullmatch(said["id"]) or not _DIGEST.fullmatch(entry.digest):
            raise Wrong(f"has id {said['id'][:40]!r} and digest {entry.digest[:40]!r}")
        for name in self._fields & {"known_at", "recorded_at"}:
            _refuse_instant(name, said[name])
        if said["known_at"] < self._known_at:
            raise Wrong(f"has known_at {said['known_at']}, before {self._known_at}")


def _event(said: dict[str, str]) -> Event | None:
    """The event, or None if it is of a later release."""
    kind, data = said.get("type", ""), said.get("data", "").encode()
    try:
        if knows(kind):
            return decode_event(kind.encode(), data)
        later = orjson.loads(data)
    except (UnreadableEvent, ValueError) as error:
        raise Wrong(f"has no event: {error}") from None
    if not _TYPE.fullmatch(kind) or not isinstance(later, dict):
        raise Wrong(f"has no event: type {kind[:40]!r}")
    return None


def _refuse_instant(name: str, text: str) -> None:
    try:
        readable = bool(_INSTANT.fullmatch(text)) and start_of(text, "UTC", name) is not None
    except UnreadableTime:
        readable = False
    if not readable:
        raise Wrong(f"has {name} {text[:40]!r}")
