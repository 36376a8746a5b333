"""Looking around: a contest with events to fold that no wake is out for is woken.

A wake can be lost, with a server's last second or by whoever deletes a key; the log and the ledger then still tell.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, cast

from services.scorer.rebuild import remove_abandoned
from shared.domain.times import Clock, format_instant
from shared.projection.projections import OtherFold, Projections
from shared.storage.backlog import SLICE, Backlog, Unfolded
from shared.storage.connections import FAILURES
from shared.storage.history import Inconsistent
from shared.storage.redis_keys import PartitionKeys

log = logging.getLogger("standings")

# A round is spread over this part of the time between two of them.
_SPREAD_OVER = 0.5
# So often a scorer looks whether a round is due: how much later than due one may begin.
_LOOKS_A_ROUND = 4


class Rounds:
    """Looks at every contest each so many seconds, one scorer for all."""

    def __init__(self, backlog: Backlog, projections: Projections, seconds: float, clock: Clock) -> None:
        self.backlog = backlog
        self.projections = projections
        self.seconds = seconds
        self.clock = clock
        self.redis = projections.redis

    async def go_on(self) -> None:
        """Looks at once, and then whenever a round is due, until cancelled."""
        looking = self._at_start
        while True:
            for partition in range(self.backlog.log.partitions):
                try:
                    await looking(partition)
                except FAILURES as error:
                    log.warning("cannot look around, trying again: %s", error)
            await asyncio.sleep(self.seconds / _LOOKS_A_ROUND)
            looking = self._when_due

    async def _at_start(self, partition: int) -> None:
        """Also removes what killed rebuilds left, and says which projections were made by another fold."""
        await self.round(partition)
        async for contests in self.backlog.slices(partition):
            await self._tidy(contests)

    async def _when_due(self, partition: int) -> None:
        """Unless another scorer does."""
        key, milliseconds = PartitionKeys(partition).looked, int(self.seconds * 1000)
        if await self.redis.set(key, format_instant(self.clock()), nx=True, px=milliseconds):
            await self.round(partition, self.seconds * _SPREAD_OVER)

    async def round(self, partition: int, spread: float = 0) -> None:
        """Looks at each contest of a partition, spread over so many seconds, and wakes those whose wake was lost."""
        number = cast(int, await cast(Any, self.redis.scard(PartitionKeys(partition).contests)))
        pause = spread / (1 + number / SLICE)
        behind: dict[str, Unfolded] = {}
        async for contests in self.backlog.slices(partition):
            behind |= {unfolded.contest: unfolded for unfolded in await self.backlog.unfolded(contests)}
            await asyncio.sleep(pause)
        if behind:
            await self._wake(partition, behind)

    async def _wake(self, partition: int, behind: dict[str, Unfolded]) -> None:
        """Wakes those that no wake is out for, and that stand where they stood: others are being folded."""
        wakes = await self.backlog.wakes(partition)
        still = [contest for contest in behind if contest not in wakes.contests]
        for first in range(0, len(still), SLICE):
            unfolded = await self.backlog.unfolded(still[first : first + SLICE])
            lost = [each.contest for each in unfolded if each.folded == behind[each.contest].folded]
            await self._woken(partition, lost, wakes.passed_over if first == 0 else ())

    async def _woken(self, partition: int, contests: Sequence[str], passed_over: Sequence[bytes]) -> None:
        shared = PartitionKeys(partition)
        async with self.redis.pipeline(transaction=True) as pipe:
            for contest in contests:
                pipe.hset(shared.awake, contest, format_instant(self.clock()))
                pipe.xadd(shared.wake, {"contest": contest})
            if passed_over:
                pipe.xdel(shared.wake, *passed_over)
            await pipe.execute()
        for contest in contests:
            log.info("contest %s has events to fold and no wake was out for it: woken", contest)

    async def _tidy(self, contests: Sequence[str]) -> None:
        generations = await self.backlog.generations(contests)
        async with self.redis.pipeline(transaction=False) as pipe:
            for contest, generation in zip(contests, generations, strict=True):
                pipe.exists(self.backlog.log.keys(contest).ledger(generation + 1))
            left = await pipe.execute()
        for contest, abandoned in zip(contests, left, strict=True):
            if abandoned and await remove_abandoned(self.backlog.log, self.projections, contest):
                log.info("contest %s: removed a generation whose rebuild was given up", contest)
        for contest in await self.projections.of_other_folds(contests, generations):
            await self._say_other_fold(contest)

    async def _say_other_fold(self, contest: str) -> None:
        try:
            generation = await self.projections.generation(contest)
            await self.projections.refuse_other_fold(contest, generation)
        except (OtherFold, Inconsistent) as other:
            log.warning("contest %s: %s", contest, other)
