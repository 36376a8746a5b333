"""What subscribers wait for: the latest changes, as they came from the changes stream, and who is to be woken.

Everything here is a shortcut. A change that is not at hand is made again from the ledger, so a subscriber of a contest
misses none, however the changes reached this process.
"""

import asyncio
import json
import logging
import sys
from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property

import orjson

from shared.changes.cloud_event import CONTEST_RESET, reset_event
from shared.changes.filters import ScoreMove
from shared.domain.decimals import difference
from shared.domain.events import Version
from shared.storage.streams import Entry

log = logging.getLogger("standings")

# So many changes are kept at most, and so many bytes of them where nobody says otherwise.
_KEPT = 10_000
_KEPT_BYTES = 64 << 20
# What a change takes beside its texts; and its moves, which filters read, take about twice its JSON.
_OVERHEAD, _WITH_MOVES = 500, 3


class Change:
    """One version's CloudEvent. `cursor` is where the stream of all contests stands after it, '' if made again.

    It ends one history and follows another, None where a scorer of an earlier release did not say. A reset is told in
    the place of a change: what comes behind it is of another history than what came before.
    """

    def __init__(
        self,
        contest: str,
        version: Version,
        event: bytes,
        cursor: str = "",
        *,
        history: str | None = None,
        follows: str | None = None,
        is_reset: bool = False,
    ) -> None:
        self.contest = contest
        self.version = version
        self.event = event
        self.cursor = cursor
        self.history = history
        self.follows = follows
        self.is_reset = is_reset

    def may_follow(self, history: str | None) -> bool:
        """Whether it goes on from a history, as far as is known."""
        return None in (self.follows, history) or self.follows == history

    @property
    def nbytes(self) -> int:
        """Bytes held at most."""
        return _WITH_MOVES * len(self.event) + len(self.cursor) + _OVERHEAD

    @cached_property
    def moves(self) -> tuple[ScoreMove, ...]:
        """What the event says of scores, read once for all who filter."""
        if self.is_reset:
            return ()
        return tuple(
            ScoreMove(
                sys.intern(score["candidate"]),
                sys.intern(score["policy"]),
                Decimal(difference(score["after"]["score"], score["before"]["score"])).copy_abs(),
            )
            # Not by orjson, which reads decimals and integers beyond 64 bits as floats.
            for score in json.loads(self.event, parse_float=Decimal)["data"]["scores"]
        )


def change_of(entry: Entry, cursor: str) -> Change | None:
    """The change in an entry of a changes stream, behind which the stream of all contests stands at `cursor`.

    None where it is none: somebody else wrote into the stream, and the changes behind it are told all the same.
    """
    entry_id, fields = entry
    try:
        return _told(fields, cursor) if b"version" in fields else _told_reset(fields, cursor)
    except (KeyError, ValueError, TypeError):
        log.error("entry %s of a changes stream is no change, and is passed over", entry_id.decode())
        return None


def _told(fields: Mapping[bytes, bytes], cursor: str) -> Change:
    history, follows = fields.get(b"history"), fields.get(b"follows")
    return Change(
        fields[b"contest"].decode(),
        Version(int(fields[b"version"])),
        fields[b"event"],
        cursor,
        history=None if history is None else history.decode(),
        follows=None if follows is None else follows.decode(),
    )


def _told_reset(fields: Mapping[bytes, bytes], cursor: str) -> Change:
    event, history = fields[b"event"], fields[b"history"].decode()
    said = orjson.loads(event)
    if said["type"] != CONTEST_RESET:
        raise ValueError
    version = Version(int(said["data"]["version"]))
    return Change(fields[b"contest"].decode(), version, event, cursor, history=history, is_reset=True)


def reset_of(contest: str, version: Version, history: str, lost: str) -> Change:
    """A reset of whoever was told of the contest up to `lost`, a place of another history than it has by now."""
    return Change(
        contest, version, reset_event(contest, version, history, lost), history=history, is_reset=True
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
        if self._has(number, change):
            return  # delivered again
        if number != self.end or not self.changes or not change.may_follow(self.changes[-1].history):
            self.changes.clear()
            self.first = number
        self.append(change)

    def append(self, change: Change) -> None:
        """A change that follows the last one for certain."""
        self.changes.append(change)
        self.wake()

    def _has(self, number: int, change: Change) -> bool:
        if not self.changes or number >= self.end:
            return False
        return number < self.first or self.changes[number - self.first].history == change.history

    def forget(self, change: Change) -> None:
        """Drops the oldest change, if it is this one."""
        if self.changes and self.changes[0] is change:
            self.changes.popleft()
            self.first += 1

    def wake(self) -> None:
        """Wakes all readers that wait for a change."""
        self.behind = False
        self.moved.set()
        self.moved = asyncio.Event()

    def look(self, version: Version) -> None:
        """Is told now and then where the ledger stands.

        The change of a version that the ledger had at the last look, and that has not come since, was lost.
        """
        if self.changes and self.end <= self._stood:
            self.changes.clear()
            self.wake()
        self._stood = version

    def keeps(self, number: int) -> bool:
        """Whether every change from this number on is kept here or still to come."""
        return self.first <= number <= self.end

    def since(self, number: int, most: int, most_bytes: int) -> list[Change]:
        """Changes from this number on, if it is still kept: at most so many, and so many bytes or one."""
        changes: list[Change] = []
        if not self.first <= number < self.end:
            return changes
        for at in range(number - self.first, min(number - self.first + most, len(self.changes))):
            most_bytes -= len(self.changes[at].event)
            if changes and most_bytes < 0:
                break
            changes.append(self.changes[at])
        return changes


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
        # How many changes streams were lost or replaced: who follows all of them then comes again and is told.
        self.lost = 0

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

    def begin_anew(self, cursors: Mapping[str, str]) -> None:
        """Some streams were lost or replaced, and stand at these places by now."""
        self._cursors |= cursors
        self.lost += len(cursors)
        self.all.wake()

    def publish(self, stream: str, entries: list[Entry]) -> None:
        """Changes and resets that came, in the stream's order."""
        for entry in entries:
            self._cursors[stream] = entry[0].decode()
            change = change_of(entry, self.cursor)
            if change is None:
                continue
            if not change.is_reset and (channel := self._contests.get(change.contest)):
                channel.add(change.version, change)
            self.all.append(change)
            self.nbytes += change.nbytes
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
        """A reader of the contest has left."""
        channel = self._contests[contest]
        channel.readers -= 1
        if not channel.readers:
            del self._contests[contest]

    def look(self, contest: str, version: Version) -> None:
        """Is told now and then where a contest's ledger stands."""
        if channel := self._contests.get(contest):
            channel.look(version)

    def reset(self, contest: str) -> None:
        """A contest has another history than what was answered: who follows it finds that in its ledger.

        Who follows all contests is told by the changes stream.
        """
        if channel := self._contests.get(contest):
            channel.changes.clear()
            channel.wake()

    def wake(self, contest: str) -> None:
        """A contest's ledger was read further: wakes the readers that wait for it."""
        if (channel := self._contests.get(contest)) and channel.behind:
            channel.wake()

    def close(self) -> None:
        """The process ends: ends every subscription."""
        self.closing = True
        for channel in (self.all, *self._contests.values()):
            channel.wake()
