"""The inbox takes commands from other services; what it cannot take is kept with the reason."""

import asyncio
from typing import Any, cast

import httpx
import orjson
import pytest
from faststream.redis import RedisBroker
from redis import Redis

from services.ingest.inbox import MOST_TOLD_BYTES
from tests.running import Standings, service, standings
from tests.servers import eventually

INBOX, DEAD = "standings:{inbox}:inbox", "standings:{inbox}:dead"


def enter(contest: str, candidate: str, **more: Any) -> dict[str, Any]:
    return {
        "command": "enter",
        "contest": contest,
        "candidate": candidate,
        "name": candidate.title(),
        "recorded_by": "feed",
        **more,
    }


def send(deployment: Standings, **fields: Any) -> None:
    with Redis.from_url(deployment.redis_url) as client:
        client.xadd(INBOX, fields)


def candidates(deployment: Standings, contest: str) -> set[str]:
    return {
        one["candidate"] for one in deployment.ask(f"/v1/contests/{contest}", wait_ms=10_000)["candidates"]
    }


def publish(deployment: Standings, body: dict[str, Any]) -> None:
    async def run() -> None:
        async with RedisBroker(deployment.redis_url) as broker:
            await broker.publish(body, stream=INBOX)

    asyncio.run(run())


def test_a_plain_entry_and_a_faststream_message_are_taken(deployment: Standings, contest: str) -> None:
    send(deployment, command=orjson.dumps(enter(contest, "cy")))
    publish(deployment, enter(contest, "di"))

    eventually(lambda: {"cy", "di"} <= candidates(deployment, contest))


def test_what_cannot_be_taken_is_kept_with_its_reason_and_spoils_nothing_else(
    deployment: Standings, contest: str
) -> None:
    send(deployment, command="{ not json")
    send(deployment, something="else")
    send(deployment, command=orjson.dumps(enter(contest, "ann")))
    send(deployment, command=orjson.dumps(enter("nowhere", "ann")))
    send(deployment, command=orjson.dumps(enter(contest, "eve")))
    eventually(lambda: "eve" in candidates(deployment, contest))

    eventually(lambda: len(letters(deployment)) == 4)
    assert [letter["reason"]["type"].rpartition("/")[2] for letter in letters(deployment)] == [
        "invalid",
        "invalid",
        "candidate-already-entered",
        "unknown-contest",
    ]
    for letter in letters(deployment):
        assert deployment.ingest.delete(f"/v1/dead-letters/{letter['letter']}").status_code == 204


def letters(deployment: Standings) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = deployment.ingest.get("/v1/dead-letters").json()["dead_letters"]
    return found


def test_a_dead_letter_is_sent_again_once_its_cause_is_gone(deployment: Standings, contest: str) -> None:
    early = {"command": "withdraw", "contest": contest, "candidate": "fay", "recorded_by": "feed"}
    send(deployment, command=orjson.dumps(early))
    eventually(lambda: len(letters(deployment)) == 1)
    deployment.told(f"/v1/contests/{contest}/candidates", candidate="fay", name="Fay")

    sent = deployment.ingest.post(f"/v1/dead-letters/{letters(deployment)[0]['letter']}/redelivery")

    assert sent.status_code == 202
    assert letters(deployment) == []
    eventually(lambda: deployment.ask(f"/v1/contests/{contest}")["candidates"][-1]["withdrew_at"] is not None)


def test_a_message_that_a_dead_reader_held_is_taken_over(redis_url: str) -> None:
    with standings(redis_url) as deployment:
        deployment.told("/v1/contests", contest="race", title="A race", timezone="UTC")
    with Redis.from_url(redis_url) as client:
        client.xadd(INBOX, {"command": orjson.dumps(enter("race", "gil"))})
        held: Any = client.xreadgroup("ingests", "dead", {INBOX: ">"})
        assert len(held[0][1]) == 1

    with standings(redis_url, claim_after_ms="300") as deployment:
        eventually(lambda: "gil" in candidates(deployment, "race"))


def test_a_message_whose_id_is_null_is_one_command_however_often_it_is_read(
    deployment: Standings, contest: str
) -> None:
    send(deployment, command=orjson.dumps({**enter(contest, "cy"), "id": None}))
    eventually(lambda: "cy" in candidates(deployment, contest))

    events = deployment.ask(f"/v1/contests/{contest}/events")["events"]

    assert events[-1]["id"].startswith("inbox/")


def test_dead_letters_are_told_as_far_as_an_answer_reaches(redis_url: str) -> None:
    with service("ingest", redis_url) as ingest, Redis.from_url(redis_url) as client:
        large = {"command": b"x" * 100_000, "reason": b"{}", "inbox_entry": "1-0"}
        for _ in range(200):
            client.xadd(DEAD, cast(Any, large))

        answer = httpx.get(f"{ingest.url}/v1/dead-letters", params={"limit": 1000})

        assert MOST_TOLD_BYTES < len(answer.content) < 2 * MOST_TOLD_BYTES
        first = answer.json()["dead_letters"][0]["letter"]
        assert httpx.delete(f"{ingest.url}/v1/dead-letters/{first}").status_code == 204
        assert httpx.get(f"{ingest.url}/v1/dead-letters?limit=1").json()["dead_letters"][0]["letter"] != first


@pytest.mark.parametrize("letter", ["x", "1", "1-x", "99999999999999999999999-0", "-", "0-0"])
def test_a_letter_that_is_none_is_not_found(deployment: Standings, letter: str) -> None:
    for answer in (
        deployment.ingest.post(f"/v1/dead-letters/{letter}/redelivery"),
        deployment.ingest.delete(f"/v1/dead-letters/{letter}"),
    ):
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found"), answer.text
