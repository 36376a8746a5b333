"""Fixtures every test may ask for: `redis_url` is a real server, empty, `any_redis_url` each kind of server in turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from redis import Redis

from services.local.embedded import embedded_valkey
from tests.servers import PROJECT, container_valkey, engine_answers, missing

# What a property finds it finds nearly always in its first examples: for mutants, and while one writes.
settings.register_profile("few", max_examples=20, derandomize=True, database=None, deadline=None)


@pytest.fixture(scope="session")
def embedded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of one Valkey for the whole session; ask for `redis_url` instead."""
    with embedded_valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture(scope="session")
def container_server() -> Iterator[str]:
    """The URL of one Valkey in a container for the whole session; ask for `any_redis_url` instead."""
    if not engine_answers():
        missing("a container engine", expected=(PROJECT.parent / "shared" / "containers").exists())
    with container_valkey() as url:
        yield url


@pytest.fixture
def redis_url(embedded_server: str) -> str:
    """The URL of a durable server with nothing in it."""
    return emptied(embedded_server)


@pytest.fixture(params=["embedded", pytest.param("container", marks=pytest.mark.containers)])
def any_redis_url(request: pytest.FixtureRequest) -> str:
    """As `redis_url`, once for each kind of server: for what a contract suite promises of all of them."""
    return emptied(request.getfixturevalue(f"{request.param}_server"))


def emptied(url: str) -> str:
    with Redis.from_url(url) as client:
        client.flushall()
    return url


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The directory of FiveThirtyEight's published tables, which lies beside the project. Mark: shared_data."""
    directory = PROJECT.parent / "shared" / "data"
    if not directory.is_dir():
        missing("../shared/data")
    return directory
