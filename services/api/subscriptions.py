"""Subscriptions: following the changes of a contest, or of all, from any point on, and telling which are wanted."""

import asyncio
import re
import time
from decimal import Decimal
from typing import Any, NamedTuple, Protocol, cast

from redis.asyncio import Redis

from services.api.contests import Contests
from services.api.hub import Change, Hub
from services.api.past import Past
from services.api.questions import AllChangesQuestion
from shared.domain.errors import Gone, Invalid
from shared.keys import PartitionKeys
from shared.streams import Entry

AT_ONCE = 500
# A contest that was opened just now is waited for.
_JUST_OPENED_MS = 2000


class FellBehind(Exception):
    """The reader is too slow: what comes next is not at hand any more."""


class Patience:
    """Waits, for so long altogether."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds."""
        return self._until - time.monotonic()

    async def wait(self, moved: asyncio.Event) -> bool:
        """Whether it moved in time."""
        try:
            async with asyncio.timeout(self.left):
                await moved.wait()
        except TimeoutError:
            return False
        return True


class Feed(Protocol):
    """Changes from some point on."""

    @property
    def cursor(self) -> str:
        """Where to go on after what was given so far."""

    async def next(self, within_seconds: float, most: int = AT_ONCE) -> list[Change]:
        """The next changes in order, at most so many; none if there were none in time, or at the process's end.

        Raises `FellBehind`.
        """

    def frame(self, change: Change) -> bytes:
        """A change as a server-sent event of this feed."""


class ContestFeed:
    """A contest's changes from a version on: as they come, and before that from the ledger."""

    def __init__(self, hub: Hub, contests: Contests, past: Past, contest: str, first: int) -> None:
        self._hub, self._contests, self._past = hub, contests, past
        self._contest = contest
        self._next = first

    def __enter__(self) -> "ContestFeed":
        self._channel = self._hub.enter(self._contest)
        return self

    def __exit__(self, *error: object) -> None:
        self._hub.leave(self._contest)

    @property
    def cursor(self) -> str:
        """The version before the next."""
        return str(self._next - 1)

    async def next(self, within_seconds: float, most: int = AT_ONCE) -> list[Change]:
        """The next changes; none if there were none in time."""
        patience = Patience(within_seconds)
        moved = self._channel.moved
        while not (found := await self._at_hand(most)) and not self._hub.closing:
            if not await patience.wait(moved):
                found = await self._overlooked(most)
                break
            moved = self._channel.moved
        if found:
            self._next = found[-1].version + 1
        return found

    async def _at_hand(self, most: int) -> list[Change]:
        if found := self._channel.since(self._next, most):
            return found
        if self._channel.changes and self._next == self._channel.end:
            return []  # it comes through the stream, though the ledger may have it already
        found = await self._in_ledger(most)
        self._channel.behind |= not found
        return found

    async def _overlooked(self, most: int) -> list[Change]:
        """What is in the ledger though nobody noticed that its change was lost."""
        if await self._contests.stands(self._contest) < self._next:
            return []
        return await self._in_ledger(most)

    async def _in_ledger(self, most: int) -> list[Change]:
        index = self._contests.ready(self._contest)
        if index is None:  # dropped from memory
            index = await self._contests.at(self._contest, 1, 0)
        return await self._past.changes(index, self._next, most)

    def frame(self, change: Change) -> bytes:
        """A change as a server-sent event: its id is the version."""
        return change.of_contest


