"""From a command over HTTP to standings at any moment, through every service."""

import threading
from typing import Any

import httpx
import orjson
import pytest

from tests.running import NDJSON, Standings, service


def announced(deployment: Standings, contest: str, endorser: str = "jane", **said: Any) -> dict[str, Any]:
    facts = {
        "endorser": {"id": endorser, "name": endorser.title()},
        "candidate": "ann",
        "category": "governor",
        "announced_at": "2026-01-10",
    }
    return deployment.told(f"/v1/contests/{contest}/endorsements", **{**facts, **said})


@pytest.mark.parametrize("body", [b"", b"\n \r\n\n"], ids=["none", "blank lines"])
@pytest.mark.parametrize("on_refusal", ["continue", "abort"])
def test_a_batch_without_a_line_is_answered_as_any_other(
    deployment: Standings, contest: str, on_refusal: str, body: bytes
) -> None:
    asked = f"batch?on_refusal={on_refusal}"

    untyped = deployment.ingest.post(f"/v1/contests/{contest}/{asked}", content=body)
    unknown = deployment.ingest.post(f"/v1/contests/no-such/{asked}", content=body, headers=NDJSON)
    empty = deployment.ingest.post(f"/v1/contests/{contest}/{asked}", content=body, headers=NDJSON)

    assert (untyped.status_code, untyped.json()["type"]) == (415, "/problems/wrong-media-type")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/unknown-contest")
    summary = {"lines": 0, "taken": 0, "refused": 0, "events": 0, "version": 0}
    assert (empty.status_code, empty.json()) == (200, {"summary": summary})


def test_a_batch_tells_of_each_line_why_it_is_not_taken_also_where_there_is_no_contest(
    deployment: Standings,
) -> None:
    misspelt = b'{"command":"open","title":"A race","timezone":"Mars","recorded_by":"t"}\n'
    path = "/v1/contests/no-such/batch"

    answer = deployment.ingest.post(path, content=misspelt + b"7\n", headers=NDJSON)

    lines = [orjson.loads(line) for line in answer.content.splitlines()]
    assert (answer.status_code, [line["problem"]["field"] for line in lines[:-1]]) == (
        200,
        ["timezone", "line"],
    )


def test_what_was_just_written_is_read_by_waiting_for_its_version(
    deployment: Standings, contest: str
) -> None:
    version = announced(deployment, contest)["version"]

    assert deployment.scores(contest, min_version=version) == {"ann": 8, "bob": 0}


def test_a_switch_leaves_the_past_and_a_correction_changes_it_from_when_it_is_known(
    deployment: Standings, contest: str
) -> None:
    first = announced(deployment, contest)
    about = f"/v1/contests/{contest}/endorsements/{first['endorsement']}"
    switched = deployment.told(f"{about}/switch", candidate="bob", switched_at="2026-02-01")
    corrected = deployment.told(f"{about}/correction", category="senator")
    now = corrected["version"]

    assert deployment.scores(contest, min_version=now) == {"ann": 0, "bob": 8}
    assert deployment.scores(contest, valid_at="2026-01-31") == {"ann": 6, "bob": 0}
    assert deployment.scores(contest, valid_at="2026-01-31", version=switched["version"]) == {
        "ann": 8,
        "bob": 0,
    }
    assert deployment.scores(contest, valid_at="2026-01-31", known_at=switched["known_at"]) == {
        "ann": 8,
        "bob": 0,
    }
    assert deployment.scores(contest, valid_at="2026-01-31", version=1) == {}
    before = deployment.api.get(f"/v1/contests/{contest}/standings", params={"valid_at": "2026-01-09"})
    assert before.json()["type"] == "/problems/before-the-contest"


