"""The composition root of the scorer: the only place where it connects or reads the clock."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from faststream import AckPolicy
from faststream.redis import RedisBroker, RedisStreamMessage, StreamSub

from services.scorer.checks import Checks
from services.scorer.examination import Examiner
from services.scorer.folder import Folder, Unfoldable
from services.scorer.rebuild import BeingRebuilt, Rebuild
from services.scorer.refold import NoRoom
from services.scorer.rounds import Rounds
from shared.domain.times import format_instant
from shared.projection.deployment import Deployment
from shared.projection.projections import OtherFold, Stale
from shared.runtime.present import now
from shared.runtime.process import INTERRUPTED, Ending, run, settings_from_environment
from shared.runtime.settings import Settings
from shared.runtime.startup import RefusesToStart
from shared.runtime.tasks import beside, end, side_by_side
from shared.storage.backlog import Backlog
from shared.storage.broker import as_it_came, broker, keep_reading
from shared.storage.policy_store import policies_of, refuse_changed
from shared.storage.redis_keys import SCORERS, PartitionKeys
from shared.storage.streams import create_group

log = logging.getLogger("standings")
_POLL_MS = 1000
# So many contests of a partition are folded side by side: while one waits for the server, another is folded.
_AT_ONCE = 4


class Scorer:
    """The service: it reads the wake streams of all partitions in the scorers' consumer group."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.deployment = Deployment(settings)
        self.redis, self.events = self.deployment.redis, self.deployment.log
        self.projections = self.deployment.projections
        self.policies = policies_of(settings)
        self.folder = Folder(
            self.events,
            self.projections,
            now,
            settings.changes_kept_hours,
            self.policies,
        )
        self.rounds = Rounds(Backlog(self.events), self.projections, settings.look_around_seconds, now)
        self.checks = Checks(self.events, self.projections, settings.check_share, Random(), now)  # noqa: S311
        self.consumer = f"{socket.gethostname()}-{os.getpid()}"
        self.wakes = [PartitionKeys(partition).wake for partition in range(settings.partitions)]

    async def serve(self) -> None:
        """Folds until signalled. Raises `RefusesToStart`."""
        ending = Ending()
        await self.deployment.wait()
        await refuse_changed(self.policies, self.redis)
        await self._create_groups()
        stream = self._stream()
        await stream.start()
        log.info("scoring %d partition(s) as %s", len(self.wakes), self.consumer)
        reading = keep_reading(stream, self._create_groups)
        async with beside(side_by_side(reading, self.rounds.go_on(), self.checks.go_on())):
            await ending.wait()
        await stream.stop()
        await self.redis.aclose()

    def _stream(self) -> RedisBroker:
        made = broker(self.settings)
        for wake in self.wakes:
            for idle in (None, self.settings.claim_after_ms):  # new wakes, and those of a dead scorer
                stream = StreamSub(
                    wake,
                    group=SCORERS,
                    consumer=self.consumer,
                    polling_interval=_POLL_MS,
                    min_idle_time=idle,
                    last_id=">",
                    max_records=1,
                )
                made.subscriber(
                    stream=stream,
                    ack_policy=AckPolicy.MANUAL,
                    no_reply=True,
                    max_workers=_AT_ONCE,
                    decoder=as_it_came,
                )(self._woken)
        return made

    async def _woken(self, message: RedisStreamMessage) -> None:
        raw = message.raw_message
        fields = raw["data"]
        contest = fields.get(b"contest", b"").decode(errors="replace")
        delivered = raw["message_ids"][0].decode()
        wake = self.events.keys(contest).partition.wake
        beating = asyncio.create_task(self._stay_alive(wake, delivered))
        try:
            await self.folder.turn(contest, delivered)
        except Unfoldable as error:
            # The wake stays unacknowledged and comes back, so the contest goes on once its log can be folded.
            log.error("parked: %s", error)
        finally:
            await end(beating)

    async def _stay_alive(self, wake: str, delivered: str) -> None:
        """Keeps the wake from being taken over while its contest is being folded."""
        while True:
            await asyncio.sleep(self.settings.claim_after_ms / 3000)
            with contextlib.suppress(Exception):
                await self.redis.xclaim(wake, SCORERS, self.consumer, 0, [delivered], justid=True)

    async def _create_groups(self) -> None:
        for wake in self.wakes:
            await create_group(self.redis, wake, SCORERS)


def create_app(settings: Settings) -> Scorer:
    """The service for these settings; it connects when it is first used."""
    return Scorer(settings)


def main() -> int:
    """Runs a scorer with the settings of the environment until it is signalled; the exit code."""
    settings = settings_from_environment()

    async def service() -> None:
        await create_app(settings).serve()

    return run(service(), settings.log_level)


def rebuild_main(contest: str | None, dry_run: bool, report: Callable[[dict[str, Any]], None]) -> int:
    """Rebuilds a contest's projection, or every one, with the settings of the environment; the exit code.

    `report` is told each certificate. 4 if a contest could not be rebuilt and stayed as it was.
    """
    settings = settings_from_environment()
    left: list[str] = []

    async def work() -> None:
        scorer = create_app(settings)
        await scorer.deployment.check()
        contests = await scorer.events.contests()
        if contest is not None and contest not in contests:
            raise RefusesToStart(f"contest {contest!r} is not open: there is nothing to rebuild")
        for name in contests if contest is None else [contest]:
            made_at = now()
            rebuild = Rebuild(scorer.events, scorer.projections, made_at)
            try:
                done = await (rebuild.dry_run(name) if dry_run else rebuild.take_over(name))
            except (Unfoldable, BeingRebuilt) as error:
                left.append(name)
                log.error("%s", error)
            else:
                report(done.certificate(made_at))
        await scorer.redis.aclose()

    return run(work(), settings.log_level, INTERRUPTED) or (4 if left else 0)


def examine_main(
    contests: Sequence[str], sample: int | None, report: Callable[[dict[str, Any]], None]
) -> int:
    """Examines these contests, or so many drawn at random, or every one, with the settings of the environment; the exit
    code.

    `report` is told what was found of each.
    """
    settings = settings_from_environment()

    async def work() -> None:
        scorer = create_app(settings)
        await scorer.deployment.check()
        random = Random()  # noqa: S311 - a sample, and no secret
        there = await scorer.events.contests()
        if unknown := sorted(set(contests) - set(there)):
            raise RefusesToStart(f"contest {unknown[0]!r} is not open: there is nothing to examine")
        drawn = list(contests) or there
        if not contests and sample is not None:
            drawn = sorted(random.sample(there, min(sample, len(there))))
        examiner = Examiner(scorer.events, scorer.projections, random)
        for contest in drawn:
            report(await _examined(examiner, contest))
        await scorer.redis.aclose()

    return run(work(), settings.log_level, INTERRUPTED)


async def _examined(examiner: Examiner, contest: str) -> dict[str, Any]:
    """What was found of a contest, in plain values."""
    try:
        examined = await examiner.examine(contest)
    except (Stale, OtherFold, NoRoom) as error:
        said = str(error) or "it was rebuilt or restored all the time: examine it again"
        return {"contest": contest, "version": 0, "findings": [f"not examined: {said}"], "moments": []}
    moments = [
        {"version": each.version, "valid_at": format_instant(each.valid_at), "counts": dict(each.counts)}
        for each in examined.moments
    ]
    findings = [str(each) for each in examined.findings]
    return {"contest": contest, "version": examined.version, "findings": findings, "moments": moments}
