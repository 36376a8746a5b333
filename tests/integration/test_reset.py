"""What the log no longer has is not answered any more, and everybody who was told of it is told so."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from redis import Redis

from services.console.client import Client
from services.console.doctor import examine
from services.supervisor.embedded import embedded_valkey
from tests.running import Standings, standings
from tests.servers import eventually

LEDGER = "standings:{p00}:c:race:g1:ledger"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standings]:
    """Every service, over a server that is emptied again and again."""
    with embedded_valkey(tmp_path_factory.mktemp("reset")) as url, standings(url) as deployment:
        yield deployment


@pytest.fixture
def running(alone: Standings) -> Standings:
    """The same, with nothing in it."""
    forget_everything(alone)
    eventually(lambda: alone.api.get("/v1/contests/race").status_code == 404)
    return alone


def open_race(deployment: Standings, *endorsers: str, candidate: str = "ann") -> int:
    """A race of two and who endorsed one of them; its version."""
    candidates = [{"candidate": one, "name": one} for one in ("ann", "bob")]
    told = deployment.told(
        "/v1/contests", contest="race", title="A race", timezone="UTC", candidates=candidates
    )
    version: int = told["version"]
    for one in endorsers:
        version = endorsed(deployment, one, candidate)
    deployment.ask("/v1/contests/race", min_version=version, wait_ms=10_000)
    return version


def endorsed(deployment: Standings, endorser: str, candidate: str = "ann") -> int:
    version: int = deployment.told(
        "/v1/contests/race/endorsements",
        endorser={"id": endorser, "name": endorser},
        candidate=candidate,
        category="mayor",
        announced_at="2025-06-01",
    )["version"]
    return version


def headcount(deployment: Standings, **asked: Any) -> dict[str, Any]:
    return deployment.scores("race", policy="headcount", **asked)


def forget_everything(deployment: Standings) -> None:
    with Redis.from_url(deployment.redis_url) as client:
        client.flushall()


@pytest.mark.parametrize("endorsers", [["q1"], ["q1", "q2", "q3"], ["q1", "q2", "q3", "q4"]])
def test_a_contest_that_is_opened_anew_is_answered_from_its_new_log_only(
    running: Standings, endorsers: list[str]
) -> None:
    version = open_race(running, "p1", "p2", "p3")
    assert headcount(running) == {"ann": 3, "bob": 0}
    old = running.ask("/v1/contests/race")
    pinned: dict[str, str | int] = {"version": version, "valid_at": "2025-07-01"}
    first = running.api.get("/v1/contests/race/standings", params=pinned)

    forget_everything(running)
    open_race(running, *endorsers, candidate="bob")

    def renewed() -> bool:
        return headcount(running) == {"ann": 0, "bob": len(endorsers)}

    eventually(renewed)
    assert running.ask("/v1/contests/race")["history"] != old["history"]
    assert [one["version"] for one in running.ask("/v1/contests/race/events")["events"]] == list(
        range(1, 4 + len(endorsers))
    )
    listed = running.ask("/v1/contests/race/endorsements")["endorsements"]
    assert {one["endorser"]["id"] for one in listed} == set(endorsers)
    points = running.ask("/v1/contests/race/timeline", policy="headcount")["points"]
    assert points[-1]["scores"] == {"ann": 0, "bob": len(endorsers)}
    again = running.api.get(
        "/v1/contests/race/standings", params=pinned, headers={"If-None-Match": first.headers["etag"]}
    )
    assert again.status_code == (404 if len(endorsers) < 3 else 200), again.text


def test_a_contest_that_is_gone_is_not_found(running: Standings) -> None:
    open_race(running, "p1")

    forget_everything(running)

    eventually(lambda: running.api.get("/v1/contests/race/standings").status_code == 404)
    for path in ("", "/endorsements", "/events", "/changes?after=0", "/timeline"):
        assert running.api.get(f"/v1/contests/race{path}").status_code == 404
    assert running.ask("/v1/contests")["contests"] == []


def test_what_is_cited_with_its_history_is_never_answered_from_another_one(running: Standings) -> None:
    version = open_race(running, "p1")
    cited = f"/v1/contests/race/standings/{version}/headcount@1/2025-07-01"
    bare = running.api.get(cited)
    canonical = bare.links["canonical"]["url"]
    assert running.api.get(canonical).content == bare.content
    page = running.ask("/v1/contests/race/endorsements", limit=1)
    endorsed(running, "p2")
    assert running.api.get(canonical).content == bare.content
    page = running.ask("/v1/contests/race/endorsements", limit=1, min_version=version + 1, wait_ms=10_000)

    forget_everything(running)
    open_race(running, "q1", "q2", candidate="bob")
    eventually(lambda: headcount(running) == {"ann": 0, "bob": 2})

    told = running.api.get(canonical)
    assert told.status_code == 410
    assert (told.json()["type"], told.json()["contest"]) == ("/problems/reset", "race")
    assert running.api.get(f"{canonical}/corrections").status_code == 410
    following = running.api.get("/v1/contests/race/endorsements", params={"limit": 1, "cursor": page["next"]})
    assert (following.status_code, following.json()["type"]) == (410, "/problems/reset")


def test_a_rebuild_and_a_projection_that_is_made_again_are_no_other_history(running: Standings) -> None:
    version = open_race(running, "p1", "p2", "p3")
    before = running.ask("/v1/contests/race")
    with Redis.from_url(running.redis_url) as client:
        client.delete(LEDGER, LEDGER.replace("ledger", "state"))

    version = endorsed(running, "p4")

    after = running.ask("/v1/contests/race", min_version=version, wait_ms=10_000)
    assert after["history"] != before["history"]
    assert headcount(running, version=version - 1) == {"ann": 3, "bob": 0}
    seen = f"{before['version']}-{before['history']}"
    running.api.get(f"/v1/contests/race/standings/{seen}/headcount@1/2025-07-01").raise_for_status()


def test_a_log_that_lost_what_is_answered_is_said_to_differ(running: Standings) -> None:
    version = open_race(running, "p1", "p2")
    with Redis.from_url(running.redis_url) as client:
        client.xdel(LEDGER.replace("g1:ledger", "log"), f"{version}-0")

    told = running.api.get("/v1/contests/race/events")

    assert (told.status_code, told.json()["type"]) == (503, "/problems/history-differs")
    assert httpx.URL(str(told.url)).path == "/v1/contests/race/events"


def test_the_doctor_says_that_the_api_and_the_log_differ(running: Standings) -> None:
    version = open_race(running, "p1", "p2")
    key = LEDGER.replace("g1:ledger", "log")
    with Redis.from_url(running.redis_url) as client:
        entries: Any = client.xrange(key)
        client.delete(key)
        for entry_id, fields in entries:
            last = entry_id == f"{version}-0".encode()
            client.xadd(key, {**fields, **({b"id": b"another"} if last else {})}, id=entry_id)

    checks = examine(Client(*(str(one.base_url).rstrip("/") for one in (running.ingest, running.api))))

    (found,) = [one for one in checks if one["check"] == "contest race"]
    assert not found["ok"]
    assert "the API and the log differ: the contest's log and its projection are not of one" in found["found"]
