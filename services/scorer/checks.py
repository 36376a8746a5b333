"""Checking contests while there is nothing more urgent: one after the other, at random, in little time."""

import asyncio
import logging
import time
from random import Random
from typing import Any, cast

from services.scorer.examination import Examiner
from services.scorer.findings import Examined
from services.scorer.refold import NoRoom
from shared.domain.errors import UnreadableEvent
from shared.domain.times import Clock
from shared.projection.parking import Parked
from shared.projection.projections import OtherFold, Projections, Stale
from shared.storage.connections import FAILURES
from shared.storage.log import Log
from shared.storage.redis_keys import PartitionKeys

log = logging.getLogger("standings")

# So many events are folded before others have their turn: some milliseconds.
_CHUNK = 50
_LEAST_PAUSE_SECONDS = 1.0


class Checks:
    """Examines contests, and holds those that are damaged, until a rebuild or until nothing is found any more.

    Takes at most `share` of a processor.
    """

    def __init__(
        self, events: Log, projections: Projections, share: float, random: Random, clock: Clock
    ) -> None:
        self.events = events
        self.parking = projections.parking
        self.share = share
        self.random = random
        self.clock = clock
        self.examiner = Examiner(events, projections, random, self._rest, _CHUNK)
        self._worked_since = 0.0

    async def go_on(self) -> None:
        """Checks one contest after the other until cancelled; none if there is no share."""
        while self.share:
            await asyncio.sleep(_LEAST_PAUSE_SECONDS)
            self._worked_since = time.perf_counter()
            try:
                await self._check_some()
            except FAILURES as error:
                log.warning("cannot check contests, trying again: %s", error)
            await self._rest()

    async def check(self, contest: str) -> Examined | None:
        """Examines a contest, and holds or releases it by what is found, which is told; None if it changed too much."""
        try:
            examined = await self.examiner.examine(contest)
            if examined.findings:  # once more: what is done to it just now may have looked so
                examined = await self.examiner.examine(contest)
        except (Stale, OtherFold):
            return None
        except (UnreadableEvent, NoRoom) as error:
            log.error("contest %s cannot be checked: %s", contest, error)
            return None
        for finding in examined.findings:
            log.error("contest %s: a check found this wrong with its %s", contest, finding)
        if any(finding.holds for finding in examined.findings):
            await self._hold(examined)
        elif not examined.findings:  # one that ended early has not seen everything
            await self.parking.release(contest)
        return examined

    async def _check_some(self) -> None:
        """Any contest, and one of those that are held: it may be well again."""
        shared = PartitionKeys(self.random.randrange(self.events.partitions))
        drawn = cast(bytes | None, await cast(Any, self.events.redis.srandmember(shared.contests)))
        parked = cast(bytes | None, await cast(Any, self.events.redis.hrandfield(shared.parked)))
        if drawn is not None:
            await self.check(drawn.decode(errors="replace"))
        if parked is not None and parked != drawn:
            contest = parked.decode(errors="replace")
            noted = await self.parking.of(contest)
            if noted is not None and noted.held:
                await self.check(contest)

    async def _hold(self, examined: Examined) -> None:
        first = next(finding for finding in examined.findings if finding.holds)
        reason = f"a check found this wrong with its {first}"
        await self.parking.park(
            Parked(examined.contest, examined.version + 1, reason, self.clock(), held=True)
        )

    async def _rest(self) -> None:
        """Waits as long as makes the share of the work right."""
        worked = time.perf_counter() - self._worked_since
        await asyncio.sleep(worked * (1 / self.share - 1))
        self._worked_since = time.perf_counter()
