"""Contests that the API has in memory: the ones unused longest are dropped, and come back as they were."""

import asyncio

from services.api.live.account import Account
from services.api.live.contests import Contests
from services.api.live.hub import Hub
from shared.domain.times import Instant
from shared.projection.projections import Projections
from shared.runtime.settings import Settings
from shared.storage.connections import connect
from shared.storage.log import Log
from tests.running import Standings

LATE = 2**60


def opened(deployment: Standings, name: str) -> str:
    deployment.told(
        "/v1/contests",
        contest=name,
        title=name,
        timezone="UTC",
        candidates=[{"candidate": "ann", "name": "Ann"}],
    )
    return name


def announced(deployment: Standings, contest: str, endorser: str) -> int:
    done = deployment.told(
        f"/v1/contests/{contest}/endorsements",
        endorser={"id": endorser, "name": endorser},
        candidate="ann",
        category="mayor",
        announced_at="2025-01-01",
    )
    version: int = done["version"]
    deployment.ask(f"/v1/contests/{contest}", min_version=version, wait_ms=10_000)
    return version


def test_the_contest_unused_longest_is_dropped_and_comes_back_as_it_was(deployment: Standings) -> None:
    first, second = opened(deployment, "memory-1"), opened(deployment, "memory-2")
    for endorser in ("kim", "lee"):
        announced(deployment, first, endorser)
        announced(deployment, second, endorser)

    async def look() -> None:
        redis = connect(Settings(redis_url=deployment.redis_url))
        events = Log(redis, Settings().partitions)
        contests = Contests(events, Projections(redis, events), Account(1), Hub())
        before = await contests.at(first, 1, 0)
        assert contests.ready(first) is before

        await contests.at(second, 1, 0)
        assert contests.ready(first) is None
        assert contests.ready(second) is not None, "the one in use stays, however large"

        again = await contests.at(first, before.version, 0)
        assert again is not before
        assert (
            again.at(Instant(LATE), again.version).counted.tolist()
            == before.at(Instant(LATE), before.version).counted.tolist()
        )
        assert contests.ready(second) is None
        await redis.aclose()

    asyncio.run(look())


def test_a_contest_that_outgrows_the_memory_pushes_others_out(deployment: Standings) -> None:
    first, second = opened(deployment, "memory-3"), opened(deployment, "memory-4")
    for contest in (first, second):
        announced(deployment, contest, "kim")

    async def look() -> None:
        redis = connect(Settings(redis_url=deployment.redis_url))
        events = Log(redis, Settings().partitions)
        contests = Contests(events, Projections(redis, events), Account(1 << 30), Hub())
        await contests.at(first, 1, 0)
        await contests.at(second, 1, 0)
        assert contests.ready(first) is not None
        assert contests.ready(second) is not None
        contests.account.most_bytes = 1
        version = announced(deployment, second, "lee")

        await contests.at(second, version, 10_000)

        assert contests.ready(first) is None
        await redis.aclose()

    asyncio.run(look())
