"""An event that cannot be folded parks its contest, visibly; nothing is skipped, and the others go on."""

from typing import Any

import httpx
import orjson
import pytest
from redis import Redis

from tests.integration.test_cli import Shell
from tests.running import Standings, service, standings
from tests.servers import eventually

CANDIDATES = [{"candidate": "ann", "name": "Ann"}]
KEY = "standings:{p00}:c:%s:log"


def opened(deployment: Standings, contest: str) -> None:
    deployment.told("/v1/contests", contest=contest, title=contest, timezone="UTC", candidates=CANDIDATES)


def endorsed(deployment: Standings, contest: str, endorser: str) -> httpx.Response:
    facts = {"endorser": {"id": endorser, "name": endorser}, "candidate": "ann", "category": "mayor"}
    return deployment.tell(
        f"/v1/contests/{contest}/endorsements", **facts, announced_at="2025-01-01", id=f"{contest}-{endorser}"
    )


def from_the_future(client: "Redis", contest: str, version: int) -> dict[bytes, Any]:
    """Makes an entry one of a schema that comes later; what it was."""
    key, entry = KEY % contest, f"{version}-0"
    found: Any = client.xrange(key, entry, entry)
    fields: dict[bytes, Any] = found[0][1]
    rewrite(client, contest, version, {**fields, b"type": b"endorsement.announced.v9"})
    return fields


def rewrite(client: "Redis", contest: str, version: int, fields: dict[bytes, Any]) -> None:
    """Puts another entry there: what nobody does to a log but a test, and a disk that errs."""
    key = KEY % contest
    rest: Any = client.xrange(key, f"{version}-0", "+")
    before: Any = client.xrange(key, "-", f"({version}-0")
    client.delete(key)
    for entry_id, one in before:
        client.xadd(key, one, id=entry_id)
    client.xadd(key, fields, id=f"{version}-0")  # type: ignore[arg-type]
    for entry_id, one in rest[1:]:
        client.xadd(key, one, id=entry_id)


def examined_by(shell: Shell) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(shell("doctor", "--json", expect=1).stdout)
    return found


def test_a_contest_with_an_event_of_the_future_is_parked_and_goes_on_when_it_can_be_read(
    redis_url: str,
) -> None:
    with (
        Redis.from_url(redis_url) as client,
        standings(redis_url, scorers=0, claim_after_ms="300") as deployment,
    ):
        opened(deployment, "stuck")
        opened(deployment, "fine")
        for endorser in ("kim", "lee", "moe"):
            assert endorsed(deployment, "stuck", endorser).status_code == 201
        original = from_the_future(client, "stuck", 4)

        with service("scorer", redis_url, claim_after_ms="300"):
            shell = Shell(deployment)
            eventually(lambda: deployment.ask("/v1/contests/stuck", wait_ms=10_000)["parked"] is not None)
            shown = deployment.ask("/v1/contests/stuck")
            assert shown["version"] == 3, "what came before is folded"
            assert shown["parked"]["version"] == 4
            assert "endorsement.announced.v9" in shown["parked"]["reason"]
            assert deployment.scores("stuck") == {"ann": 3}

            # The others go on, and the doctor says which one does not.
            version = endorsed(deployment, "fine", "kim").json()["version"]
            assert deployment.scores("fine", min_version=version, wait_ms=10_000) == {"ann": 3}
            examined = examined_by(shell)
            assert {one["check"]: one["ok"] for one in examined}["contest fine"]
            stuck = next(one for one in examined if one["check"] == "contest stuck")
            assert not stuck["ok"]
            assert "parked before version 4" in stuck["found"]

            rewrite(client, "stuck", 4, original)
            assert deployment.scores("stuck", min_version=5, wait_ms=10_000) == {"ann": 9}
            assert deployment.ask("/v1/contests/stuck")["parked"] is None


def test_ingest_acknowledges_nothing_for_a_log_that_it_cannot_read(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client, standings(redis_url, scorers=0) as deployment:
        opened(deployment, "stuck")
        assert endorsed(deployment, "stuck", "kim").status_code == 201
        original = from_the_future(client, "stuck", 3)
    with Redis.from_url(redis_url) as client, standings(redis_url) as deployment:
        refused = endorsed(deployment, "stuck", "lee")

        assert refused.status_code == 503, refused.text
        assert refused.json()["type"] == "/problems/unreadable-event"
        assert "version 3" in refused.json()["detail"]
        explained = deployment.ingest.get("/problems/unreadable-event").json()
        assert explained["title"] == "Unreadable event"
        rewrite(client, "stuck", 3, original)
        assert endorsed(deployment, "stuck", "lee").status_code == 201


@pytest.mark.parametrize("damage", [{b"data": b"{"}, {b"data": b"{}"}, {b"known_at": b"yesterday"}])
def test_a_corrupt_entry_parks_its_contest_too(redis_url: str, damage: dict[bytes, bytes]) -> None:
    with Redis.from_url(redis_url) as client, standings(redis_url, scorers=0) as deployment:
        opened(deployment, "stuck")
        assert endorsed(deployment, "stuck", "kim").status_code == 201
        fields = from_the_future(client, "stuck", 3)
        rewrite(client, "stuck", 3, {**fields, **damage})

        with service("scorer", redis_url):
            eventually(lambda: bool(client.hget("standings:{p00}:parked", "stuck")))
            noted: Any = client.hget("standings:{p00}:parked", "stuck")
            assert orjson.loads(noted)["version"] == 3
            assert deployment.ask("/v1/contests/stuck")["version"] == 2
