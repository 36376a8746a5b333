"""Valkeys on loopback ports, from the embedded binary: primaries, replicas, and ones that are not well."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import BusyLoadingError, RedisError

from services.local.embedded import program
from tests.running import free_port
from tests.servers import DURABLE, eventually


@dataclass
class Server:
    """One Valkey and its process."""

    port: int
    directory: Path
    options: tuple[str, ...]
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def client(self) -> "Redis":
        """A client of its own for each use."""
        return Redis.from_url(self.url)

    def start(self, *more: str, limits: str = ":") -> None:
        """Starts it on its data, and returns when it answers, were it only that it is loading.

        `limits` is shell that it is started by.
        """
        place = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.directory), "--save", ""]
        self._run([*place, *DURABLE.split(), *self.options, *more], limits)

    def start_as_sentinel(self, configuration: Path) -> None:
        """Starts it as a Sentinel, and returns when it answers."""
        self._run([str(configuration), "--port", str(self.port), "--bind", "127.0.0.1", "--sentinel"], ":")

    def _run(self, arguments: list[str], limits: str) -> None:
        with (self.directory / "said").open("ab") as said:
            self.process = subprocess.Popen(
                ["/bin/sh", "-c", f'{limits}; exec "$0" "$@"', str(program()), *arguments],
                stdout=said,
                stderr=said,
            )
        eventually(self.answers)

    def answers(self) -> bool:
        """Whether it answers anything."""
        with self.client as client, suppress(RedisError):
            try:
                return bool(client.ping())
            except BusyLoadingError:
                return True
        return False

    def alive(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """Ends it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@contextmanager
def valkey(directory: Path, *options: str, limits: str = ":") -> Iterator[Server]:
    """A running Valkey that is gone at the end of the block."""
    directory.mkdir(parents=True, exist_ok=True)
    server = Server(free_port(), directory, options)
    server.start(limits=limits)
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def replica_of(primary: Server, directory: Path) -> Iterator[Server]:
    """A running replica, in step with its primary."""
    with valkey(directory, "--replicaof", f"127.0.0.1 {primary.port}") as replica:
        eventually(lambda: _in_step(replica))
        yield replica


def _in_step(replica: Server) -> bool:
    with replica.client as client:
        return bool(client.info("replication").get("master_link_status") == "up")
