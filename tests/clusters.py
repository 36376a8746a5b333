"""Clusters of Valkeys on loopback: primaries with a replica each, resharded and failing over as real ones do."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.cluster import RedisCluster
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from tests.running import free_port
from tests.servers import eventually
from tests.valkeys import Server, valkey

_OPTIONS = (
    "--cluster-enabled",
    "yes",
    "--cluster-node-timeout",
    "1500",
    "--cluster-replica-validity-factor",
    "0",
)


@dataclass
class Cluster:
    """Primaries that share the slots evenly, and a replica of each, in the same order."""

    primaries: list[Server]
    replicas: list[Server]

    @property
    def servers(self) -> list[Server]:
        """Every node."""
        return self.primaries + self.replicas

    @property
    def url(self) -> str:
        """Its address for the services: any node will do, so two are named."""
        return f"redis+cluster://127.0.0.1:{self.primaries[0].port},127.0.0.1:{self.primaries[1].port}"

    def client(self) -> "RedisCluster":
        """A client of its own for each use."""
        return RedisCluster(host="127.0.0.1", port=self._alive().port)

    def owner(self, key: str) -> Server:
        """The primary that a key lies on."""
        with self.client() as client:
            node = client.get_node_from_key(key)
        return next(server for server in self.servers if server.port == node.port)

    def whole(self) -> bool:
        """Whether every node sees every slot served."""
        return all(_info(server).get("cluster_state") == "ok" for server in self.servers if server.alive())

    def move(self, key: str, at_once: bool = False) -> Server:
        """Moves the slot of a key to another primary, key by key or (Valkey 9 can) all at once; that primary."""
        source = self.owner(key)
        target = next(server for server in self.primaries if server is not source and server.alive())
        (_all_at_once if at_once else _key_by_key)(source, target, key_slot(key.encode()))
        eventually(lambda: self.owner(key) is target)
        return target

    def _alive(self) -> Server:
        return next(server for server in self.servers if server.alive())


@contextmanager
def cluster(directory: Path, primaries: int = 3) -> Iterator[Cluster]:
    """A cluster with a replica for each primary, gone at the end of the block."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                valkey(directory / f"node-{n}", *_OPTIONS, "--cluster-port", str(free_port()))
            )
            for n in range(2 * primaries)
        ]
        made = Cluster(servers[:primaries], servers[primaries:])
        _join(made)
        yield made


def _join(made: Cluster) -> None:
    first, *others = made.servers
    for server in others:
        with server.client as client:
            client.execute_command("CLUSTER MEET", "127.0.0.1", first.port, _bus_port(first))
    count = len(made.primaries)
    bounds = [n * REDIS_CLUSTER_HASH_SLOTS // count for n in range(count + 1)]
    for server, start, end in zip(made.primaries, bounds, bounds[1:], strict=False):
        with server.client as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE", start, end - 1)
    eventually(lambda: all(_knows(server) == len(made.servers) for server in made.servers))
    for primary, replica in zip(made.primaries, made.replicas, strict=True):
        with primary.client as client:
            primary_id = client.execute_command("CLUSTER MYID")
        _replicate(replica, primary_id)
    eventually(lambda: made.whole() and all(_in_step(replica) for replica in made.replicas))


def _key_by_key(source: Server, target: Server, slot: int) -> None:
    with source.client as here, target.client as there:
        target_id, source_id = there.execute_command("CLUSTER MYID"), here.execute_command("CLUSTER MYID")
        there.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", source_id)
        here.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", target_id)
        while keys := here.execute_command("CLUSTER GETKEYSINSLOT", slot, 10):
            here.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
        for client in (there, here):
            client.execute_command("CLUSTER SETSLOT", slot, "NODE", target_id)


def _all_at_once(source: Server, target: Server, slot: int) -> None:
    with source.client as here, target.client as there:
        target_id = there.execute_command("CLUSTER MYID")
        here.execute_command("CLUSTER MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", target_id)


def _bus_port(server: Server) -> str:
    return server.options[server.options.index("--cluster-port") + 1]


def _replicate(replica: Server, primary_id: Any) -> None:
    with replica.client as client:
        client.execute_command("CLUSTER REPLICATE", primary_id)


def _in_step(replica: Server) -> bool:
    with replica.client as client:
        return bool(client.info("replication").get("master_link_status") == "up")


def _info(server: Server) -> dict[str, Any]:
    with server.client as client:
        found: dict[str, Any] = client.execute_command("CLUSTER INFO")
        return found


def _knows(server: Server) -> int:
    return int(_info(server)["cluster_known_nodes"])
