"""What subscribers wait for: the latest changes, as they came from the changes stream, and who is to be woken.

Everything here is a shortcut. A change that is not at hand is made again from the ledger, so a subscriber of a contest
misses none, however the changes reached this process.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import orjson

from shared.streams import Entry

_KEPT = 2000


class Change:
    """One version's CloudEvent. `cursor` is where the stream of all contests stands after it, '' if made again."""

    def __init__(self, contest: str, version: int, event: bytes, cursor: str = "") -> None:
        self.contest = contest
        self.version = version
        self.event = event
        self.cursor = cursor

    @cached_property
    def data(self) -> dict[str, Any]:
        """What the event says, read once for all who filter."""
        found: dict[str, Any] = orjson.loads(self.event)["data"]
        return found

    @cached_property
    def of_contest(self) -> bytes:
        """As a server-sent event for subscribers of its contest."""
        return frame(str(self.version), self.event)

    @cached_property
    def of_all(self) -> bytes:
        """As a server-sent event for subscribers of every contest."""
        return frame(self.cursor, self.event)


def frame(cursor: str, event: bytes) -> bytes:
    """A server-sent event. Source: WHATWG HTML, 9.2 Server-sent events."""
    return b"id: %b\nevent: change\ndata: %b\n\n" % (cursor.encode(), event)


class Channel:
    """The latest changes of one contest, or of all, in order; `first` is the number of the oldest that is kept."""

    def __init__(self) -> None:
        self.changes: deque[Change] = deque()
        self.first = 0
        self.moved = asyncio.Event()
        self.readers = 0
        # Whether somebody waits for the ledger, and not only for the next change.
        self.behind = False
        self._stood = 0

    @property
    def end(self) -> int:
        """The number of the next change."""
        return self.first + len(self.changes)

    def add(self, number: int, change: Change) -> None:
        """The next change. Where it does not follow the last one, what came before is forgotten."""
        if number != self.end or not self.changes:
            if number < self.end and self.changes:
                return  # delivered again
            self.changes.clear()
            self.first = number
        self.changes.append(change)
        if len(self.changes) > _KEPT:
            self.changes.popleft()
            self.first += 1
        self.wake()

    def wake(self) -> None:
        """Wakes everyone who waits."""
        self.behind = False
        self.moved.set()
        self.moved = asyncio.Event()

    def look(self, version: int) -> None:
        """Told now and then where the ledger stands: what it had a look ago and has not come is lost on its way."""
        if self.changes and self.end <= self._stood:
            self.changes.clear()
            self.wake()
        self._stood = version

    def since(self, number: int, most: int) -> list[Change]:
        """Changes from this number on, if it is still kept."""
        if not self.first <= number < self.end:
            return []
        begin = number - self.first
        return [self.changes[i] for i in range(begin, min(begin + most, len(self.changes)))]


class Hub:
    """A channel for each contest that somebody subscribes to, and one for all contests."""

    def __init__(self) -> None:
        self.all = Channel()
        self.closing = False
        self._contests: dict[str, Channel] = {}
        self._cursors: dict[str, str] = {}

    def stand(self, cursors: Mapping[str, str]) -> None:
        """Where each partition's changes stream stood when this process began to follow it."""
        self._cursors = dict(cursors)

    @property
    def cursor(self) -> str:
        """Where the stream of all contests stands: the last entry of each partition's."""
        return ",".join(self._cursors.values())

    def publish(self, stream: str, entries: list[Entry]) -> None:
        """Changes that came, in the stream's order."""
        for entry_id, fields in entries:
            self._cursors[stream] = entry_id.decode()
            contest, version = fields[b"contest"].decode(), int(fields[b"version"])
            change = Change(contest, version, fields[b"event"], self.cursor)
            self.all.add(self.all.end, change)
            if channel := self._contests.get(contest):
                channel.add(version, change)

    def enter(self, contest: str) -> Channel:
        """The channel of a contest, for one more reader."""
        channel = self._contests.setdefault(contest, Channel())
        channel.readers += 1
        return channel

    def leave(self, contest: str) -> None:
        """One reader less."""
        channel = self._contests[contest]
        channel.readers -= 1
        if not channel.readers:
            del self._contests[contest]

    def look(self, contest: str, version: int) -> None:
        """Told now and then where a contest's ledger stands."""
        if channel := self._contests.get(contest):
            channel.look(version)

    def wake(self, contest: str) -> None:
        """A contest's ledger was read further, which matters to those who wait for it."""
        if (channel := self._contests.get(contest)) and channel.behind:
            channel.wake()

    def close(self) -> None:
        """The process ends: lets everyone go."""
        self.closing = True
        for channel in (self.all, *self._contests.values()):
            channel.wake()
