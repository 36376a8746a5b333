"""Rebuilding: a new generation is compared with the old one and takes over in one step; nothing else changes."""

import collections
import os
import subprocess
import threading
from typing import Any

import httpx
import orjson
from redis import Redis

from services.scorer.rebuild import KEPT_SECONDS
from shared.domain.book import FOLD
from tests.integration.test_cli import STANDINGS
from tests.running import Standings, service, standings
from tests.servers import eventually

KEYS = "standings:{p00}:c:race"


def rebuild(url: str, *arguments: str, expect: int = 0) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [STANDINGS, "rebuild", *arguments],
        env={**os.environ, "STANDINGS_REDIS_URL": url, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == expect, (done.stdout, done.stderr)
    return done


def raced(deployment: Standings, endorsers: int = 30) -> int:
    """A race with endorsements of many days; its version."""
    candidates = [{"candidate": one, "name": one} for one in ("ann", "bob")]
    deployment.told("/v1/contests", contest="race", title="A race", timezone="UTC", candidates=candidates)
    version = 0
    for n in range(endorsers):
        version = deployment.told(
            "/v1/contests/race/endorsements",
            endorser={"id": f"p{n}", "name": f"P{n}"},
            candidate=("ann", "bob")[n % 2],
            category="mayor",
            announced_at=f"2025-0{n % 9 + 1}-{n % 28 + 1:02d}",
        )["version"]
    deployment.ask("/v1/contests/race", min_version=version, wait_ms=10_000)
    return version


def batch(deployment: Standings, endorsers: int) -> int:
    """So many endorsements more, in one batch; the version then."""
    lines = [
        {
            "command": "announce",
            "endorser": {"id": f"b{n}", "name": f"B{n}"},
            "candidate": ("ann", "bob")[n % 2],
            "category": "mayor",
            "announced_at": f"2025-0{n % 9 + 1}-{n % 28 + 1:02d}",
            "recorded_by": "test",
            "source": {"title": "test"},
        }
        for n in range(endorsers)
    ]
    answer = deployment.ingest.post(
        "/v1/contests/race/batch",
        content=b"\n".join(map(orjson.dumps, lines)),
        headers={"Content-Type": "application/x-ndjson"},
    )
    version: int = orjson.loads(answer.content.splitlines()[-1])["summary"]["version"]
    deployment.ask("/v1/contests/race", min_version=version, wait_ms=10_000)
    return version


def damage(url: str, version: int) -> None:
    """Makes the projection's entry of a version one that another fold might have made: nothing posted."""
    with Redis.from_url(url) as client:
        key = f"{KEYS}:g1:ledger"
        entries: Any = client.xrange(key)
        client.delete(key)
        for entry_id, fields in entries:
            changed = fields | ({b"postings": b"[]"} if entry_id == f"{version}-0".encode() else {})
            client.xadd(key, changed, id=entry_id)


def test_a_rebuild_of_what_is_right_differs_nowhere_and_leaves_a_certificate(redis_url: str) -> None:
    with standings(redis_url) as deployment:
        version = raced(deployment)
        before = deployment.ask("/v1/contests/race/standings", version=version, valid_at="2025-06-01")

        said = rebuild(redis_url, "race").stdout

        assert "generation 2 answers from now on; 0 of" in said
        eventually(lambda: deployment.ask("/v1/contests/race")["generation"] == 2)
        after = deployment.ask("/v1/contests/race/standings", version=version, valid_at="2025-06-01")
        assert after["standings"] == before["standings"]
        (certificate,) = deployment.ask("/v1/contests/race/certificates")["certificates"]
        assert certificate["from_generation"], certificate["to_generation"] == (1, 2)
        assert certificate["up_to_version"] == version
        assert certificate["moments"] > 100
        assert certificate["moments_that_differ"] == 0
        with Redis.from_url(redis_url) as client:
            assert not client.exists(f"{KEYS}:building")
            for name in ("ledger", "state"):
                assert 0 < client.ttl(f"{KEYS}:g1:{name}") <= KEPT_SECONDS, "for those who still read it"
                assert client.ttl(f"{KEYS}:g2:{name}") == -1


def test_a_dry_run_names_the_differences_and_leaves_everything_as_it_is(redis_url: str) -> None:
    with standings(redis_url) as deployment:
        version = raced(deployment)
    damage(redis_url, 10)

    said = rebuild(redis_url, "race", "--dry-run").stdout
    (found,) = orjson.loads(rebuild(redis_url, "race", "--dry-run", "--json").stdout)

    assert "would take over" in said
    assert " -> " in said
    assert 0 < found["moments_that_differ"] < found["moments"]
    assert {one["category"] for one in found["differences"]} == {"mayor"}
    assert all(one["after"]["count"] - one["before"]["count"] == 1 for one in found["differences"])
    assert min(one["version"] for one in found["differences"]) >= 10
    with Redis.from_url(redis_url) as client:
        assert client.get(f"{KEYS}:generation") is None
        assert client.xlen(f"{KEYS}:g1:ledger") == version
        assert not client.exists(
            f"{KEYS}:g2:ledger", f"{KEYS}:g2:state", f"{KEYS}:building", f"{KEYS}:certificates"
        )


def test_the_api_answers_all_the_while_and_events_go_on_coming(redis_url: str) -> None:
    with standings(redis_url) as deployment:
        version = raced(deployment)
        moment: dict[str, str | int] = {"version": version, "valid_at": "2025-06-01"}
        first = deployment.ask("/v1/contests/race/standings", **moment)["standings"]
        ended, answers = threading.Event(), []

        def ask() -> None:
            with httpx.Client(base_url=deployment.api.base_url) as client:
                while not ended.is_set():
                    answers.append(client.get("/v1/contests/race/standings", params=moment))

        asking = threading.Thread(target=ask)
        asking.start()
        for number in range(3):
            rebuild(redis_url, "race")
            raced_on = deployment.told(
                "/v1/contests/race/endorsements",
                endorser={"id": f"late{number}", "name": "Late"},
                candidate="ann",
                category="mayor",
                announced_at="2025-12-01",
            )["version"]
            deployment.ask("/v1/contests/race", min_version=raced_on, wait_ms=10_000)
        eventually(lambda: deployment.ask("/v1/contests/race")["generation"] == 4)
        ended.set()
        asking.join()

        assert len(answers) > 20
        assert {one.status_code for one in answers} == {200}
        assert all(one.json()["standings"] == first for one in answers)


def test_reads_of_every_kind_go_on_while_a_generation_takes_over(redis_url: str) -> None:
    """Also where the old one is removed before its readers have gone over."""
    with standings(redis_url) as deployment:
        raced(deployment, 3)
        version = batch(deployment, 1500)
        endorsement = deployment.ask("/v1/contests/race/endorsements", limit=1)["endorsements"][0][
            "endorsement"
        ]
        paths = (
            f"changes?after={version - 100}&limit=100",
            "endorsements?limit=100",
            f"endorsements/{endorsement}",
            "revisions?valid_at=2025-06-01&limit=50",
            "diff?from_version=5&to_valid_at=2025-12-31",
            "events?after=100&limit=100",
            "timeline?step=month",
            "standings?valid_at=2025-06-01",
            f"standings/{version}/headcount@1/2025-07-01",
        )
        ended, answers = threading.Event(), collections.Counter[tuple[str, int]]()

        def ask(mine: tuple[str, ...]) -> None:
            with httpx.Client(base_url=deployment.api.base_url, timeout=60) as client:
                while not ended.is_set():
                    for path in mine:
                        answers[path, client.get(f"/v1/contests/race/{path}").status_code] += 1

        asking = [threading.Thread(target=ask, args=(paths[n::3],)) for n in range(3)]
        for one in asking:
            one.start()
        for generation in (2, 3):
            rebuild(redis_url, "race")
            with Redis.from_url(redis_url) as client:
                client.unlink(*(f"{KEYS}:g{generation - 1}:{name}" for name in ("ledger", "state")))
            eventually(lambda: deployment.ask("/v1/contests/race")["generation"] == generation)  # noqa: B023
        ended.set()
        for one in asking:
            one.join()

        assert {path for path, _ in answers} == set(paths)
        assert {status for _, status in answers} == {200}, answers


def test_what_a_killed_rebuild_left_is_removed_by_the_next_scorer(redis_url: str) -> None:
    with standings(redis_url) as deployment:
        raced(deployment, 3)
    with Redis.from_url(redis_url) as client:
        client.xadd(f"{KEYS}:g2:ledger", {"known_at": "x", "postings": "[]"}, id="1-0")
        client.hset(f"{KEYS}:g2:state", "fold", "1")

        with service("scorer", redis_url):
            eventually(lambda: not client.exists(f"{KEYS}:g2:ledger", f"{KEYS}:g2:state"))


def test_two_rebuilds_at_a_time_are_one_too_many(redis_url: str) -> None:
    with standings(redis_url) as deployment:
        raced(deployment, 3)
    with Redis.from_url(redis_url) as client:
        client.set(f"{KEYS}:building", 2, ex=30)

        assert "being rebuilt by another process" in rebuild(redis_url, "--all", expect=4).stderr

        assert client.get(f"{KEYS}:generation") is None


def test_a_projection_of_another_fold_is_parked_until_it_is_rebuilt(redis_url: str) -> None:
    with standings(redis_url, scorers=0) as deployment:
        with service("scorer", redis_url):
            raced(deployment, 3)
        with Redis.from_url(redis_url) as client:
            client.hset(f"{KEYS}:g1:state", "fold", str(FOLD + 1))
        with service("scorer", redis_url, claim_after_ms="300"):
            facts = {"endorser": {"id": "new", "name": "New"}, "candidate": "ann", "category": "mayor"}
            version = deployment.told("/v1/contests/race/endorsements", **facts, announced_at="2025-12-01")[
                "version"
            ]
            eventually(lambda: deployment.ask("/v1/contests/race")["parked"] is not None)
            assert "standings rebuild race" in deployment.ask("/v1/contests/race")["parked"]["reason"]
            assert deployment.ask("/v1/contests/race")["version"] == version - 1, (
                "nothing of both folds is mixed"
            )

            rebuild(redis_url, "race")

            shown = deployment.ask("/v1/contests/race", min_version=version, wait_ms=10_000)
            assert (shown["generation"], shown["version"]) == (2, version)
            eventually(lambda: deployment.ask("/v1/contests/race")["parked"] is None)


def test_rebuild_wants_a_contest_or_all_of_them(redis_url: str) -> None:
    rebuild(redis_url, expect=2)
    rebuild(redis_url, "race", "--all", expect=2)
    assert "not open" in rebuild(redis_url, "race", expect=78).stderr


def test_each_of_many_certificates_says_when_its_own_rebuild_began(redis_url: str) -> None:
    with standings(redis_url) as deployment:
        for contest in ("first", "second", "third"):
            opened = deployment.told("/v1/contests", contest=contest, title="A race", timezone="UTC")
            deployment.ask(f"/v1/contests/{contest}", min_version=opened["version"], wait_ms=10_000)
        certificates = orjson.loads(rebuild(redis_url, "--all", "--json").stdout)

    made_at = [certificate["made_at"] for certificate in certificates]
    assert len(made_at) == 3
    assert made_at == sorted(set(made_at))
