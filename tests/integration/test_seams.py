"""Where changes that are read from the streams and those that come live meet: none is missing, none comes twice."""

import asyncio
import random
from typing import Any, cast

import orjson
import pytest
from redis.asyncio import Redis

from services.api.live.hub import Hub
from services.api.subscriptions.places import Cursor
from services.api.subscriptions.subscriptions import AllFeed, FellBehind
from shared.runtime.settings import Settings
from shared.storage.connections import connect
from shared.storage.redis_keys import PartitionKeys
from shared.storage.streams import Entry, last_id

STREAMS = [PartitionKeys(partition).changes for partition in range(3)]
TOTAL = 1500


async def write(redis: Redis, stream: str, version: int) -> None:
    event = orjson.dumps({"data": {"scores": []}, "text": "x" * (version % 97) * 50})
    await redis.xadd(stream, {"contest": stream, "version": version, "event": event})


async def follow(redis: Redis, hub: Hub) -> None:
    """As the API does."""
    last = {stream: await last_id(redis, stream) for stream in STREAMS}
    hub.stand(last)
    while True:
        answer = await redis.xread(cast(Any, last), block=1000, count=50)
        for name, entries in cast(list[tuple[bytes, list[Entry]]], answer or []):
            last[name.decode()] = entries[-1][0].decode()
            hub.publish(name.decode(), entries)


async def until_followed(hub: Hub, redis: Redis) -> None:
    await hub.stood.wait()
    while hub.places != {stream: await last_id(redis, stream) for stream in STREAMS}:  # noqa: ASYNC110
        await asyncio.sleep(0)


async def read(feed: AllFeed, total: int, most: int, found: dict[str, list[int]]) -> None:
    """Reads until there are so many; unevenly fast."""
    chance = random.Random(most)
    while sum(map(len, found.values())) < total:
        changes = await feed.next(5, chance.randint(1, most))
        assert changes, f"nothing more came after {feed.cursor}"
        for one in changes:
            found[one.contest].append(one.version)
        for _ in range(chance.randint(0, 3)):
            await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("window", [2_000, 64 << 20])
def test_a_feed_that_begins_anywhere_tells_every_change_once_and_in_order_while_more_come(
    redis_url: str, seed: int, window: int
) -> None:
    async def look() -> None:
        redis = connect(Settings(redis_url=redis_url))
        chance, hub = random.Random(seed), Hub(window)
        versions = dict.fromkeys(STREAMS, 0)

        async def more(number: int) -> None:
            for _ in range(number):
                stream = chance.choice(STREAMS)
                versions[stream] += 1
                await write(redis, stream, versions[stream])

        for stream in STREAMS:
            versions[stream] += 1
            await write(redis, stream, 1)
        await more(TOTAL // 3)
        following = asyncio.create_task(follow(redis, hub))
        await until_followed(hub, redis)
        writing = asyncio.create_task(more(TOTAL))
        feeds = []
        for most in (1, 20, 500):
            found: dict[str, list[int]] = {stream: [] for stream in STREAMS}
            feed = AllFeed(hub, redis, Cursor("after", "0-0,0-0,0-0", STREAMS).places)
            total = TOTAL + TOTAL // 3 + 3
            feeds.append((found, asyncio.create_task(_again(feed, redis, hub, total, most, found))))
        await asyncio.gather(writing, *(task for _, task in feeds))
        for found, _ in feeds:
            assert found == {stream: list(range(1, versions[stream] + 1)) for stream in STREAMS}
        following.cancel()
        await redis.aclose()

    asyncio.run(look())


async def _again(
    feed: AllFeed, redis: Redis, hub: Hub, total: int, most: int, found: dict[str, list[int]]
) -> None:
    """Reads on where it was, whenever it fell behind."""
    while True:
        try:
            return await read(feed, total, most, found)
        except FellBehind:
            feed = AllFeed(hub, redis, Cursor("after", feed.cursor, STREAMS).places)


def test_what_is_trimmed_while_it_is_read_is_not_passed_over(redis_url: str) -> None:
    async def look() -> None:
        redis = connect(Settings(redis_url=redis_url))
        hub = Hub()
        for version in range(1, 200):
            await write(redis, STREAMS[0], version)
        hub.stand({STREAMS[0]: await last_id(redis, STREAMS[0])})
        feed = AllFeed(hub, redis, {STREAMS[0]: "0-0"})
        assert [one.version for one in await feed.next(0, 5)] == [1, 2, 3, 4, 5]
        await redis.xtrim(STREAMS[0], maxlen=50, approximate=False)

        with pytest.raises(FellBehind):
            await feed.next(0, 5)
        await redis.aclose()

    asyncio.run(look())
