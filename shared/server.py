"""The Redis server: connecting to it, and what must be true of it before a service works with it."""

import asyncio
import logging
from typing import Any, cast

import hiredis
from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from shared.keys import DEPLOYMENT
from shared.settings import Settings

log = logging.getLogger("standings")

OLDEST_REDIS = (7, 2)
OLDEST_VALKEY = (8, 0)
_LAYOUT = "1"
_BLOCKED_LONGEST_SECONDS = 30
# What a server that is away, starting or being replaced answers.
_AWAY = (exceptions.ConnectionError, exceptions.TimeoutError, exceptions.BusyLoadingError, OSError)


class UnfitServer(Exception):
    """The server cannot keep what this deployment promises; says why and what to do."""


def connect(settings: Settings) -> Redis:
    """A client of the deployment's server. Connects when first used; commands are retried while it comes back."""
    client = Redis.from_url(
        settings.redis_url,
        retry=Retry(ExponentialBackoff(cap=1, base=0.05), retries=3),
        retry_on_error=[exceptions.ConnectionError, exceptions.TimeoutError],
        socket_timeout=_BLOCKED_LONGEST_SECONDS,
        max_connections=256,
    )
    pool = client.connection_pool
    pool.connection_class = type("PackingConnection", (_PacksInC, pool.connection_class), {})
    return client


class _PacksInC:
    """Lets hiredis write commands: a batch is one command of thousands of arguments, and the asyncio client's own
    packing took more of the scorer's time than folding did."""

    def pack_command(self, *args: Any) -> list[bytes]:
        name, *rest = args
        words = name.split() if isinstance(name, str) else [name]
        return [hiredis.pack_command((*words, *rest))]


async def wait_for(redis: Redis, every_seconds: float = 0.5) -> None:
    """Returns when the server answers; says in the log that it is waited for."""
    said = False
    while True:
        try:
            await redis.ping()
        except _AWAY as error:
            if not said:
                log.warning("waiting for the Redis server: %s", error)
                said = True
            await asyncio.sleep(every_seconds)
        else:
            return


async def check(redis: Redis, settings: Settings) -> None:
    """Returns if the server is fit for this deployment. Raises `UnfitServer`."""
    info = await redis.info("server")
    _new_enough(info)
    if settings.durability != "memory":
        await _durable(redis)
    await _same_deployment(redis, settings)


async def check_replicas(redis: Redis, settings: Settings) -> None:
    """Returns if there are as many replicas as events must be on. Raises `UnfitServer`."""
    if settings.durability != "replicated":
        return
    found = int((await redis.info("replication"))["connected_slaves"])
    if found < settings.replicas:
        raise UnfitServer(
            f"the server has {found} replicas, and acknowledged events must be on {settings.replicas}: connect them, "
            "set STANDINGS_REPLICAS to how many there are, or promise less with STANDINGS_DURABILITY=fsync"
        )


def _new_enough(info: dict[str, Any]) -> None:
    is_valkey = "valkey_version" in info
    version = str(info["valkey_version" if is_valkey else "redis_version"])
    oldest = OLDEST_VALKEY if is_valkey else OLDEST_REDIS
    if tuple(int(part) for part in version.split(".")[:2]) < oldest:
        name = "Valkey" if is_valkey else "Redis"
        raise UnfitServer(f"{name} {version} is too old: Standings needs Redis 7.2 or Valkey 8.0, or later")


async def _durable(redis: Redis) -> None:
    wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
    try:
        found = cast(dict[str, str], await redis.config_get(*wanted))
    except exceptions.ResponseError as error:
        raise UnfitServer(
            f"the server does not say how durable it is ({error}); allow CONFIG GET, or accept what it does "
            "with STANDINGS_DURABILITY=memory"
        ) from None
    for name, value in wanted.items():
        if found.get(name) != value:
            raise UnfitServer(
                f"the server has {name} {found.get(name)}, and acknowledged events could be lost: "
                f"set `{name} {value}`, or accept the loss with STANDINGS_DURABILITY=memory"
            )


async def _same_deployment(redis: Redis, settings: Settings) -> None:
    wanted = {"layout": _LAYOUT, "partitions": str(settings.partitions)}
    for name, value in wanted.items():
        await redis.hsetnx(DEPLOYMENT, name, value)
    found = cast(dict[bytes, bytes], await redis.hgetall(DEPLOYMENT))
    for name, value in wanted.items():
        was = found[name.encode()].decode()
        if was != value:
            raise UnfitServer(
                f"the data on this server was made with {name} {was}, and this service is set to {value}: "
                + (
                    f"set STANDINGS_PARTITIONS={was}"
                    if name == "partitions"
                    else "use the release that made it"
                )
            )
