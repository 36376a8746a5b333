"""Connecting to a deployment's Redis: one server, a Cluster, or the primary that Sentinels name."""

import asyncio
from typing import Any, cast

import hiredis
from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import ExponentialBackoff

from shared.runtime.address import address_of
from shared.runtime.settings import Settings

# All that a command can fail by when it is not the command's fault; the cluster's own is no RedisError.
FAILURES = (exceptions.RedisError, exceptions.RedisClusterException, OSError)

_BLOCKED_LONGEST_SECONDS = 30
_CONNECTIONS = 256
_REDIRECTIONS = 5


def connect(settings: Settings) -> Redis:
    """A client of the deployment's Redis. Connects when first used; commands are retried while it comes back.

    While all connections are in use, commands wait for one; those to a Cluster fail.
    """
    address = address_of(settings.redis_url)
    options: dict[str, Any] = {
        "retry": Retry(ExponentialBackoff(cap=1, base=0.05), retries=3),
        "socket_timeout": _BLOCKED_LONGEST_SECONDS,
        "max_connections": _CONNECTIONS,
        **address.options,
    }
    if address.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.nodes]
        return cast(
            Redis,
            Cluster(
                startup_nodes=nodes,
                node_options={"socket_timeout": _BLOCKED_LONGEST_SECONDS, **address.options},
                **options,
            ),
        )
    options["retry_on_error"] = [exceptions.ConnectionError, exceptions.TimeoutError]
    if address.kind == "sentinel":
        sentinel = cast(Any, Sentinel)(address.nodes, **options)
        client = cast(Redis, sentinel.master_for(address.primary, connection_pool_class=_WaitingSentinelPool))
    else:
        client = Redis.from_pool(BlockingConnectionPool.from_url(address.url, **options))
    pool = client.connection_pool
    pool.connection_class = _ours(pool.connection_class)
    return client


class _WaitingSentinelPool(SentinelConnectionPool, BlockingConnectionPool):
    """The connections to the primary that Sentinels name; who needs one while all are in use waits for it.

    Those that connect at one moment ask the Sentinels once for all of them: a Sentinel's client has only so many
    connections, and loses a Sentinel where several ask by it at once.
    """

    _asked: asyncio.Future[tuple[str, int]] | None = None

    async def get_master_address(self) -> tuple[str, int]:
        """Where the primary is."""
        if self._asked is None or self._asked.done():
            self._asked = asyncio.ensure_future(cast(Any, super()).get_master_address())
        return await asyncio.shield(self._asked)


class _Ours(AbstractConnection):
    """What a connection does otherwise than the asyncio client's own."""

    def pack_command(self, *args: Any) -> list[bytes]:
        """Lets hiredis write commands: a batch is one command of thousands of arguments, and the client's own packing
        took more of the scorer's time than folding did."""
        name, *rest = args
        words = name.split() if isinstance(name, str) else [name]
        return [hiredis.pack_command((*words, *rest))]

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Sends. A connection that was closed in the meantime is a lost connection; uvloop raises a `RuntimeError`."""
        try:
            await super().send_packed_command(command, check_health)
        except RuntimeError as error:
            raise exceptions.ConnectionError(f"the connection was closed: {error}") from error


def _ours(connection_class: type[AbstractConnection]) -> type[AbstractConnection]:
    return type("Connection", (_Ours, connection_class), {})


class Cluster(RedisCluster):
    """A Cluster's client, which can also keep to one connection of the node that a key lies on."""

    def __init__(self, *, node_options: dict[str, Any], **options: Any) -> None:
        super().__init__(**options)
        # The options of every node to come, and those that are there already.
        of_nodes = cast(dict[str, Any], self.get_connection_kwargs())
        of_nodes["connection_class"] = _ours(of_nodes["connection_class"])
        for node in self.startup_nodes:
            node.connection_class = of_nodes["connection_class"]
        self._node_options = node_options
        self._clients: dict[tuple[str, int], Redis] = {}

    def on_node_of(self, key: str) -> Redis:
        """A client of the one node that has the key, as far as is known."""
        node = self.get_node_from_key(key)
        if node is None:
            raise exceptions.ConnectionError(f"no node is known to have {key}")
        at = node.host, int(node.port)
        if at not in self._clients:
            self._clients[at] = Redis(host=at[0], port=at[1], **self._node_options)
            pool = self._clients[at].connection_pool
            pool.connection_class = _ours(pool.connection_class)
        return self._clients[at]

    async def look_again(self) -> None:
        """Asks the nodes anew which slots they have."""
        await self.nodes_manager.initialize()

    async def aclose(self) -> None:
        """Closes every connection; they open again when used."""
        for client in self._clients.values():
            await client.aclose()
        await super().aclose()


def cluster_of(redis: Redis) -> Cluster | None:
    """The client as a Cluster's, if it is one: `connect` gives both as `Redis`, whose commands they share."""
    client: object = redis
    return client if isinstance(client, Cluster) else None


async def together(redis: Redis, key: str, commands: list[tuple[Any, ...]]) -> list[Any]:
    """The answers to commands sent on one connection to where the key lies, as WAIT needs it.

    Each is sent at most once, unless its server said that it is not the one. Raises what the first to fail failed by.
    """
    cluster = cluster_of(redis)
    if cluster is None:
        return await _sent(redis, commands)
    await cluster.initialize()
    for _ in range(_REDIRECTIONS):
        try:
            return await _sent(cluster.on_node_of(key), commands)
        except exceptions.MovedError:
            await cluster.look_again()
    raise exceptions.TryAgainError(f"{key} is being moved to another node")


async def _sent(client: Redis, commands: list[tuple[Any, ...]]) -> list[Any]:
    async with client.pipeline(transaction=False) as pipe:
        for command in commands:
            pipe.execute_command(*command)
        answers = await pipe.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers
