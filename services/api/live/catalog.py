"""The list of contests, page by page; listing them brings none into memory."""

import asyncio
import logging
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple, cast

from redis.asyncio import Redis

from services.api.engine.index import Index
from services.api.live.contests import Contests
from shared.domain.contest import Contest
from shared.domain.errors import UnreadableEvent
from shared.domain.events import Version
from shared.domain.times import Instant
from shared.projection.parking import Parked
from shared.storage.log import contest_names
from shared.storage.redis_keys import PartitionKeys

log = logging.getLogger("standings")

# A page ends behind the contests that bring it beyond so many candidates: a MB or two.
MOST_CANDIDATES: Final = 10_000
_AT_ONCE, _TRIES = 50, 3
# Contests are only ever added, so as many as before are the same ones; what a server lost is noticed after this.
_NAMES_FOR_SECONDS = 10.0
_NAME_BYTES = 120


class ListedContest(NamedTuple):
    """A contest as its projection stands."""

    contest: Contest
    version: Version
    generation: int
    known_at: Instant
    # None where an earlier release left it out and the contest is not in memory.
    history: str | None
    parked: Parked | None


class ContestPage(NamedTuple):
    """Contests by name, and the last name that was looked at if there are more behind it."""

    contests: list[ListedContest]
    next: str | None


def listed(index: Index, parked: Parked | None) -> ListedContest:
    """A contest in memory."""
    version = index.version
    return ListedContest(
        index.contest(version), version, index.generation, index.known_at(version), index.history, parked
    )


class Names:
    """The names of every contest of the deployment, sorted; read again when there are more."""

    def __init__(self, redis: Redis, partitions: int) -> None:
        self._redis = redis
        self._keys = [PartitionKeys(partition).contests for partition in range(partitions)]
        self._lock = asyncio.Lock()
        self._names: Sequence[str] = ()
        self._counts: list[int] | None = None
        self._until = 0.0

    async def all(self) -> Sequence[str]:
        """All names."""
        async with self._lock:
            counts = await self._count()
            if counts != self._counts or time.monotonic() > self._until:
                self._names = sorted({name async for name in self._scan()})
                self._counts, self._until = counts, time.monotonic() + _NAMES_FOR_SECONDS
            return self._names

    @property
    def nbytes(self) -> int:
        """How many bytes it holds, nearly."""
        return _NAME_BYTES * len(self._names)

    def shrink(self, most_bytes: int) -> None:
        """Forgets the names if they take more bytes."""
        if self.nbytes > most_bytes:
            self._names, self._counts = (), None

    async def _count(self) -> list[int]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for key in self._keys:
                pipe.scard(key)
            return cast(list[int], await pipe.execute())

    async def _scan(self) -> AsyncIterator[str]:
        for key in self._keys:
            async for name in self._redis.sscan_iter(key, count=1000):
                for known in contest_names([cast(bytes, name)]):
                    yield known


class Listing:
    """Lists contests."""

    def __init__(self, contests: Contests) -> None:
        self._contests = contests
        self._names = Names(contests.events.redis, contests.events.partitions)
        contests.account.add(self._names)

    async def page(self, after: str, limit: int) -> ContestPage:
        """At most so many contests behind a name; those that are just being opened or cannot be read are left out."""
        names = await self._names.all()
        at = bisect_right(names, after)
        end = min(at + limit, len(names))
        on_page: list[ListedContest] = []
        while at < end and sum(len(each.contest.candidates) for each in on_page) < MOST_CANDIDATES:
            some = names[at : min(at + _AT_ONCE, end)]
            looked_at = await asyncio.gather(*(self._listed(name) for name in some))
            on_page += [each for each in looked_at if each is not None]
            at += len(some)
        return ContestPage(on_page, names[at - 1] if at < len(names) else None)

    async def _listed(self, name: str) -> ListedContest | None:
        parked = await self._contests.parked(name)
        if index := self._contests.held(name):
            return listed(index, parked)
        try:
            return await self._stored(name, parked)
        except (ValueError, KeyError, TypeError, AttributeError, UnreadableEvent) as error:
            log.error("contest %s is left out of the list of contests: %r", name, error)
            return None

    async def _stored(self, name: str, parked: Parked | None) -> ListedContest | None:
        projections = self._contests.projections
        for _ in range(_TRIES):  # another generation may take over in between
            generation = await projections.generation(name)
            begun = await projections.begin(name, generation, as_it_stands=True)
            book = begun.book
            if book.contest is not None:
                return ListedContest(
                    book.contest, book.version, generation, book.known_at, begun.history, parked
                )
        return None
