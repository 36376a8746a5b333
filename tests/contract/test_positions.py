"""Whether an entry is still at a place of a stream, on every kind of server."""

import asyncio

import pytest
from redis import Redis

from services.api.live.positions import is_there
from shared.runtime.settings import Settings
from shared.storage.connections import connect


@pytest.mark.parametrize(("place", "there"), [("1-0", True), ("2-0", True), ("3-0", False), ("2-1", False)])
def test_a_place_is_there_while_an_entry_has_it(any_redis_url: str, place: str, there: bool) -> None:
    async def ask() -> bool:
        client = connect(Settings(redis_url=any_redis_url))
        try:
            return await is_there(client, "a stream", place)
        finally:
            await client.aclose()

    with Redis.from_url(any_redis_url) as client:
        for id_ in ("1-0", "2-0"):
            client.xadd("a stream", {"a": "b"}, id=id_)

    assert asyncio.run(ask()) is there