class AllFeed:
    """The changes of all contests, from a place in the changes streams on."""

    def __init__(self, hub: Hub, redis: Redis, streams: list[str]) -> None:
        self._hub, self._redis, self._streams = hub, redis, streams
        self._next = hub.all.end
        self._cursor = hub.cursor
        self._before: list[Change] = []

    async def go_back(self, cursor: str) -> None:
        """Begins behind an earlier place. Raises `Invalid`, and `Gone` where the streams do not reach back so far."""
        places = cursor.split(",")
        if len(places) != len(self._streams):
            raise _no_cursor(cursor)
        upto = dict(zip(self._streams, self._cursor.split(","), strict=True))
        now = dict(zip(self._streams, places, strict=True))
        for place in places:
            _position(place, cursor)
        for stream, place in zip(self._streams, places, strict=True):
            await self._refuse_gone(stream, place, cursor)
            for entry_id, fields in await self._between(stream, place, upto[stream]):
                now[stream] = entry_id.decode()
                contest, version = fields[b"contest"].decode(), int(fields[b"version"])
                self._before.append(Change(contest, version, fields[b"event"], ",".join(now.values())))
        self._cursor = cursor

    async def _between(self, stream: str, after: str, upto: str) -> list[Entry]:
        return cast(list[Entry], await self._redis.xrange(stream, f"({after}", upto))

    async def _refuse_gone(self, stream: str, place: str, cursor: str) -> None:
        if not await self._redis.exists(stream):
            return
        found: dict[str, Any] = await self._redis.xinfo_stream(stream)
        first = found["first-entry"]
        trimmed = found["entries-added"] > found["length"]
        oldest = first[0] if first else found["last-generated-id"]
        if trimmed and _position(place, cursor) < _position(oldest.decode(), cursor):
            raise Gone(
                "after",
                cursor,
                f"changes of all contests are kept back to {oldest.decode()}, and you stand at {place}",
                "follow each contest with /v1/contests/{contest}/changes?from_version=…, which reaches back to the "
                "first version, or begin anew without `after`",
            )

    @property
    def cursor(self) -> str:
        """The last entry of each partition's stream that was given."""
        return self._cursor

    async def next(self, within_seconds: float, most: int = AT_ONCE) -> list[Change]:
        """The next changes; none if there were none in time. Raises `FellBehind`."""
        found, self._before = self._before[:most], self._before[most:]
        if not found:
            found = await self._live(within_seconds, most)
        if found:
            self._cursor = found[-1].cursor
        return found

    async def _live(self, within_seconds: float, most: int) -> list[Change]:
        channel = self._hub.all
        if self._next == channel.end and not self._hub.closing:
            await Patience(within_seconds).wait(channel.moved)
        found = channel.since(self._next, most)
        if not found and self._next < channel.end:
            raise FellBehind
        self._next += len(found)
        return found

    def frame(self, change: Change) -> bytes:
        """A change as a server-sent event: its id is the place in the streams."""
        return change.of_all


class Wanted(NamedTuple):
    """Which changes a subscriber asked for; None wants all."""

    contests: frozenset[str] | None
    candidates: frozenset[str] | None
    policies: frozenset[str] | None
    min_delta: Decimal | None

    def fits(self, change: Change) -> bool:
        """Whether a change is wanted: some score move must fit every filter on scores."""
        if self.contests is not None and change.contest not in self.contests:
            return False
        if self.candidates is None and self.policies is None and self.min_delta is None:
            return True
        return any(self._moves(one) for one in change.data["scores"])

    def _moves(self, one: dict[str, Any]) -> bool:
        if self.candidates is not None and one["candidate"] not in self.candidates:
            return False
        if self.policies is not None and one["policy"] not in self.policies:
            return False
        before, after = (Decimal(str(one[when]["score"])) for when in ("before", "after"))
        return self.min_delta is None or abs(after - before) >= self.min_delta


def wanted(question: AllChangesQuestion) -> Wanted:
    """What a question wants."""
    return Wanted(
        _names(question.contest), _names(question.candidate), _names(question.policy), question.min_delta
    )


class Subscriptions:
    """Opens feeds."""

    def __init__(self, hub: Hub, contests: Contests, past: Past) -> None:
        self.hub, self.contests, self.past = hub, contests, past

    async def of_contest(self, contest: str, after: int | None) -> ContestFeed:
        """A contest's changes behind a version; None: from now on. Raises `UnknownContest`."""
        index = await self.contests.at(contest, 0, _JUST_OPENED_MS)
        first = (index.version if after is None else after) + 1
        return ContestFeed(self.hub, self.contests, self.past, contest, first)

    async def of_all(self, after: str | None) -> AllFeed:
        """The changes of all contests behind a place; None: from now on. Raises `Invalid` and `Gone`."""
        partitions = range(self.contests.events.partitions)
        streams = [PartitionKeys(partition).changes for partition in partitions]
        feed = AllFeed(self.hub, self.contests.events.redis, streams)
        if after is not None:
            await feed.go_back(after)
        return feed


def _names(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(part.strip() for part in text.split(","))


def _position(place: str, cursor: str) -> tuple[int, int]:
    """An entry's id as two numbers. Raises `Invalid`."""
    found = _PLACE.fullmatch(place)
    position = (int(found[1]), int(found[2])) if found else (_NO_NUMBER, _NO_NUMBER)
    if max(position) >= _NO_NUMBER:
        raise _no_cursor(cursor)
    return position


# An entry's id in a stream: two numbers of 64 bits.
_PLACE = re.compile(r"([0-9]{1,20})-([0-9]{1,20})")
_NO_NUMBER = 2**64


def _no_cursor(cursor: str) -> Invalid:
    return Invalid(
        "after", cursor, f"{cursor!r} is no place in the changes", "give `next` of an earlier answer"
    )
