"""Ingest's desk and a scorer's folder over one server, without processes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from redis import Redis

from services.ingest.decision.submission import Taken
from services.ingest.desk import Desk
from services.scorer.folder import Folder
from shared.domain.times import Instant
from shared.projection.projections import Projections
from shared.runtime.settings import Settings
from shared.storage.connections import connect
from shared.storage.log import Log
from shared.values.policies import Policies
from tests.builders import CONTEST, NOW, announcement

T = TypeVar("T")


class Bench:
    """One server's log, projections, desk and folder."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.projections = Projections(log.redis, log)
        self.desk = self.new_desk()
        self.folder = Folder(log, self.projections, lambda: Instant(NOW), 1, Policies())

    def new_desk(self) -> Desk:
        """Another ingest."""
        ids = iter(range(1_000_000))
        return Desk(
            self.log, self.projections, lambda: Instant(NOW), lambda: f"made-{id(ids)}-{next(ids)}", 100_000
        )

    async def endorsements(self, first: int, last: int) -> None:
        """Announces these, in one batch."""
        commands = [announcement(f"e{n}", f"p{n}", id=f"id-{n}") for n in range(first, last + 1)]
        outcomes = await self.desk.take_all(CONTEST, commands)
        assert all(isinstance(outcome, Taken) for outcome in outcomes)


def on(url: str, work: Callable[[Bench], Awaitable[T]]) -> T:
    async def run() -> T:
        client = connect(Settings(redis_url=url))
        try:
            return await work(Bench(Log(client, 1)))
        finally:
            await client.aclose()

    return asyncio.run(run())


def raw(url: str, key: str) -> list[tuple[str, dict[str, str]]]:
    with Redis.from_url(url, decode_responses=True) as client:
        entries: Any = client.xrange(key)
        return list(entries)
