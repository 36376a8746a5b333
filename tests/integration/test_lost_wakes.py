"""A contest whose wake was lost goes on by itself, and the doctor says which ones have none."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from redis import Redis

from tests.integration.test_cli import Shell
from tests.running import service, standings
from tests.servers import eventually

WAKE, AWAKE, GROUP = "standings:{p00}:wake", "standings:{p00}:awake", "scorers"
CANDIDATES = [{"candidate": "ann", "name": "Ann"}]
SOON = {"look_around_seconds": "1", "claim_after_ms": "300"}


def no_entry(_: "Redis") -> None:
    """That it is awake is all that there is."""


def no_stream(client: "Redis") -> None:
    client.delete(WAKE)


def nothing(client: "Redis") -> None:
    client.delete(WAKE, AWAKE)


def passed_over(client: "Redis") -> None:
    """An entry that its group counts as delivered, and nobody has."""
    with client.pipeline(transaction=True) as pipe:
        pipe.xadd(WAKE, {"contest": "second"})
        pipe.xgroup_setid(WAKE, GROUP, "$")
        pipe.execute()


@pytest.mark.parametrize("lose", [no_entry, no_stream, nothing, passed_over])
def test_a_contest_whose_wake_is_lost_goes_on_by_itself(
    redis_url: str, lose: Callable[["Redis"], None]
) -> None:
    with (
        Redis.from_url(redis_url) as client,
        standings(redis_url, scorers=0) as deployment,
        service("scorer", redis_url, **SOON),
    ):
        said = {"title": "A race", "timezone": "UTC", "candidates": CANDIDATES}
        deployment.told("/v1/contests", contest="first", **said)
        deployment.ask("/v1/contests/first", min_version=2, wait_ms=10_000)
        client.hset(AWAKE, "second", "as if it were woken")
        deployment.told("/v1/contests", contest="second", **said)
        lose(client)

        answer = deployment.ask("/v1/contests/second", min_version=2, wait_ms=10_000)
        assert answer["version"] == 2
        eventually(lambda: client.xlen(WAKE) == 0 and client.hlen(AWAKE) == 0)


def test_the_doctor_names_contests_with_unfolded_events_and_whether_a_wake_is_out(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client, standings(redis_url, scorers=0) as deployment:
        said = {"title": "A race", "timezone": "UTC", "candidates": CANDIDATES}
        deployment.told("/v1/contests", contest="lost", **said)
        client.delete(WAKE)
        deployment.told("/v1/contests", contest="woken", **said)

        checks: list[dict[str, Any]] = orjson.loads(Shell(deployment)("doctor", "--json", expect=1).stdout)

        found = {one["check"]: one for one in checks}
        assert not found["contest lost"]["ok"]
        assert "no wake is out" in found["contest lost"]["found"]
        assert not found["contest woken"]["ok"]
        assert "a wake is out" in found["contest woken"]["found"]
        assert "2 events" in found["contest woken"]["found"]
