"""A primary with replicas, and Sentinels that watch over them and let a replica take over."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis.exceptions import RedisError

from tests.running import free_port
from tests.servers import eventually
from tests.valkeys import Server, replica_of, valkey

PRIMARY = "standings"
_QUORUM = 2


@dataclass
class Watched:
    """Servers, the first of which was the primary at the beginning, and their Sentinels."""

    servers: list[Server]
    sentinels: list[Server]

    @property
    def url(self) -> str:
        """Its address for the services."""
        nodes = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        return f"redis+sentinel://{nodes}/{PRIMARY}"

    def primary(self) -> Server:
        """The server that most Sentinels name."""
        named = [_named(one) for one in self.sentinels]
        return next(server for server in self.servers if named.count(server.port) >= _QUORUM)


@contextmanager
def watched(directory: Path, replicas: int = 2) -> Iterator[Watched]:
    """A primary, replicas and three Sentinels, gone at the end of the block."""
    with ExitStack() as stack:
        primary = stack.enter_context(valkey(directory / "server-0"))
        servers = [primary] + [
            stack.enter_context(replica_of(primary, directory / f"server-{n + 1}")) for n in range(replicas)
        ]
        sentinels = [stack.enter_context(_sentinel(directory / f"sentinel-{n}", primary)) for n in range(3)]
        eventually(lambda: all(_sees(one, replicas, len(sentinels) - 1) for one in sentinels))
        yield Watched(servers, sentinels)


@contextmanager
def _sentinel(directory: Path, primary: Server) -> Iterator[Server]:
    directory.mkdir(parents=True)
    configuration = directory / "sentinel.conf"
    configuration.write_text(
        f"sentinel monitor {PRIMARY} 127.0.0.1 {primary.port} {_QUORUM}\n"
        f"sentinel down-after-milliseconds {PRIMARY} 1000\n"
        f"sentinel failover-timeout {PRIMARY} 5000\n"
    )
    server = Server(free_port(), directory, ())
    server.start_as_sentinel(configuration)
    try:
        yield server
    finally:
        server.kill()


def _sees(sentinel: Server, replicas: int, others: int) -> bool:
    with sentinel.client as client:
        found = client.sentinel_master(PRIMARY)
    return bool(found["num-slaves"] == replicas and found["num-other-sentinels"] == others)


def _named(sentinel: Server) -> int:
    try:
        with sentinel.client as client:
            found = client.sentinel_get_master_addr_by_name(PRIMARY)
    except RedisError:
        return 0
    return int(found[1]) if found else 0
