"""One run: load and nemesis together, then quiet, then the checker."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import httpx
from redis import Redis

from shared.domain.times import start_of
from shared.keys import SCORERS, PartitionKeys, keys_of
from shared.streams import last_of
from tests.chaos.checker import Entry, Found, Standing, violations, wrong_standings
from tests.chaos.load import CONTESTS, Load
from tests.chaos.nemesis import Nemesis
from tests.chaos.processes import Deployment, Setup, deployed

_WORKERS = 6
_MOMENTS = 40


@dataclass
class Report:
    """What happened, and what was found wrong."""

    seed: int
    acknowledged: int = 0
    refused: int = 0
    events: int = 0
    cited: int = 0
    unanswered: int = 0
    hurt: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For people."""
        hurt = ", ".join(f"{what} {count}" for what, count in sorted(self.hurt.items()))
        commands = f"{self.acknowledged} commands acknowledged ({self.events} events), {self.refused} refused"
        return [
            f"seed {self.seed}: {commands}, {self.unanswered} attempts unanswered, {self.cited} moments cited",
            f"  {hurt}",
            *(f"  VIOLATION {one}" for one in self.violations[:20]),
            f"  {len(self.violations)} violations",
        ]


def run(setup: Setup, seconds: float, directory: Path) -> Report:
    """Runs chaos for so long and checks."""
    with deployed(setup, directory) as deployment:
        return asyncio.run(_run(setup, seconds, deployment))


async def _run(setup: Setup, seconds: float, deployment: Deployment) -> Report:
    load = Load(deployment.ingests, deployment.api, setup.seed)
    nemesis = Nemesis(deployment, setup.seed)
    await load.open()
    raging = asyncio.create_task(nemesis.rage())
    try:
        answered = await load.run(seconds, _WORKERS, setup.patience)
    finally:
        raging.cancel()
        await asyncio.gather(raging, return_exceptions=True)
        nemesis.relent()
    report = Report(setup.seed, unanswered=load.silent, hurt=nemesis.done)
    if not answered:
        report.violations.append("commands stay without an answer")
    keeping = asyncio.create_task(_keep_alive(deployment))
    await asyncio.to_thread(_check, deployment, load, report, setup.patience)
    if not report.violations:
        await load.look_again()
    keeping.cancel()
    report.violations += [f"{address} was answered otherwise before" for address in load.cited.changed]
    report.cited = len(load.cited.bodies)
    report.acknowledged = sum(1 for one in load.history if one.versions)
    report.refused = sum(1 for one in load.history if one.refused)
    return report


async def _keep_alive(deployment: Deployment) -> None:
    """Services may still die at their points."""
    while True:
        deployment.revive()
        await asyncio.sleep(0.1)


def _check(deployment: Deployment, load: Load, report: Report, patience: float) -> None:
    with Redis.from_url(deployment.redis_url) as redis:
        quiet = _quiet(redis, patience)
        if not quiet:
            report.violations.append(f"not everything was folded within {patience:g} s")
        for contest in CONTESTS:
            found = _found(redis, contest)
            report.events += len(found.log)
            sent = [one for one in load.history if one.contest == contest]
            report.violations += violations(contest, sent, found)
            if quiet:
                said = _asked(deployment.api, contest, len(found.ledger), report.seed)
                report.violations += wrong_standings(contest, found.log, said)


def _quiet(redis: "Redis", patience: float) -> bool:
    """Whether everything gets folded, and no wake is left."""
    deadline = time.monotonic() + patience
    shared = PartitionKeys(0)
    while time.monotonic() < deadline:
        keys = [keys_of(contest, 1) for contest in CONTESTS]
        level = all(_last(redis, one.log) == _last(redis, one.ledger(1)) for one in keys)
        if (
            level
            and not redis.xlen(shared.wake)
            and not redis.hlen(shared.awake)
            and not _pending(redis, shared)
        ):
            return True
        time.sleep(0.1)
    return False


def _last(redis: "Redis", key: str) -> int:
    return last_of(redis.xrevrange(key, count=1))


def _pending(redis: "Redis", shared: PartitionKeys) -> int:
    return int(redis.xpending(shared.wake, SCORERS)["pending"])


def _found(redis: "Redis", contest: str) -> Found:
    keys = keys_of(contest, 1)
    ids = cast(dict[bytes, bytes], redis.hgetall(keys.ids))
    changes = cast(list[Entry], redis.xrange(keys.partition.changes))
    return Found(
        cast(list[Entry], redis.xrange(keys.log)),
        {id_.decode(): int(value.split(b" ")[0]) for id_, value in ids.items()},
        cast(list[Entry], redis.xrange(keys.ledger(1))),
        [int(fields[b"version"]) for _, fields in changes if fields[b"contest"].decode() == contest],
    )


def _asked(api: str, contest: str, last: int, seed: int) -> list[Standing]:
    draw = random.Random(seed)
    said = []
    with httpx.Client(base_url=api, timeout=30, transport=httpx.HTTPTransport(retries=5)) as client:
        for _ in range(_MOMENTS if last else 0):
            version, day = draw.randint(1, last), f"2025-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}"
            moment = f"{day}T00:00:00Z"
            answer = client.get(
                f"/v1/contests/{contest}/standings",
                params={
                    "version": version,
                    "valid_at": moment,
                    "policy": "headcount",
                    "min_version": last,
                    "wait_ms": 10_000,
                },
            )
            if answer.status_code == 404 and answer.json()["type"] == "/problems/before-the-contest":
                continue
            lines = answer.raise_for_status().json()["standings"]
            scores = {line["candidate"]: line["score"] for line in lines}
            said.append(Standing(version, start_of(moment, "UTC"), scores))
    return said
