"""What looking around promises: lost wakes are found, and those that are out are left alone."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis import Redis

from services.scorer.rounds import Rounds
from shared.domain.times import Instant
from shared.projection.projections import Projections
from shared.runtime.settings import Settings
from shared.runtime.tasks import end
from shared.storage import backlog
from shared.storage.backlog import Backlog, Unfolded, all_unfolded
from shared.storage.connections import connect
from shared.storage.log import Log, NewEvent
from shared.storage.redis_keys import SCORERS, PartitionKeys
from tests.builders import opened
from tests.servers import eventually

SHARED = PartitionKeys(0)


class Bench:
    """One server's backlog, and the rounds of one scorer."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.redis: Any = log.redis
        self.backlog = Backlog(log)
        self.rounds = Rounds(self.backlog, Projections(log.redis, log), 60, lambda: Instant(0))

    async def append(self, *contests: str) -> None:
        """Each is opened: one event that nobody has folded."""
        for contest in contests:
            await self.log.append(contest, 0, [NewEvent("id", opened(contest=contest))])

    async def woken(self) -> list[str]:
        """The contests of the entries that are there."""
        return [fields[b"contest"].decode() for _, fields in await self.redis.xrange(SHARED.wake)]


def on(url: str, work: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        client = connect(Settings(redis_url=url))
        try:
            await work(Bench(Log(client, 1)))
        finally:
            await client.aclose()

    asyncio.run(run())


def xlen(url: str, key: str) -> int:
    with Redis.from_url(url) as client:
        return int(client.xlen(key))


@pytest.mark.parametrize(
    ("damaged", "stand"),
    [("log", (-1, 0)), ("ledger", (1, -1)), ("both", (-1, -1))],
)
def test_a_contest_of_which_something_cannot_be_read_is_told(
    any_redis_url: str, damaged: str, stand: tuple[int, int]
) -> None:
    async def work(bench: Bench) -> None:
        await bench.append("race", "other")
        keys = bench.log.keys("race")
        for name, key in (("log", keys.log), ("ledger", keys.ledger(1))):
            if damaged in (name, "both"):
                await bench.redis.set(key, "something else")
        found = await bench.backlog.unfolded(["other", "race"])
        assert found == [Unfolded("other", 1, 0), Unfolded("race", *stand)]

    on(any_redis_url, work)


def test_a_wake_that_waits_or_is_with_a_scorer_is_not_sent_again(
    any_redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "_WAKES_AT_ONCE", 2)

    async def work(bench: Bench) -> None:
        contests = [f"contest-{n}" for n in range(7)]
        await bench.append(*contests)
        await bench.rounds.round(0)
        assert await bench.woken() == contests, "there is no group yet"
        await bench.redis.xgroup_create(SHARED.wake, SCORERS, id="0")
        await bench.redis.xreadgroup(SCORERS, "one", {SHARED.wake: ">"}, count=5)
        await bench.rounds.round(0)
        assert await bench.woken() == contests

    on(any_redis_url, work)


def test_a_wake_that_was_passed_over_is_sent_again_once(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.append("held", "passed-over", "waiting")
        entries = [entry_id for entry_id, _ in await bench.redis.xrange(SHARED.wake)]
        await bench.redis.xgroup_create(SHARED.wake, SCORERS, id="0")
        await bench.redis.xreadgroup(SCORERS, "one", {SHARED.wake: ">"}, count=2)
        await bench.redis.xack(SHARED.wake, SCORERS, entries[1])
        for _ in range(3):
            await bench.rounds.round(0)
        assert await bench.woken() == ["held", "waiting", "passed-over"]

    on(any_redis_url, work)


def test_contests_that_are_folded_to_their_end_are_left_alone(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.append("folded")
        await bench.redis.xadd(bench.log.keys("folded").ledger(1), {"postings": "[]"}, id="1-0")
        await bench.redis.unlink(SHARED.wake, SHARED.awake)
        await bench.rounds.round(0)
        assert await bench.woken() == []

    on(any_redis_url, work)


def test_what_cannot_be_read_is_told_and_hides_no_other_contest(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.append("a", "b", "c")
        await bench.redis.set(bench.log.keys("a").ledger(1), "not a stream")
        await bench.redis.unlink(bench.log.keys("b").log)
        await bench.redis.set(bench.log.keys("b").log, "not a stream")
        found = [one for one, _ in await all_unfolded(bench.backlog, 100)]
        assert found == [Unfolded("a", 1, -1), Unfolded("b", -1, 0), Unfolded("c", 1, 0)]
        assert len(await all_unfolded(bench.backlog, 2)) == 2

    on(any_redis_url, work)


def test_one_scorer_looks_around_for_all(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.append("lost")
        await bench.redis.unlink(SHARED.wake)
        bench.rounds.seconds = 600
        await bench.redis.set(SHARED.looked, "another's round")
        going = asyncio.create_task(bench.rounds.go_on())
        await asyncio.to_thread(eventually, lambda: xlen(any_redis_url, SHARED.wake) == 1)
        await end(going)
        assert await bench.woken() == ["lost"], "one that starts looks at once"
        assert await bench.redis.get(SHARED.looked) == b"another's round"

    on(any_redis_url, work)
