"""Scorers may die or come twice: the ledger is what a pure fold of the log gives."""

from itertools import pairwise
from typing import Any

import orjson
from redis import Redis

from shared.domain.book import Book
from shared.storage.codec import decode_entry
from tests.builders import Everything
from tests.running import NDJSON, Standings, service, standings
from tests.servers import eventually

LOG, LEDGER = "standings:{p00}:c:race:log", "standings:{p00}:c:race:g1:ledger"
WAKE = "standings:{p00}:wake"


def load(deployment: Standings, first: int, last: int) -> None:
    lines = [
        orjson.dumps(
            {
                "command": "announce",
                "id": f"id-{n}",
                "endorser": {"id": f"p{n}", "name": "P"},
                "candidate": "ann",
                "category": "mayor",
                "announced_at": f"2026-0{n % 9 + 1}-01",
                "source": {"title": "t"},
                "recorded_by": "test",
            }
        )
        for n in range(first, last)
    ]
    answer = deployment.ingest.post("/v1/contests/race/batch", content=b"\n".join(lines), headers=NDJSON)
    assert orjson.loads(answer.content.splitlines()[-1])["summary"]["refused"] == 0


def opened(deployment: Standings) -> None:
    candidates = [{"candidate": "ann", "name": "Ann"}]
    deployment.told("/v1/contests", contest="race", title="A race", timezone="UTC", candidates=candidates)


def read(url: str, key: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
    with Redis.from_url(url) as client:
        entries: Any = client.xrange(key)
        return list(entries)


def agrees_with_a_pure_fold(url: str) -> None:
    """Every version once, with the postings and totals that folding the log from its beginning gives."""
    book: Book = Everything()
    ledger = read(url, LEDGER)
    log = [decode_entry(entry_id, fields) for entry_id, fields in read(url, LOG)]
    assert [entry_id for entry_id, _ in ledger] == [f"{one.version}-0".encode() for one in log]
    for one, (_, fields) in zip(log, ledger, strict=True):
        folded = book.fold(one)
        expected = [[*posting, *folded.totals[posting[1:3]]] for posting in folded.postings]
        assert orjson.loads(fields[b"postings"]) == expected


def nothing_is_left_to_do(url: str) -> bool:
    with Redis.from_url(url) as client:
        pending: Any = client.xpending(WAKE, "scorers")
        return bool(pending["pending"] == 0 and client.xlen(WAKE) == 0)


def test_a_scorer_killed_again_and_again_is_taken_over_without_loss_or_double_count(redis_url: str) -> None:
    with standings(redis_url, claim_after_ms="300") as deployment:
        opened(deployment)
        for first in range(0, 4000, 1000):
            with service("scorer", redis_url, claim_after_ms="300") as doomed:
                load(deployment, first, first + 1000)
                doomed.kill()
        assert deployment.scores("race", min_version=4002, wait_ms=10_000) == {"ann": 12_000}
        eventually(lambda: nothing_is_left_to_do(redis_url))

    agrees_with_a_pure_fold(redis_url)


def test_a_wake_that_died_with_its_scorer_is_taken_over_by_another(redis_url: str) -> None:
    with standings(redis_url, scorers=0) as deployment:
        with Redis.from_url(redis_url) as client:
            client.xgroup_create(WAKE, "scorers", id="0", mkstream=True)
            opened(deployment)
            held: Any = client.xreadgroup("scorers", "dead", {WAKE: ">"})
            assert len(held[0][1]) == 1
        with (
            service("scorer", redis_url, claim_after_ms="300"),
            service("scorer", redis_url, claim_after_ms="300"),
        ):
            load(deployment, 0, 2500)
            assert deployment.scores("race", min_version=2502, wait_ms=10_000) == {"ann": 7500}
            eventually(lambda: nothing_is_left_to_do(redis_url))

    agrees_with_a_pure_fold(redis_url)


def test_changes_come_once_for_every_version_and_in_order(redis_url: str) -> None:
    with standings(redis_url) as deployment, service("scorer", redis_url):
        opened(deployment)
        load(deployment, 0, 1500)
        deployment.scores("race", min_version=1502, wait_ms=10_000)

    versions = [int(fields[b"version"]) for _, fields in read(redis_url, "standings:{p00}:changes")]
    assert versions[0] == 1
    assert all(after == before + 1 for before, after in pairwise(versions))
    assert versions[-1] == 1502


def test_a_consumer_group_that_is_gone_is_made_again_and_nothing_is_passed_over(redis_url: str) -> None:
    with standings(redis_url) as deployment, Redis.from_url(redis_url) as client:
        opened(deployment)
        client.xgroup_destroy(WAKE, "scorers")
        client.xgroup_destroy("standings:{inbox}:inbox", "ingests")

        load(deployment, 0, 10)
        sent = {
            "command": "announce",
            "contest": "race",
            "endorser": {"id": "last", "name": "L"},
            "candidate": "ann",
            "category": "mayor",
            "announced_at": "2026-01-01",
            "source": {"title": "t"},
            "recorded_by": "test",
        }
        client.xadd("standings:{inbox}:inbox", {"command": orjson.dumps(sent)})

        assert deployment.ask("/v1/contests/race", min_version=13, wait_ms=10_000)["version"] == 13
        agrees_with_a_pure_fold(redis_url)
