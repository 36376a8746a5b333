"""Connections to real servers that are lost at an awkward moment."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import uvloop
from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.sentinel import SentinelConnectionPool

from services.api.live.account import Account
from services.api.live.contests import Contests
from services.api.live.hub import Hub
from services.local.embedded import embedded_valkey
from shared.projection.projections import Projections
from shared.runtime.settings import Settings
from shared.storage.connections import cluster_of, connect
from shared.storage.log import Log
from tests.clusters import cluster
from tests.sentinels import watched

pytestmark = pytest.mark.slow

MANY = 600  # more than a client has connections


def closed_before_it_sends(url: str) -> None:
    """Closes a connection under uvloop, as another task or the server does, and sends by it."""

    async def work() -> None:
        client: Any = connect(Settings(redis_url=url))
        await client.set("a", 1)
        nodes: Any = cluster_of(client)
        if nodes is not None:
            node = nodes.get_node_from_key("a")
            connections = [
                node.acquire_connection(),
                await nodes.on_node_of("a").connection_pool.get_connection(),
            ]
        else:
            connections = [await client.connection_pool.get_connection()]
        for connection in connections:
            await lose(connection)
        await client.aclose()

    uvloop.run(work())


async def lose(connection: Any) -> None:
    await connection.connect()
    writer = connection._writer
    assert writer is not None
    writer.close()
    with pytest.raises(exceptions.ConnectionError, match="was closed"):
        await connection.send_command("PING")
    await connection.send_command("PING")  # connects again
    assert await connection.read_response() == b"PONG"
    await connection.disconnect()


def test_to_send_by_a_connection_that_was_closed_is_a_lost_connection(any_redis_url: str) -> None:
    closed_before_it_sends(any_redis_url)


def test_to_send_to_a_node_by_a_connection_that_was_closed_is_a_lost_connection(tmp_path: Path) -> None:
    with cluster(tmp_path) as nodes:
        closed_before_it_sends(nodes.url)


@contextmanager
def deployed(kind: str, directory: Path) -> Iterator[str]:
    """The URL of a deployment of a kind."""
    if kind == "cluster":
        with cluster(directory) as nodes:
            yield nodes.url
    elif kind == "sentinel":
        with watched(directory, replicas=1) as servers:
            yield servers.url
    else:
        with embedded_valkey(directory) as url:
            yield url


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Redis]:
    """A client of a deployment; it and what it asked the Sentinels by are closed at the end of the block."""
    client = connect(Settings(redis_url=url))
    try:
        yield client
    finally:
        await client.aclose()
        pool = None if cluster_of(client) else client.connection_pool
        if isinstance(pool, SentinelConnectionPool):
            for sentinel in pool.sentinel_manager.sentinels:
                await sentinel.aclose()


@pytest.mark.parametrize("kind", ["server", "sentinel", "cluster"])
def test_the_versions_of_more_contests_than_there_are_connections_are_read(kind: str, tmp_path: Path) -> None:
    expected = {f"race-{n}": n for n in range(MANY)}

    async def read(url: str) -> dict[str, int]:
        async with connected(url) as client:
            log = Log(client, 8)
            for contest, version in expected.items():
                if version:
                    await client.xadd(log.keys(contest).log, {"a": "b"}, id=f"{version}-0")
            return await log.versions(list(expected))

    with deployed(kind, tmp_path) as url:
        assert asyncio.run(read(url)) == expected


@pytest.mark.parametrize("kind", ["server", "sentinel"])
def test_who_asks_while_all_connections_are_in_use_waits_for_one(kind: str, tmp_path: Path) -> None:
    async def ask(url: str) -> list[Any]:
        async with connected(url) as client:
            return await asyncio.gather(*(client.echo("there") for _ in range(MANY)))

    with deployed(kind, tmp_path) as url:
        assert asyncio.run(ask(url)) == [b"there"] * MANY


def test_following_many_streams_takes_few_connections(redis_url: str) -> None:
    async def connections_after_a_look() -> int:
        async with connected(redis_url) as client:
            log = Log(client, MANY)
            contests = Contests(log, Projections(client, log), Account(1 << 20), Hub())
            following = asyncio.create_task(contests.follow())
            await asyncio.sleep(2)  # a second for changes to come, and then it looks at every stream
            following.cancel()
            await asyncio.wait([following])
            return len(cast(list[object], await client.client_list()))

    assert asyncio.run(connections_after_a_look()) < 50
