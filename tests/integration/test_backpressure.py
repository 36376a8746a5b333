"""Scorers that cannot follow: what they have not folded stays bounded, and is not lost."""

from typing import Any

import httpx
import orjson

from tests.running import NDJSON, Service, service, standings


def opened(ingest: Service) -> None:
    body = {
        "contest": "race",
        "title": "A race",
        "timezone": "UTC",
        "candidates": [{"candidate": "ann", "name": "Ann"}],
        "recorded_by": "test",
    }
    assert httpx.post(f"{ingest.url}/v1/contests", json=body).status_code == 201


def lines(first: int, last: int) -> bytes:
    return b"\n".join(
        orjson.dumps(
            {
                "command": "announce",
                "id": f"id-{n}",
                "endorser": {"id": f"p{n}", "name": "P"},
                "candidate": "ann",
                "category": "mayor",
                "announced_at": "2026-01-01",
                "source": {"title": "t"},
                "recorded_by": "test",
            }
        )
        for n in range(first, last)
    )


def batch(url: str, content: bytes) -> httpx.Response:
    return httpx.post(f"{url}/v1/contests/race/batch", content=content, headers=NDJSON, timeout=60)


def test_nothing_more_is_taken_for_a_contest_that_nobody_folds(redis_url: str) -> None:
    with service("ingest", redis_url, most_unfolded="50") as ingest:
        opened(ingest)
        assert batch(ingest.url, lines(0, 60)).status_code == 200

        refused = batch(ingest.url, lines(60, 70))

        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "5"
        problem: Any = refused.json()
        assert problem["type"] == "/problems/scorers-behind"
        assert "'race' stands at version 62, and is folded up to 0" in problem["detail"]
        with service("scorer", redis_url):
            taken = batch(ingest.url, lines(60, 70))
        assert orjson.loads(taken.content.splitlines()[-1])["summary"]["version"] == 72


def test_a_long_batch_goes_on_as_the_scorers_follow(redis_url: str) -> None:
    with standings(redis_url, scorers=1, most_unfolded="100") as deployment:
        deployment.told(
            "/v1/contests",
            contest="race",
            title="A race",
            timezone="UTC",
            candidates=[{"candidate": "ann", "name": "Ann"}],
        )

        answer = batch(str(deployment.ingest.base_url), lines(0, 5000))

        assert orjson.loads(answer.content.splitlines()[-1])["summary"]["version"] == 5002
