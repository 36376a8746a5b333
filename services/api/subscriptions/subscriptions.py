"""Subscriptions: following the changes of a contest, or of all, from any point on, and telling which are wanted."""

import asyncio
import time
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from redis import exceptions
from redis.asyncio import Redis

from services.api.answers.questions import AllChangesQuestion
from services.api.engine.seen import Seen, seen_at
from services.api.live.contests import Contests, NotThereYet
from services.api.live.hub import Change, Hub, reset_of
from services.api.live.ledgers import Overtaken
from services.api.live.positions import is_there, look, position
from services.api.live.stride import PIECE_BYTES, Stride
from services.api.subscriptions.places import Cursor, Lost, Stretch
from services.api.subscriptions.replay import Past
from shared.changes.filters import MoveFilter, names
from shared.domain.errors import UnknownContest
from shared.domain.events import Version
from shared.storage.history import NOTHING
from shared.storage.redis_keys import PartitionKeys

AT_ONCE = 500
# A contest that was opened just now is waited for.
_JUST_OPENED_MS = 2000
_FOLLOWED_WITHIN_SECONDS = 2.0


_BEFORE_ALL = Seen(Version(0), NOTHING)


class FellBehind(Exception):
    """The reader is too slow: the API no longer holds the change that comes next."""


class StreamLost(FellBehind):
    """A changes stream was lost or replaced: whether the reader's place still holds is told when it comes again."""


class Patience:
    """A number of seconds, which all waits with it share."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return self._until - time.monotonic()

    async def wait(self, moved: asyncio.Event) -> bool:
        """Waits for the event while there is time; true if it came."""
        try:
            async with asyncio.timeout(self.left):
                await moved.wait()
        except TimeoutError:
            return False
        return True


class Feed(Protocol):
    """Gives the changes behind some point, in order."""

    @property
    def cursor(self) -> str:
        """Where to go on after what was given so far."""

    async def next(self, within_seconds: float, most: int = AT_ONCE) -> list[Change]:
        """The next changes in order, at most so many; none if there were none in time, or at the process's end.

        Raises `FellBehind`.
        """

    def id_of(self, change: Change) -> str:
        """The id of a change as a server-sent event of this feed."""


class ContestFeed:
    """A contest's changes from a version on: as they come, and before that from the ledger."""

    def __init__(self, hub: Hub, contests: Contests, past: Past, contest: str, seen: Seen) -> None:
        self._hub, self._contests, self._past = hub, contests, past
        self._contest = contest
        self._seen = seen
        self._stride = Stride()

    def __enter__(self) -> "ContestFeed":
        self._channel = self._hub.enter(self._contest)
        return self

    def __exit__(self, *error: object) -> None:
        self._hub.leave(self._contest)

    @property
    def cursor(self) -> str:
        """The version before the next, with its history."""
        return str(self._seen)

    async def next(self, within_seconds: float, most: int = AT_ONCE) -> list[Change]:
        """The next changes, or a reset, behind which they begin at version 1; none if there were none in time."""
        patience = Patience(within_seconds)
        moved = self._channel.moved
        while not (changes := await self._at_hand(most)) and not self._hub.closing:
            if not await patience.wait(moved):
                changes = await self._overlooked(most)
                break
            moved = self._channel.moved
        if changes:
            self._seen = (
                _BEFORE_ALL if changes[-1].is_reset else Seen(changes[-1].version, changes[-1].history)
            )
        return changes

    async def _at_hand(self, most: int) -> list[Change]:
        number, kept = self._seen.version + 1, self._channel.changes
        changes = self._channel.since(number, most, PIECE_BYTES)
        if changes and changes[0].may_follow(self._seen.history):
            return changes
        if kept and number == self._channel.end and self._is_last(kept[-1]):
            return []  # it comes through the stream, though the ledger may have it already
        changes = await self._in_ledger(most)
        self._channel.behind |= not changes
        return changes

    def _is_last(self, change: Change) -> bool:
        return None in (change.history, self._seen.history) or change.history == self._seen.history

    async def _overlooked(self, most: int) -> list[Change]:
        """Changes of versions that the ledger has, and whose entries in the changes stream were lost."""
        if await self._contests.stands(self._contest) == self._seen.version:
            return []
        return await self._in_ledger(most)

    async def _in_ledger(self, most: int) -> list[Change]:
        try:
            # It may have been dropped from memory.
            index = self._contests.ready(self._contest) or await self._contests.at(self._contest, 1, 0)
        except (UnknownContest, NotThereYet):
            return await self._reset_if_lost(Version(0), NOTHING)
        if self._seen.is_other(index):
            return [self._reset(index.version, index.history)]
        if self._seen.version > index.version:
            return await self._reset_if_lost(index.version, index.history)
        try:
            changes = await self._past.changes(index, self._seen.version + 1, min(most, self._stride.count))
        except Overtaken:
            await self._contests.refresh(self._contest)
            if self._contests.ready(self._contest) is index:
                raise
            return []
        self._stride.took(len(changes), sum(len(change.event) for change in changes))
        return changes

    async def _reset_if_lost(self, version: Version, history: str) -> list[Change]:
        """A reset if the log ends before what was seen: nobody can have seen what it does not have.

        A version without a history gets no reset: its subscriber waits for what comes behind it.
        """
        if (
            self._seen.history is None
            or await self._contests.events.version(self._contest) >= self._seen.version
        ):
            return []
        return [self._reset(version, history)]

    def _reset(self, version: Version, history: str) -> Change:
        return reset_of(self._contest, version, history, lost=str(self._seen))

    def id_of(self, change: Change) -> str:
        """The id of a server-sent event: the version with its history, and of a reset what comes before the first."""
        return str(_BEFORE_ALL if change.is_reset else Seen(change.version, change.history))


