"""Contests that do not go on, and why."""

from typing import Any, NamedTuple, cast

import orjson
from redis.asyncio import Redis

from shared.domain.errors import UnreadableTime
from shared.domain.times import format_instant, start_of
from shared.storage.history import Inconsistent
from shared.storage.log import Log
from shared.storage.redis_keys import PartitionKeys


class Parked(NamedTuple):
    """A contest that does not go on: before which version, why, and since when (an instant).

    One that is `held` waits for a rebuild, or for a check that finds nothing: it is not tried again before.
    """

    contest: str
    version: int
    reason: str
    since: int
    held: bool = False


class Held(Inconsistent):
    """A check found the contest's log or projection damaged, and nothing is to follow from it."""

    def __init__(self, parked: Parked) -> None:
        super().__init__(parked.contest, parked.version - 1, parked.reason)


class Parking:
    """Notes which contests do not go on."""

    def __init__(self, redis: Redis, log: Log) -> None:
        self._redis = redis
        self._log = log

    async def park(self, parked: Parked) -> None:
        """Notes it; a contest that is held, or parked for the same, stays as it was noted."""
        before = await self.of(parked.contest)
        held = before is not None and before.held
        if not held and (before is None or before[:3] != parked[:3] or before.held != parked.held):
            said: dict[str, Any] = {"version": parked.version, "reason": parked.reason}
            # `commit.lua` looks for `"held":true`.
            said |= {"since": format_instant(parked.since), "held": parked.held}
            key = self._log.keys(parked.contest).partition.parked
            await cast(Any, self._redis.hset(key, parked.contest, orjson.dumps(said)))

    async def of(self, contest: str) -> Parked | None:
        """Why a contest does not go on, if it does not."""
        key = self._log.keys(contest).partition.parked
        stored = cast(bytes | None, await cast(Any, self._redis.hget(key, contest)))
        return None if stored is None else _parked(contest, stored)

    async def some(self, most: int) -> list[Parked]:
        """The contests that do not go on, at most so many."""
        parked: list[Parked] = []
        for partition in range(self._log.partitions):
            key = PartitionKeys(partition).parked
            async for contest, noted in cast(Any, self._redis).hscan_iter(key, count=100):
                parked.append(_parked(contest.decode(errors="replace"), noted))
                if len(parked) == most:
                    return parked
        return parked

    async def refuse_held(self, contest: str) -> None:
        """Returns if the contest is not held. Raises `Held`."""
        parked = await self.of(contest)
        if parked is not None and parked.held:
            raise Held(parked)

    async def release(self, contest: str) -> None:
        """Lets a contest go on that is held."""
        parked = await self.of(contest)
        if parked is not None and parked.held:
            await cast(Any, self._redis.hdel(self._log.keys(contest).partition.parked, contest))


def _parked(contest: str, stored: bytes) -> Parked:
    try:
        said = orjson.loads(stored)
        since = start_of(said["since"], "UTC")
        return Parked(contest, int(said["version"]), str(said["reason"]), since, said.get("held") is True)
    except (ValueError, KeyError, TypeError, AttributeError, UnreadableTime):
        # `commit.lua` holds it by these bytes alone: whoever folds has to see the same.
        held = b'"held":true' in stored
        return Parked(contest, 0, "the note of why it is parked cannot be read", 0, held)
