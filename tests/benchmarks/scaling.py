"""Many contests over one and two scorers, as processes of their own, and how soon a dead one's work is taken over."""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

from redis import Redis

from shared.runtime.settings import Settings
from shared.storage.connections import connect
from shared.storage.log import Log, NewEvent
from shared.storage.redis_keys import SCORERS, PartitionKeys, keys_of
from shared.storage.streams import last_of
from tests.benchmarks.events import announcement, opening
from tests.running import service

_APPENDED_AT_ONCE = 1000
_LOOK_EVERY_SECONDS = 0.005


class Spread(NamedTuple):
    """Events a second with so many scorers: `contests` contests, the first of which has `hot` events."""

    scorers: int
    a_second: float
    first_tail_seconds: float


def spread(url: str, contests: int, each: int, hot: int, scorers: int) -> Spread:
    """Scorers start on a log that is there: one hot contest, woken first, and a long tail.

    `first_tail_seconds` is until half of the tail was folded.
    """
    asyncio.run(_fill(url, contests, each, hot))
    names = [f"contest-{n}" for n in range(contests)]
    began = time.perf_counter()
    with Redis.from_url(url) as client, ExitStack() as running:
        for _ in range(scorers):
            running.enter_context(service("scorer", url))
        _until(lambda: _folded(client, names[1 : contests // 2], each))
        tail = time.perf_counter() - began
        _until(lambda: _folded(client, names[1:], each) and _folded(client, names[:1], hot))
        took = time.perf_counter() - began
    return Spread(scorers, (hot + (contests - 1) * each) / took, tail)


def takeover(url: str, events: int) -> float:
    """Seconds from a scorer's death in the middle of a contest until another goes on with it, at default settings."""
    asyncio.run(_fill(url, 1, 0, events))
    with Redis.from_url(url) as client, service("scorer", url) as one, service("scorer", url) as other:
        _until(lambda: _stands(client, "contest-0") > events // 10)
        (working,) = client.xpending_range(PartitionKeys(0).wake, SCORERS, "-", "+", 1)
        doomed = one if working["consumer"].endswith(f"-{one.process.pid}".encode()) else other
        doomed.kill()
        died, stood = time.perf_counter(), _stands(client, "contest-0")
        _until(lambda: _stands(client, "contest-0") > stood)
        return time.perf_counter() - died


async def _fill(url: str, contests: int, each: int, hot: int) -> None:
    client = connect(Settings(redis_url=url))
    await client.flushall()
    log = Log(client, 1)
    for n in range(contests):
        name, count = f"contest-{n}", each if n else hot
        facts = [*opening(name), *(announcement(i) for i in range(count))][:count]
        events = [NewEvent(f"event-{i}", fact) for i, fact in enumerate(facts)]
        for first in range(0, count, _APPENDED_AT_ONCE):
            await log.append(name, first, events[first : first + _APPENDED_AT_ONCE])
    await client.aclose()


def _folded(client: "Redis", names: list[str], version: int) -> bool:
    pipe = client.pipeline(transaction=False)
    for name in names:
        pipe.xrevrange(keys_of(name, 1).ledger(1), count=1)
    return all(last_of(last) == version for last in pipe.execute())


def _stands(client: "Redis", name: str) -> int:
    return last_of(client.xrevrange(keys_of(name, 1).ledger(1), count=1))


def _until(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(_LOOK_EVERY_SECONDS)
