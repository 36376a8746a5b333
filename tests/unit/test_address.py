"""What an address of Redis may look like."""

import pytest
from pydantic import ValidationError

from shared.runtime.address import Address, UnusableAddress, address_of
from shared.runtime.settings import Settings


@pytest.mark.parametrize("url", ["redis://127.0.0.1:6379/0", "rediss://h/1", "unix:///run/valkey.sock"])
def test_one_server_is_addressed_as_the_client_does(url: str) -> None:
    assert address_of(url) == Address(url, "server")


def test_a_cluster_is_some_of_its_nodes() -> None:
    url = "redis+cluster://one:7000,two,[::1]:7002"

    assert address_of(url) == Address(url, "cluster", (("one", 7000), ("two", 6379), ("::1", 7002)))


def test_sentinels_are_addressed_with_the_name_of_their_primary() -> None:
    url = "redis+sentinel://one,two:5000/standings"

    assert address_of(url) == Address(url, "sentinel", (("one", 26379), ("two", 5000)), "standings")


def test_a_login_and_encryption_are_for_every_node() -> None:
    found = address_of("rediss+cluster://us%40er:p%3Aw@one,two")

    assert found.options == {"username": "us@er", "password": "p:w", "ssl": True}
    assert found.nodes == (("one", 6379), ("two", 6379))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis+cluster://", "no HOST:PORT"),
        ("redis+cluster://one,", "no HOST:PORT"),
        ("redis+cluster://one:port", "'one:port' is no HOST:PORT"),
        ("redis+cluster://one/2", "leave out /2"),
        ("redis+sentinel://one", "ends in the primary's name"),
        ("http+cluster://one", "http\\+cluster:// is unknown"),
        ("redis+ring://one", "redis\\+ring:// is unknown"),
    ],
)
def test_what_cannot_be_understood_is_refused(url: str, says: str) -> None:
    with pytest.raises(UnusableAddress, match=says):
        address_of(url)
    with pytest.raises(ValidationError, match="redis_url"):
        Settings(redis_url=url)
