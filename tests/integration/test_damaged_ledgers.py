"""A ledger that cannot be read is named by the API, for its contest only, and is whole again after a rebuild."""

from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
import pytest
from redis import Redis

from tests.integration.test_cli import Shell
from tests.integration.test_parked import endorsed, opened
from tests.running import Standings, standings
from tests.servers import eventually

LEDGER, GENERATION = "standings:{p00}:c:%s:g1:ledger", "standings:{p00}:c:%s:generation"
Damage = Callable[["Redis", str], object]


def rewritten(version: int, **by: bytes | None) -> Damage:
    """Another entry in the ledger's place; a field that is None is left out."""

    def damage(client: "Redis", contest: str) -> None:
        key = LEDGER % contest
        entries: Any = client.xrange(key)
        client.delete(key)
        for entry_id, fields in entries:
            changed = {**fields, **{name.encode(): value for name, value in by.items()}}
            told = changed if entry_id == f"{version}-0".encode() else fields
            client.xadd(key, {name: value for name, value in told.items() if value is not None}, id=entry_id)

    return damage


def posted(members: int) -> bytes:
    return orjson.dumps([[0, "ann", "mayor", 1, members, 1, members]])


def wrong_type(client: "Redis", contest: str) -> None:
    client.delete(LEDGER % contest)
    client.set(LEDGER % contest, "not a stream")


DAMAGES: dict[str, Damage] = {
    "not-json": rewritten(3, postings=b"\xff"),
    "other-form": rewritten(3, postings=b'[{"a":1}]'),
    "no-postings": rewritten(3, postings=None),
    "other-sum": rewritten(3, postings=orjson.dumps([[0, "ann", "mayor", 1, 0, 7, 0]])),
    "absurd": rewritten(3, postings=posted(2**64 - 1)),
    "known-at": rewritten(3, known_at=b"\xff"),
    "no-known-at": rewritten(3, known_at=None),
    "absurd-known-at": rewritten(3, known_at=b"99999-01-01T00:00:00.000000Z"),
    "subject": rewritten(3, endorsement=b"{"),
    "subject-form": rewritten(3, endorsement=b'{"id":1}'),
    "contest": rewritten(1, contest=b"[]"),
    "gap": lambda client, contest: client.xdel(LEDGER % contest, "2-0"),
    "wrong-type": wrong_type,
    "generation": lambda client, contest: client.set(GENERATION % contest, "one"),
}
REBUILT = [name for name in DAMAGES if name != "generation"]


@pytest.fixture
def damaged(redis_url: str) -> Any:
    """A deployment with a contest for each damage, done before the API had it in memory, and one that is well."""
    with Redis.from_url(redis_url) as client, standings(redis_url) as deployment:
        for name in (*DAMAGES, "well"):
            opened(deployment, name)
            assert endorsed(deployment, name, "kim").status_code == 201
        eventually(lambda: all(client.xlen(LEDGER % name) == 3 for name in (*DAMAGES, "well")))
        for name, damage in DAMAGES.items():
            damage(client, name)
        yield deployment


def problem(deployment: Standings, name: str, path: str) -> dict[str, Any]:
    answer = deployment.api.get(f"/v1/contests/{name}{path}")
    assert answer.status_code == 503, (name, answer.status_code, answer.text)
    found: dict[str, Any] = answer.json()
    return found


def is_unreadable(deployment: Standings, name: str) -> bool:
    return deployment.api.get(f"/v1/contests/{name}").status_code == 503


def test_the_api_names_a_ledger_that_it_cannot_read_and_answers_for_the_others(
    damaged: Standings, redis_url: str
) -> None:
    for name in DAMAGES:
        for path in ("/standings", "/endorsements", ""):
            told = problem(damaged, name, path)
            assert told["type"] == "/problems/damaged", (name, told)
            assert name in told["detail"]
    assert damaged.scores("well") == {"ann": 3}
    listed = {one["contest"] for one in damaged.ask("/v1/contests")["contests"]}
    assert "well" in listed
    assert not listed & {"generation", "wrong-type"}, "of the others the state tells"

    shell = Shell(damaged)
    for name in REBUILT:
        shell("rebuild", name, STANDINGS_REDIS_URL=redis_url)
        assert damaged.scores(name) == {"ann": 3}, name


def test_a_contest_in_memory_whose_ledger_is_damaged_stops_no_other(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client, standings(redis_url) as deployment:
        for name in (*DAMAGES, "well"):
            opened(deployment, name)
            deployment.ask(f"/v1/contests/{name}", min_version=2, wait_ms=10_000)
        for name, damage in (("wrong-type", wrong_type), ("generation", DAMAGES["generation"])):
            damage(client, name)

        version = endorsed(deployment, "well", "kim").json()["version"]
        assert deployment.scores("well", min_version=version, wait_ms=10_000) == {"ann": 3}
        for name in ("wrong-type", "generation"):
            eventually(partial(is_unreadable, deployment, name))
        version = endorsed(deployment, "well", "lee").json()["version"]
        assert deployment.scores("well", min_version=version, wait_ms=10_000) == {"ann": 6}