def test_what_is_dated_by_its_month_counts_from_its_start_until_it_is_corrected_to_a_day(
    deployment: Standings, contest: str
) -> None:
    first = announced(deployment, contest, announced_at="2025-12")
    about = f"/v1/contests/{contest}/endorsements/{first['endorsement']}"
    corrected = deployment.told(f"{about}/correction", announced_at="2025-12-17~")
    deployment.ask(about, min_version=corrected["version"])

    assert deployment.scores(contest, valid_at="2025-12-01", version=first["version"]) == {"ann": 8, "bob": 0}
    assert deployment.scores(contest, valid_at="2025-12-16") == {"ann": 0, "bob": 0}
    assert deployment.scores(contest, valid_at="2025-12") == {"ann": 8, "bob": 0}
    told = [event["event"]["announced_at"] for event in deployment.ask(about)["history"]]
    assert told == ["2025-12", "2025-12-17~"]


def test_a_strike_takes_it_out_of_every_day_and_its_history_stays(
    deployment: Standings, contest: str
) -> None:
    first = announced(deployment, contest)
    about = f"/v1/contests/{contest}/endorsements/{first['endorsement']}"
    version = deployment.told(f"{about}/strike", note="never was")["version"]

    assert deployment.scores(contest, valid_at="2026-01-31", min_version=version) == {"ann": 0, "bob": 0}
    history = deployment.ask(about)["history"]
    assert [event["type"] for event in history] == ["endorsement.announced", "endorsement.struck"]


def test_a_withdrawal_is_shown_from_its_day_and_takes_no_points(deployment: Standings, contest: str) -> None:
    version = announced(deployment, contest)["version"]
    entered = deployment.ask(f"/v1/contests/{contest}", min_version=version)["candidates"][0]["entered_at"]

    withdrawn = deployment.told(f"/v1/contests/{contest}/candidates/ann/withdrawal")

    lines = deployment.ask(f"/v1/contests/{contest}/standings", min_version=withdrawn["version"])["standings"]
    assert [(one["score"], one["withdrew_at"] is None) for one in lines] == [(8, False), (0, True)]
    before = deployment.ask(f"/v1/contests/{contest}/standings", valid_at=entered)["standings"]
    assert [one["withdrew_at"] for one in before] == [None, None]


def test_a_refusal_is_a_problem_that_names_field_value_and_way_out(
    deployment: Standings, contest: str
) -> None:
    first = announced(deployment, contest)
    path = f"/v1/contests/{contest}/endorsements"
    again = {"endorser": {"id": "jane", "name": "Jane"}, "candidate": "ann", "category": "governor"}
    refusals = {
        "already-endorsed": (deployment.tell(path, **again), "endorser", "jane", 409),
        "unknown-candidate": (
            deployment.tell(path, **{**again, "candidate": "zoe"}),
            "candidate",
            "zoe",
            404,
        ),
        "ends-before-it-begins": (
            deployment.tell(f"{path}/{first['endorsement']}/retraction", retracted_at="2026-01-09"),
            "retracted_at",
            "2026-01-09",
            409,
        ),
        "unknown-endorsement": (deployment.tell(f"{path}/nope/retraction"), "endorsement", "nope", 404),
        "unknown-contest": (
            deployment.tell("/v1/contests/nope/candidates", candidate="x", name="X"),
            "contest",
            "nope",
            404,
        ),
        "invalid": (deployment.tell(path, **again, colour="red"), "colour", "red", 422),
        "wrong-version": (deployment.tell(path, **again, expected_version=1), "expected_version", 1, 409),
        "in-the-future": (
            deployment.tell(path, **again, announced_at="2999-01-01"),
            "announced_at",
            "2999-01-01",
            409,
        ),
        "unreadable-time": (
            deployment.tell(path, **again, announced_at="201X"),
            "announced_at",
            "201X",
            422,
        ),
    }
    for code, (answer, field, value, status) in refusals.items():
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert (problem["type"], problem["field"], problem["value"]) == (f"/problems/{code}", field, value), (
            problem
        )
        assert answer.status_code == status
        assert problem["way_out"]