class AllFeed:
    """The changes of all contests: those behind a place in the changes streams, and then as they come."""

    def __init__(self, hub: Hub, redis: Redis, after: Mapping[str, str] | None) -> None:
        self._hub = hub
        self._behind = None if after is None else Stretch(redis, after)
        self._cursor = hub.cursor if self._behind is None else self._behind.cursor
        self._lost = hub.lost
        self._stand()

    def _stand(self) -> None:
        """Notes where the hub's changes begin: earlier ones are read from the streams."""
        self._next, self._upto = self._hub.all.end, self._hub.places

    @property
    def cursor(self) -> str:
        """The last entry of each partition's stream that was given."""
        return self._cursor

    async def next(self, within_seconds: float, most: int = AT_ONCE) -> list[Change]:
        """The next changes; none if there were none in time. Raises `FellBehind` and `StreamLost`."""
        changes = await self._earlier(most) or await self._live(within_seconds, most)
        if changes:
            self._cursor = changes[-1].cursor
        return changes

    async def _earlier(self, most: int) -> list[Change]:
        """Changes that have to be read from the streams; none once the hub holds all that follow."""
        while self._behind is not None:
            try:
                changes = await self._behind.next(self._upto, most)
            except Lost:
                raise FellBehind from None
            self._refuse_lost()
            if changes:
                return changes
            if self._hub.all.keeps(self._next):
                self._cursor, self._behind = self._behind.cursor, None
            else:
                self._stand()  # so much came meanwhile that it is in the streams only by now
        return []

    def _refuse_lost(self) -> None:
        if self._hub.lost != self._lost:
            raise StreamLost

    async def _live(self, within_seconds: float, most: int) -> list[Change]:
        channel = self._hub.all
        if self._next == channel.end and not self._hub.closing:
            await Patience(within_seconds).wait(channel.moved)
        self._refuse_lost()
        changes = _upto_reset(channel.since(self._next, most, PIECE_BYTES))
        if not changes and self._next < channel.end:
            raise FellBehind
        self._next += len(changes)
        return changes

    def id_of(self, change: Change) -> str:
        """The id of a server-sent event: the place in the streams."""
        return change.cursor


class ChangeFilter(NamedTuple):
    """Which changes a subscriber asked for: of which contests (None wants all), and which score moves."""

    contests: frozenset[str] | None = None
    moves: MoveFilter = MoveFilter()

    def fits(self, change: Change) -> bool:
        """Whether a change is wanted: some score move must fit every filter on them."""
        if self.contests is not None and change.contest not in self.contests:
            return False
        return change.is_reset or self.moves.wants_all or any(map(self.moves.fits, change.moves))


def _upto_reset(changes: list[Change]) -> list[Change]:
    """Nothing follows a reset in one piece, so that whoever is told of it can begin anew."""
    for number, change in enumerate(changes):
        if change.is_reset:
            return changes[: number + 1]
    return changes


def wanted(question: AllChangesQuestion) -> ChangeFilter:
    """What a question wants. Raises `Invalid`."""
    return ChangeFilter(names("contest", question.contest), MoveFilter.of(question))


class Subscriptions:
    """Opens a feed for each subscriber."""

    def __init__(self, hub: Hub, contests: Contests, past: Past) -> None:
        self.hub, self.contests, self.past = hub, contests, past

    async def of_contest(self, contest: str, after: Seen | None) -> ContestFeed:
        """A contest's changes behind a version; None: from now on. Raises `UnknownContest`."""
        index = await self.contests.at(contest, 0, _JUST_OPENED_MS)
        seen = after or seen_at(index, index.version)
        if seen.history is None and seen.version <= index.version:
            seen = seen_at(index, seen.version)
        return ContestFeed(self.hub, self.contests, self.past, contest, seen)

    async def of_all(self, after: str | None, field: str) -> AllFeed:
        """The changes of all contests behind a place; None: from now on. Raises `Invalid` and `Gone`."""
        events = self.contests.events
        streams = [PartitionKeys(partition).changes for partition in range(events.partitions)]
        cursor = None if after is None else Cursor(field, after, streams)
        await self._followed()
        if cursor is None:
            return AllFeed(self.hub, events.redis, None)
        upto = self.hub.places
        for stream in streams:
            if (place := cursor.places[stream]) != upto[stream]:
                there = await is_there(events.redis, stream, place)
                cursor.refuse(stream, await look(events.redis, stream), there)
        await self._reached(cursor)
        return AllFeed(self.hub, events.redis, cursor.places)

    async def _followed(self) -> None:
        """Returns when this process follows the changes. Raises `ConnectionError` if it cannot yet."""
        try:
            async with asyncio.timeout(_FOLLOWED_WITHIN_SECONDS):
                await self.hub.stood.wait()
        except TimeoutError:
            raise exceptions.ConnectionError("the changes are not followed yet") from None

    async def _reached(self, cursor: Cursor) -> None:
        """Returns when this process has come to a place that another one gave, or does not in time."""
        patience = Patience(_FOLLOWED_WITHIN_SECONDS)
        moved = self.hub.all.moved
        while any(
            position(place) > position(self.hub.places[stream]) for stream, place in cursor.places.items()
        ) and await patience.wait(moved):
            moved = self.hub.all.moved
