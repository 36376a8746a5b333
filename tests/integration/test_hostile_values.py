"""Values that no field takes: each is refused with its field named, by every service, and never a defect."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
from redis import Redis

from services.ingest.decision.command_text import LONGEST_MESSAGE
from tests.running import NDJSON, Standings, service
from tests.servers import eventually

HALF = "\ud800"
INBOX = "standings:{inbox}:inbox"
JSON = {"content-type": "application/json"}
ANNOUNCED: dict[str, Any] = {
    "recorded_by": "test",
    "source": {"title": "a newspaper"},
    "endorser": {"id": "jane", "name": "Jane"},
    "candidate": "ann",
    "category": "governor",
}
# What is said beside or instead of that, and the field that the refusal names.
HOSTILE: list[tuple[dict[Any, Any], str]] = [
    ({"expected_version": 10**30}, "expected_version"),
    ({"expected_version": 2**63}, "expected_version"),
    ({"members": 10**30}, "members"),
    ({"members": float("nan")}, "members"),
    ({"id": 2**70}, "id"),
    ({"id": HALF}, "id"),
    ({"recorded_by": HALF}, "recorded_by"),
    ({"note": f"a{HALF}b"}, "note"),
    ({"announced_at": HALF}, "announced_at"),
    ({"candidate": HALF}, "candidate"),
    ({"endorser": {"id": "jane", "name": HALF}}, "endorser.name"),
    ({"source": {"title": "t", HALF: 1}}, "source"),
    ({HALF: 1}, "body"),
    ({"query": 1}, "query"),
    ({"open": 1}, "open"),
    ({"k" * 5000: 1}, "k" * 200 + "…"),
    ({f"k{n}": 1 for n in range(60)}, "body"),
    ({"endorser": {f"k{n}": 1 for n in range(60)}}, "endorser"),
]


def refused(problem: dict[str, Any], field: str) -> None:
    assert (problem["status"], problem["field"]) == (422, field), problem
    assert problem["way_out"]


def test_a_command_with_a_value_that_no_field_takes_is_refused_and_its_field_named(
    deployment: Standings, contest: str
) -> None:
    for said, field in HOSTILE:
        body = json.dumps({**ANNOUNCED, **said})
        answer = deployment.ingest.post(f"/v1/contests/{contest}/endorsements", content=body, headers=JSON)
        assert answer.headers["content-type"] == "application/problem+json"
        refused(answer.json(), field)


def test_so_is_a_line_of_a_batch_and_the_other_lines_are_taken(deployment: Standings, contest: str) -> None:
    good = {**ANNOUNCED, "command": "announce"}
    lines = [json.dumps({**good, **said}) for said, _ in HOSTILE]
    path = f"/v1/contests/{contest}/batch"

    whole = deployment.ingest.post(f"{path}?on_refusal=abort", content="\n".join(lines), headers=NDJSON)
    each = deployment.ingest.post(path, content="\n".join([*lines, json.dumps(good)]), headers=NDJSON)

    refusals = whole.json()["refusals"]
    answers = [orjson.loads(line) for line in each.content.splitlines()]
    for n, (_, field) in enumerate(HOSTILE):
        refused(refusals[n]["problem"], field)
        refused(answers[n]["problem"], field)
    assert (answers[-1]["summary"]["refused"], answers[-1]["summary"]["taken"]) == (len(HOSTILE), 1)


@pytest.mark.parametrize(
    ("value", "begins"),
    [
        ("9" * 5000, "body: not JSON that is read here: Exceeds the limit"),
        ("[" * 20_000 + "]" * 20_000, "body: not JSON that is read here: maximum recursion depth"),
        ("}", "body: not JSON: Expecting value at character"),
    ],
    ids=["digits", "depth", "syntax"],
)
def test_a_body_that_cannot_be_taken_apart_is_refused(deployment: Standings, value: str, begins: str) -> None:
    answer = deployment.ingest.post("/v1/contests", content=f'{{"contest": {value}}}', headers=JSON)

    refused(answer.json(), "body")
    assert answer.json()["detail"].startswith(begins)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/contests/%ff/standings", "contest"),
        ("/v1/contests/{}/standings?policy=%ff", "policy"),
        ("/v1/contests/{}/standings?candidate=ann%00", "candidate"),
        ("/v1/contests/{}/standings?category=%e2%80%ae", "category"),
        ("/v1/contests/{}/standings?weights=%ed%a0%80:1", "weights"),
        ("/v1/contests/{}/standings?valid_at=%ff", "valid_at"),
        ("/v1/contests/{}/standings?version=1" + "0" * 30, "version"),
        ("/v1/contests/{}/standings?version=1" + "0" * 5000, "version"),
        ("/v1/contests/{}/standings?%ff=1", "�"),
        ("/v1/contests/{}/standings?" + "&".join(f"k{n}=1" for n in range(60)), "body"),
        ("/v1/contests/{}/endorsements?endorser=%ff", "endorser"),
        ("/v1/contests/{}/endorsements/%ff", "endorsement"),
        ("/v1/contests/{}/endorsements?cursor=%ff", "cursor"),
        ("/v1/contests/{}/standings/1/%ff@1/2026", "policy"),
        ("/v1/contests/{}/standings/1/fivethirtyeight-2020@1/%ff", "valid_at"),
        ("/v1/policies/%ff", "policy"),
        ("/v1/changes?after=%ff", "after"),
        ("/v1/changes?min_delta=1e400", "min_delta"),
    ],
)
def test_a_question_with_what_is_no_text_or_number_is_refused(
    deployment: Standings, contest: str, path: str, field: str
) -> None:
    deployment.ask(f"/v1/contests/{contest}", min_version=1, wait_ms=10_000)

    refused(deployment.api.get(path.format(contest)).json(), field)


def test_an_address_that_leads_nowhere_is_told_on_one_line(deployment: Standings) -> None:
    for client in (deployment.api, deployment.ingest):
        answer = client.get("/nope/%0aERROR%1b%ff")
        assert (answer.status_code, answer.json()["detail"]) == (404, "GET /nope/\\nERROR\\x1b�: Not Found")


@pytest.fixture(scope="module")
def webhooks(deployment: Standings) -> Iterator[str]:
    with service("webhooks", deployment.redis_url, api_url=str(deployment.api.base_url)) as running:
        yield running.url


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"url": HALF}, "url"),
        ({"url": 2**70}, "url"),
        ({"description": HALF}, "description"),
        ({"description": "a\u202eb"}, "description"),
        ({"wanted": {"contests": [HALF]}}, "wanted.contests.0"),
        ({"wanted": {"min_delta": "1e999"}}, "wanted.min_delta"),
        ({HALF: 1}, "body"),
        ({f"k{n}": 1 for n in range(60)}, "body"),
    ],
)
def test_so_is_a_registration_of_a_webhook(webhooks: str, said: dict[str, Any], field: str) -> None:
    body = json.dumps({"url": "https://example.org", **said})

    refused(httpx.post(f"{webhooks}/v1/webhooks", content=body, headers=JSON).json(), field)


def letters(deployment: Standings) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = deployment.ingest.get("/v1/dead-letters").json()["dead_letters"]
    return found


def test_a_message_that_cannot_be_read_becomes_a_dead_letter_and_those_sent_with_it_are_taken(
    deployment: Standings, contest: str
) -> None:
    good = {**ANNOUNCED, "command": "announce", "contest": contest}
    hostile: list[dict[Any, Any]] = [
        {"command": json.dumps({**good, "recorded_by": HALF})},
        {"command": json.dumps({**good, "expected_version": 10**30})},
        {"command": json.dumps({HALF: 1})},
        {"command": b"\xff\xfe"},
        {"command": "[" * 5000},
        {"command": "x" * (LONGEST_MESSAGE + 1)},
        {"command": json.dumps({**good, "command": "x" * 5000})},
        {"__data__": b"\x89BIN\x0d\x0a\x1a\x0a\x00\x01\x00\x00"},
        {b"\xff": b"\xff"},
    ]

    with Redis.from_url(deployment.redis_url) as client, client.pipeline(transaction=True) as pipe:
        for message in hostile:
            pipe.xadd(INBOX, message)
        pipe.xadd(INBOX, {"command": json.dumps(good) + " " * (LONGEST_MESSAGE - len(json.dumps(good)))})
        pipe.execute()

    about = f"/v1/contests/{contest}/endorsements"
    eventually(lambda: len(deployment.ask(about)["endorsements"]) == 1)
    found = letters(deployment)
    assert [letter["reason"]["field"] for letter in found] == [
        "recorded_by",
        "expected_version",
        "command",
        *["command"] * 6,
    ], [letter["reason"]["detail"] for letter in found]
    assert max(len(letter["message"]) for letter in found) == 64 * 1024
    for letter in found:
        assert deployment.ingest.delete(f"/v1/dead-letters/{letter['letter']}").status_code == 204
