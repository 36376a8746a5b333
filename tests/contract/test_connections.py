"""Connections to real servers that are lost at an awkward moment."""

from pathlib import Path
from typing import Any

import pytest
import uvloop
from redis import exceptions

from shared.runtime.settings import Settings
from shared.storage.connections import cluster_of, connect
from tests.clusters import cluster


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
