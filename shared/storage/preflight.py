"""What must be true of a deployment's Redis, of each of its servers, before a service works with it."""

import asyncio
import logging
from itertools import product
from typing import Any, cast

from redis import exceptions
from redis.asyncio import Redis

from shared.runtime.address import address_of
from shared.runtime.settings import Settings
from shared.runtime.startup import RefusesToStart
from shared.storage.connections import cluster_of
from shared.storage.redis_keys import DEPLOYMENT

log = logging.getLogger("standings")

OLDEST_REDIS = (7, 2)
OLDEST_VALKEY = (8, 0)
_LAYOUT = "1"
# What a server that is away, starting or being replaced answers, and a cluster that is not whole.
_AWAY = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.BusyLoadingError,
    exceptions.ClusterError,
    exceptions.RedisClusterException,
    OSError,
)


class UnfitServer(RefusesToStart):
    """The server cannot keep what this deployment promises; says why and what to do."""


async def wait_for(redis: Redis, every_seconds: float = 0.5) -> None:
    """Returns when the server answers; says in the log that it is waited for."""
    said = False
    while True:
        try:
            await redis.exists(DEPLOYMENT)  # a cluster that is not whole answers a ping
        except exceptions.MovedError:
            return  # it answers, as a part of a cluster: `check` says what is wrong with that
        except _AWAY as error:
            if not said:
                log.warning("waiting for the Redis server: %s", error)
                said = True
            await asyncio.sleep(every_seconds)
        else:
            return


async def check(redis: Redis, settings: Settings) -> None:
    """Returns if every server is fit for this deployment. Raises `UnfitServer`."""
    for info in await _of_primaries(redis, "INFO", "server"):
        _new_enough(info)
        _rightly_addressed(redis, info)
    if settings.durability != "memory":
        await _durable(redis)
    await _same_deployment(redis, settings)


async def check_replicas(redis: Redis, settings: Settings) -> None:
    """Returns if there are as many replicas as events must be on. Raises `UnfitServer`."""
    if settings.durability != "replicated":
        if settings.durability == "fsync" and address_of(settings.redis_url).kind != "server":
            log.warning(
                "a replica that takes over may lack what was acknowledged last: STANDINGS_DURABILITY=replicated "
                "acknowledges only what replicas have"
            )
        return
    for info in await _of_primaries(redis, "INFO", "replication"):
        connected = int(info["connected_slaves"])
        if connected < settings.replicas:
            raise UnfitServer(
                f"the server has {connected} replicas, and acknowledged events must be on {settings.replicas}: connect "
                "them, set STANDINGS_REPLICAS to how many there are, or promise less with STANDINGS_DURABILITY=fsync"
            )


async def _of_primaries(redis: Redis, *command: str) -> list[dict[str, Any]]:
    """What each primary answers; the one server, if it is no cluster."""
    cluster = cluster_of(redis)
    if cluster is None:
        return [await cast(Any, redis).execute_command(*command)]
    await cluster.initialize()
    return [await cluster.execute_command(*command, target_nodes=[node]) for node in cluster.get_primaries()]


def _rightly_addressed(redis: Redis, info: dict[str, Any]) -> None:
    if info.get("redis_mode", info.get("server_mode")) == "cluster" and cluster_of(redis) is None:
        raise UnfitServer(
            "this server is part of a Cluster: say so with STANDINGS_REDIS_URL=redis+cluster://HOST:PORT,HOST:PORT"
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
        servers = await _of_primaries(redis, "CONFIG GET", *wanted)
    except exceptions.ResponseError as error:
        raise UnfitServer(
            f"the server does not say how durable it is ({error}); allow CONFIG GET, or accept what it does "
            "with STANDINGS_DURABILITY=memory"
        ) from None
    for configured, (name, value) in product(servers, wanted.items()):
        if configured.get(name) != value:
            raise UnfitServer(
                f"the server has {name} {configured.get(name)}, and acknowledged events could be lost: "
                f"set `{name} {value}`, or accept the loss with STANDINGS_DURABILITY=memory"
            )


async def _same_deployment(redis: Redis, settings: Settings) -> None:
    wanted = {"layout": _LAYOUT, "partitions": str(settings.partitions)}
    for name, value in wanted.items():
        await redis.hsetnx(DEPLOYMENT, name, value)
    stored = cast(dict[bytes, bytes], await redis.hgetall(DEPLOYMENT))
    for name, value in wanted.items():
        was = stored[name.encode()].decode()
        if was != value:
            raise UnfitServer(
                f"the data on this server was made with {name} {was}, and this service is set to {value}: "
                + (
                    f"set STANDINGS_PARTITIONS={was}"
                    if name == "partitions"
                    else "use the release that made it"
                )
            )