def test_the_same_command_again_is_answered_as_the_first_time(deployment: Standings, contest: str) -> None:
    first = announced(deployment, contest, id="only-once")

    assert announced(deployment, contest, id="only-once") == first
    other = deployment.tell(f"/v1/contests/{contest}/candidates", id="only-once", candidate="cy", name="Cy")
    assert (other.status_code, other.json()["type"]) == (409, "/problems/event-id-reused")


def told_again(deployment: Standings, contest: str, commands: list[dict[str, Any]]) -> list[Any]:
    body = b"".join(orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE) for said in commands)
    answer = deployment.ingest.post(f"/v1/contests/{contest}/batch", content=body, headers=NDJSON)
    return [orjson.loads(text) for text in answer.content.splitlines()][:-1]


def test_commands_that_are_repeated_in_a_batch_are_answered_as_the_first_time(
    deployment: Standings, contest: str
) -> None:
    first = announced(deployment, contest, id="a")
    moving = {
        "command": "switch",
        "id": "s",
        "endorsement": first["endorsement"],
        "candidate": "bob",
        "switched_at": "2026-03-05",
        "source": {"title": "t"},
        "recorded_by": "test",
    }
    new = orjson.loads(line(9))

    moved, moved_at_once = told_again(deployment, contest, [moving, moving])
    again, _ = told_again(deployment, contest, [moving, new])

    assert moved["endorsement"] not in (None, first["endorsement"])
    assert {**moved_at_once, "line": 1} == moved == again


def test_a_command_whose_second_event_has_an_id_that_was_taken_is_told_which(
    deployment: Standings, contest: str
) -> None:
    first = announced(deployment, contest, id="a/2")

    answer = deployment.tell(
        f"/v1/contests/{contest}/endorsements/{first['endorsement']}/switch",
        id="a",
        candidate="bob",
        switched_at="2026-03-05",
        source={"title": "t"},
    )

    assert (answer.status_code, answer.json()["value"]) == (409, "a/2")
    assert answer.json()["version"] == first["version"]


def line(number: int, **said: Any) -> bytes:
    facts = {
        "command": "announce",
        "id": f"line-{number}",
        "endorser": {"id": f"p{number}", "name": "P"},
        "candidate": "bob",
        "category": "mayor",
        "announced_at": "2026-03-01",
        "source": {"title": "t"},
        "recorded_by": "test",
    }
    return orjson.dumps({**facts, **said}, option=orjson.OPT_APPEND_NEWLINE)


def test_a_batch_takes_what_it_can_and_names_the_lines_that_it_cannot(
    deployment: Standings, contest: str
) -> None:
    body = line(1) + b"not json\n" + line(2, candidate="zoe") + b"\n" + line(1) + line(3)

    answers = [
        orjson.loads(one)
        for one in deployment.ingest.post(
            f"/v1/contests/{contest}/batch", content=body, headers=NDJSON
        ).content.splitlines()
    ]

    assert [answer.get("line") for answer in answers[:-1]] == [1, 2, 3, 5, 6]
    assert ["problem" in answer for answer in answers[:-1]] == [False, True, True, False, False]
    assert answers[0]["version"] == answers[3]["version"]
    assert answers[-1]["summary"] == {"lines": 5, "taken": 3, "refused": 2, "events": 3, "version": 5}


def test_a_batch_taken_whole_records_nothing_if_one_line_is_refused(
    deployment: Standings, contest: str
) -> None:
    body = line(1) + line(2, candidate="zoe") + line(3)

    answer = deployment.ingest.post(
        f"/v1/contests/{contest}/batch?on_refusal=abort", content=body, headers=NDJSON
    )

    assert answer.status_code == 409
    assert [refusal["line"] for refusal in answer.json()["refusals"]] == [2]
    assert deployment.ask(f"/v1/contests/{contest}")["version"] == 3


