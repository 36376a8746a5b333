"""Real servers for tests: the embedded Valkey, and one in a container, both configured as production is."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

PROJECT = Path(__file__).parents[1]
IMAGE = "valkey/valkey:9"
SERVER = "valkey-server --bind 0.0.0.0 --protected-mode no"
DURABLE = "--appendonly yes --appendfsync always --maxmemory-policy noeviction"


def under_ci() -> bool:
    """Whether a missing need is a failure: whoever asks for all of it must not be told that a part was skipped."""
    return os.environ.get("CI") == "true"


def missing(need: str, expected: bool = True) -> None:
    """Ends the test: skipped, or failed where the need is expected to be met."""
    if under_ci() and expected:
        pytest.fail(f"under CI=true the tests need {need}")
    pytest.skip(f"needs {need}")


def engine_answers() -> bool:
    """Whether something listens where the container engine's clients look for it."""
    host = urlsplit(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    family, address = (
        (socket.AF_UNIX, host.path) if host.scheme == "unix" else (socket.AF_INET, (host.hostname, host.port))
    )
    with socket.socket(family) as client:
        try:
            client.connect(address)
        except OSError:
            return False
    return True


@contextmanager
def container_valkey() -> Iterator[str]:
    """The URL of a Valkey in a container of its own."""
    from testcontainers.community.redis import RedisContainer

    with RedisContainer(IMAGE).with_command(f"{SERVER} {DURABLE}") as container:
        yield f"redis://{container.get_container_host_ip()}:{container.get_exposed_port(6379)}/0"


def eventually(holds: Callable[[], bool], within_seconds: float = 20.0) -> None:
    """Returns as soon as the condition holds; fails if it does not in time."""
    deadline = time.monotonic() + within_seconds
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"did not hold within {within_seconds:g} s")
        time.sleep(0.01)
