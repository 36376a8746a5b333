"""A FastStream app that keeps a copy of every contest's standings, from the changes stream.

    python examples/faststream_consumer.py redis://127.0.0.1:6379 http://127.0.0.1:8400

A delivery is a hint, and the copy is the truth: what comes twice is dropped, and what is missing before a change (it
was delivered to a process that died) is asked of the API. After a reset the copy begins anew. A deployment of several
partitions has a stream for each.
"""

import asyncio
import json
import sys
from typing import Any

from faststream import AckPolicy, FastStream
from faststream.redis import RedisBroker, RedisStreamMessage, StreamSub
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from standings.client import AsyncClient, Change, LocalCopy

STREAM, GROUP = "standings:{p00}:changes", "examples"


async def decode(message: RedisStreamMessage) -> Any:
    """An entry's fields are plain, without FastStream's envelope."""
    return json.loads(message.raw_message["data"][b"event"])


async def follow(copy: LocalCopy, change: Change, client: AsyncClient) -> None:
    """Takes a change, and before it what is missing."""
    if change.version == copy.version + 1:
        copy.take(change)
    elif change.version > copy.version:
        async for missed in client.changes(copy.contest, since=copy.version):
            copy.take(missed)
            if copy.version >= change.version:
                return


async def main(redis_url: str, api: str) -> None:
    # A group that FastStream makes begins with what comes next; this one begins with all there is.
    redis = Redis.from_url(redis_url)
    try:
        await redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
    await redis.aclose()

    broker = RedisBroker(redis_url)
    copies: dict[str, LocalCopy] = {}
    async with AsyncClient(api) as client:
        stream = StreamSub(STREAM, group=GROUP, consumer="one", last_id=">", polling_interval=500)

        @broker.subscriber(stream=stream, decoder=decode, ack_policy=AckPolicy.ACK)
        async def on_event(event: dict[str, Any]) -> None:
            if event["type"] == "standings.contest.reset":  # the log lost what the copy is made of
                copies.pop(event["data"]["contest"], None)
                return
            change = Change.model_validate(event)
            copy = copies.setdefault(change.contest, LocalCopy(contest=change.contest))
            await follow(copy, change, client)
            leader = max(copy.scores("headcount").items(), key=lambda one: one[1], default=("nobody", 0))
            print(f"{copy.contest} {copy.version}: {leader[0]} leads with {leader[1]}", flush=True)

        await FastStream(broker).run()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    asyncio.run(main(sys.argv[1], sys.argv[2]))
