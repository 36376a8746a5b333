"""What subscribers wait for: the latest changes, as they came from the changes stream, and who is to be woken.

Everything here is a shortcut. A change that is not at hand is made again from the ledger, so a subscriber of a contest
misses none, however the changes reached this process.
"""

import asyncio
import logging
import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cached_property

import orjson

from shared.changes.cloud_event import reset_event
from shared.changes.filters import ScoreMove
from shared.storage.streams import Entry

log = logging.getLogger("standings")

# So many changes are kept at most, and so many bytes of them where nobody says otherwise.
_KEPT = 10_000
_KEPT_BYTES = 64 << 20
# What a change takes beside its texts; and its moves, which filters read, take about twice its JSON.
_OVERHEAD, _WITH_MOVES = 500, 3
_HISTORIES_KEPT = 20_000


class Change:
    """One version's CloudEvent. `cursor` is where the stream of all contests stands after it, '' if made again.

    It ends one history and follows another, None where a scorer of an earlier release did not say. A reset is told in
    the place of a change: what comes behind it is of another history than what came before.
    """

    def __init__(
        self,
        contest: str,
        version: int,
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
                sys.intern(one["candidate"]),
                sys.intern(one["policy"]),
                abs(Decimal(str(one["after"]["score"])) - Decimal(str(one["before"]["score"]))),
            )
            for one in orjson.loads(self.event)["data"]["scores"]
        )


def change_of(entry: Entry, cursor: str) -> Change | None:
    """The change in an entry of a changes stream, behind which the stream of all contests stands at `cursor`.

    None where it is none: somebody else wrote into the stream, and the changes behind it are told all the same.
    """
    entry_id, fields = entry
    history, follows = fields.get(b"history"), fields.get(b"follows")
    try:
        return Change(
            fields[b"contest"].decode(),
            int(fields[b"version"]),
            fields[b"event"],
            cursor,
            history=None if history is None else history.decode(),
            follows=None if follows is None else follows.decode(),
        )
    except (KeyError, ValueError):
        log.error("entry %s of a changes stream is no change, and is passed over", entry_id.decode())
        return None


def reset_of(contest: str, version: int, history: str | None, cursor: str = "") -> Change:
    """A reset: the contest's history by now, as far as it is known."""
    event = reset_event(contest, version, history or "")
    return Change(contest, version, event, cursor, history=history, is_reset=True)


# The history of a contest at a version, None where it is not known.
Answered = Callable[[str, int], str | None]


def _nothing(contest: str, version: int) -> str | None:  # noqa: ARG001 - as `Answered`
    return None


class Histories:
    """The history that each contest's latest change ended: of so many contests, those that changed last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._last: OrderedDict[str, str] = OrderedDict()

    def breaks(self, change: Change, answered: Answered = _nothing) -> bool:
        """Whether a change does not go on from the one before; afterwards it is the one before.

        Where none is known, what is `answered` tells.
        """
        last = self._last.pop(change.contest, None)
        if change.history is not None:
            self._last[change.contest] = change.history
            if len(self._last) > self._most:
                self._last.popitem(last=False)
        if last is None:
            return not _goes_on(change, answered)
        return not change.may_follow(last) and change.history != last

    def forget(self, contest: str, history: str) -> bool:
        """Whether it is not known that the contest has another history than this; afterwards nothing is."""
        if self._last.get(contest, history) != history:
            return False  # and what is known is of the other one
        self._last.pop(contest, None)
        return True


def _goes_on(change: Change, answered: Answered) -> bool:
    """Whether a change is of the history that is answered, as far as is known."""
    if change.history is None:
        return True
    same, before = answered(change.contest, change.version), answered(change.contest, change.version - 1)
    if same is not None:
        return same == change.history
    return change.may_follow(before)


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
        if number != self.end or not self.changes or not self._goes_on(change):
            self.changes.clear()
            self.first = number
        self.changes.append(change)
        self.wake()

    def _has(self, number: int, change: Change) -> bool:
        if not self.changes or number >= self.end:
            return False
        return number < self.first or self.changes[number - self.first].history == change.history

    def _goes_on(self, change: Change) -> bool:
        last = self.changes[-1]
        told = change.contest != last.contest or change.is_reset or last.is_reset
        return told or change.may_follow(last.history)

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

    def look(self, version: int) -> None:
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
        self._histories = Histories(_HISTORIES_KEPT)
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
        self._histories = Histories(_HISTORIES_KEPT)
        self.lost += len(cursors)
        self.all.wake()

    def publish(self, stream: str, entries: list[Entry], answered: Answered = _nothing) -> None:
        """Changes that came, in the stream's order; `answered` says what is answered of their contests."""
        for entry in entries:
            before = self.cursor
            self._cursors[stream] = entry[0].decode()
            change = change_of(entry, self.cursor)
            if change is None:
                continue
            if self._histories.breaks(change, answered):
                self._tell_all(reset_of(change.contest, change.version, change.history, before))
            if channel := self._contests.get(change.contest):
                channel.add(change.version, change)
            self._tell_all(change)

    def _tell_all(self, change: Change) -> None:
        self.all.add(self.all.end, change)
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

    def look(self, contest: str, version: int) -> None:
        """Is told now and then where a contest's ledger stands."""
        if channel := self._contests.get(contest):
            channel.look(version)

    def reset(self, contest: str, was: str, version: int, history: str) -> None:
        """A contest has another history than the one that `was`; its changes may have told so already."""
        if self._histories.forget(contest, was):
            self._tell_all(reset_of(contest, version, history, self.cursor))
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
