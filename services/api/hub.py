"""What subscribers wait for: the latest changes, as they came from the changes stream, and who is to be woken.

Everything here is a shortcut. A change that is not at hand is made again from the ledger, so a subscriber of a contest
misses none, however the changes reached this process.
"""

import asyncio
import sys
from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

import orjson

from shared.streams import Entry

# So many changes are kept at most, and so many bytes of them where nobody says otherwise.
_KEPT = 10_000
_KEPT_BYTES = 64 << 20
# What a change takes beside its texts; and its moves, which filters read, take about twice its JSON.
_OVERHEAD, _WITH_MOVES = 500, 3


class ScoreMove(NamedTuple):
    """By how many points whose score moved, under which policy; by none where only the rank did."""

    candidate: str
    policy: str
    points: Decimal


class Change:
    """One version's CloudEvent. `cursor` is where the stream of all contests stands after it, '' if made again."""

    def __init__(self, contest: str, version: int, event: bytes, cursor: str = "") -> None:
        self.contest = contest
        self.version = version
        self.event = event
        self.cursor = cursor

    @property
    def nbytes(self) -> int:
        """Bytes held at most."""
        return _WITH_MOVES * len(self.event) + len(self.cursor) + _OVERHEAD

    @cached_property
    def moves(self) -> tuple[ScoreMove, ...]:
        """What the event says of scores, read once for all who filter."""
        return tuple(
            ScoreMove(
                sys.intern(one["candidate"]),
                sys.intern(one["policy"]),
                abs(Decimal(str(one["after"]["score"])) - Decimal(str(one["before"]["score"]))),
            )
            for one in orjson.loads(self.event)["data"]["scores"]
        )


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
        self.wake()

    def forget(self, change: Change) -> None:
        """Drops the oldest change, if it is this one."""
        if self.changes and self.changes[0] is change:
            self.changes.popleft()
            self.first += 1

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

    def keeps(self, number: int) -> bool:
        """Whether nothing from this number on is lost here: it is kept, or still to come."""
        return self.first <= number <= self.end

    def since(self, number: int, most: int, most_bytes: int) -> list[Change]:
        """Changes from this number on, if it is still kept: at most so many, and so many bytes or one."""
        found: list[Change] = []
        if not self.first <= number < self.end:
            return found
        for at in range(number - self.first, min(number - self.first + most, len(self.changes))):
            most_bytes -= len(self.changes[at].event)
            if found and most_bytes < 0:
                break
            found.append(self.changes[at])
        return found


class Hub:
    """A channel for each contest that somebody subscribes to, and one for all contests.

    What the one for all does not keep any more, no other keeps: so many changes, and so many bytes.
    """

    def __init__(self, most_bytes: int = _KEPT_BYTES) -> None:
        self.all = Channel()
        self.closing = False
        self.stood = asyncio.Event()
        self.nbytes = 0
        self._most_bytes = most_bytes
        self._contests: dict[str, Channel] = {}
        self._cursors: dict[str, str] = {}

    def stand(self, cursors: Mapping[str, str]) -> None:
        """Where each partition's changes stream stood when this process began to follow it."""
        self._cursors = dict(cursors)
        self.stood.set()

    @property
    def places(self) -> dict[str, str]:
        """The last entry of each partition's stream that came."""
        return dict(self._cursors)

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
            self.nbytes += change.nbytes
            if channel := self._contests.get(contest):
                channel.add(version, change)
            self.shrink(self._most_bytes)

    def shrink(self, most_bytes: int) -> None:
        """Forgets the oldest changes until what is kept is no more than that, but for the latest one."""
        while len(self.all.changes) > 1 and (self.nbytes > most_bytes or len(self.all.changes) > _KEPT):
            oldest = self.all.changes[0]
            self.all.forget(oldest)
            if channel := self._contests.get(oldest.contest):
                channel.forget(oldest)
            self.nbytes -= oldest.nbytes

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

    def reset(self, contest: str) -> None:
        """A contest has another history than the changes that are kept of it."""
        if channel := self._contests.get(contest):
            channel.changes.clear()
            channel.wake()

    def wake(self, contest: str) -> None:
        """A contest's ledger was read further, which matters to those who wait for it."""
        if (channel := self._contests.get(contest)) and channel.behind:
            channel.wake()

    def close(self) -> None:
        """The process ends: lets everyone go."""
        self.closing = True
        for channel in (self.all, *self._contests.values()):
            channel.wake()