def test_thousands_of_lines_fit_in_one_request(deployment: Standings, contest: str) -> None:
    body = b"".join(line(number) for number in range(5000))

    answer = deployment.ingest.post(f"/v1/contests/{contest}/batch", content=body, headers=NDJSON)

    summary = orjson.loads(answer.content.splitlines()[-1])["summary"]
    assert (summary["taken"], summary["version"]) == (5000, 5003)
    assert deployment.scores(contest, min_version=5003, wait_ms=10_000)["bob"] == 15_000


def test_two_ingests_that_race_on_one_contest_lose_nothing_and_leave_no_gap(
    deployment: Standings, contest: str
) -> None:
    statuses: list[int] = []

    def send(base: str, worker: int) -> None:
        with httpx.Client(base_url=base, timeout=60) as client:
            for number in range(15):
                endorser = {"id": f"w{worker}-{number}", "name": "W"}
                facts = {
                    "endorser": endorser,
                    "candidate": "ann",
                    "category": "mayor",
                    "announced_at": "2026-03-01",
                }
                said = {**facts, "recorded_by": "test", "source": {"title": "t"}}
                statuses.append(client.post(f"/v1/contests/{contest}/endorsements", json=said).status_code)

    with service("ingest", deployment.redis_url) as other:
        urls = [str(deployment.ingest.base_url), other.url]
        workers = [threading.Thread(target=send, args=(urls[n % 2], n)) for n in range(6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    assert statuses == [201] * 90
    assert deployment.scores(contest, min_version=93)["ann"] == 270
    versions = [event["version"] for event in deployment.ask(f"/v1/contests/{contest}/events")["events"]]
    assert versions == list(range(1, 94))


def test_a_version_that_does_not_come_is_answered_with_when_to_ask_again(
    deployment: Standings, contest: str
) -> None:
    answer = deployment.api.get(
        f"/v1/contests/{contest}/standings", params={"min_version": 99, "wait_ms": 50}
    )

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["version"] == 3


def test_a_moment_that_nothing_is_known_of_is_a_clear_answer(deployment: Standings, contest: str) -> None:
    path = f"/v1/contests/{contest}/standings"
    asked: list[tuple[str, str]] = [
        ("known_at", "2020-01-01"),
        ("known_at", "2999-01-01"),
        ("version", "9"),
        ("policy", "x"),
        ("valid_at", "soon"),
        ("valid_at", "2026-01~"),
    ]

    answers = [deployment.api.get(path, params={name: value}) for name, value in asked]
    codes = [answer.json()["type"].rpartition("/")[2] for answer in answers]

    assert codes == [
        "before-the-contest",
        "not-knowable-yet",
        "unknown-version",
        "unknown-policy",
        "unreadable-time",
        "unreadable-time",
    ]


def test_both_services_document_themselves_with_examples(deployment: Standings) -> None:
    for client in (deployment.ingest, deployment.api):
        document = client.get("/openapi.json").json()
        assert document["openapi"].startswith("3.1")
        assert b'"example' in orjson.dumps(document)
        assert client.get("/healthz").json() == {"status": "ok"}


def test_of_a_key_that_stands_twice_the_last_one_counts(deployment: Standings, contest: str) -> None:
    twice = (
        b'{"command":"enter","candidate":"x","candidate":"%b","name":"X","name":"Cy","recorded_by":"test"}'
    )
    single = twice.replace(b'"command":"enter",', b"") % b"cy"

    alone = deployment.ingest.post(
        f"/v1/contests/{contest}/candidates", content=single, headers={"content-type": "application/json"}
    )
    batch = deployment.ingest.post(f"/v1/contests/{contest}/batch", content=twice % b"di", headers=NDJSON)

    assert alone.status_code == 201
    version = orjson.loads(batch.content.splitlines()[-1])["summary"]["version"]
    found = deployment.ask(f"/v1/contests/{contest}", min_version=version)["candidates"]
    assert [(one["candidate"], one["name"]) for one in found[2:]] == [("cy", "Cy"), ("di", "Cy")]
