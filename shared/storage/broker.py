"""The FastStream broker of a deployment's Redis: one server, a Cluster, or the primary that Sentinels name."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from faststream.redis import RedisBroker, RedisClusterBroker, RedisSentinelBroker, RedisStreamMessage
from faststream.redis.message import FAKE_CONSUMER

from shared.runtime.address import address_of
from shared.runtime.settings import Settings
from shared.storage.connections import FAILURES

_LOG = logging.getLogger("standings.stream")
_LOOK_AGAIN_SECONDS = 1.0


def broker(settings: Settings) -> RedisBroker:
    """A broker that has no subscriber yet; it connects when it is started.

    Each subscriber's function is given what its decoder makes of a message. Nothing is injected: finding out for each
    message what a function asks for took a tenth of a scorer's time.
    """
    address = address_of(settings.redis_url)
    options: dict[str, Any] = {"logger": _LOG, "apply_types": False}
    if address.kind == "server":
        return RedisBroker(address.url, **options)
    scheme = "rediss" if address.options.get("ssl") else "redis"
    user, password = (address.options.get(name, "") for name in ("username", "password"))
    login = f"{quote(user)}:{quote(password)}@" if password else ""
    host, port = address.nodes[0]
    url = f"{scheme}://{login}{host}:{port}"
    if address.kind == "cluster":
        return RedisClusterBroker(url, startup_nodes=address.nodes, **options)
    return RedisSentinelBroker(url, sentinels=address.nodes, sentinel_master_name=address.primary, **options)


async def unopened(raw: Any) -> RedisStreamMessage:
    """A parser that does not look into entries: one that is no JSON would fail all that are read with it."""
    return RedisStreamMessage(raw, b"", consumer=FAKE_CONSUMER, group=None)


async def as_it_came(message: RedisStreamMessage) -> RedisStreamMessage:
    """A decoder that leaves a message alone."""
    return message


async def keep_reading(stream: RedisBroker, prepare: Callable[[], Awaitable[None]]) -> None:
    """Starts subscribers again that gave up because their consumer group was gone, until cancelled.

    A replica that takes over may not have had the group yet; `prepare` creates what is missing.
    """
    while True:
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        stopped = [subscriber for subscriber in stream.subscribers if _has_stopped(subscriber)]
        if not stopped:
            continue
        try:
            await prepare()
            for subscriber in stopped:
                await subscriber.start()
        except FAILURES as error:
            _LOG.warning("cannot read on yet: %s", error)
        else:
            _LOG.warning("the consumer group was gone and is there again: reading on")


def _has_stopped(subscriber: Any) -> bool:
    # While one stops it waits for what it handles, and would then end what was started again.
    return not subscriber.running and not subscriber.tasks
