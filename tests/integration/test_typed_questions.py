"""What the API answers against the schemas of its OpenAPI document, for every route and media type."""

from typing import Any

import orjson
import pytest

from services.api.answers.formats import FORMATS
from services.local import race
from shared.changes.cloud_event import reset_event
from tests.documents import JSON, check, check_value, said_of
from tests.integration.test_generations import rebuild
from tests.integration.test_over_time import DAY
from tests.running import Standings

OF = "/v1/contests/{contest}"
CITED = OF + "/standings/{version}/{policy}/{valid_at}"
# Every question: where the document tells it, the parameters, and the name of what has to be there for it to be tested.
QUESTIONS: dict[str, list[tuple[dict[str, str], str]]] = {
    "/v1/contests": [({}, "contests")],
    OF: [({}, "candidates")],
    OF + "/certificates": [({}, "certificates")],
    OF + "/candidates": [({}, "candidates")],
    "/v1/policies": [({}, "policies")],
    "/v1/policies/{policy}": [({}, "weights")],
    OF + "/standings": [
        ({}, "standings"),
        ({"version": "6", "valid_at": "2019-06-01"}, "standings"),
        ({"weights": "governor:0.5,default:1"}, "standings"),
    ],
    CITED: [({}, "standings")],
    CITED + "/corrections": [({}, "standings")],
    OF + "/timeline": [
        ({"from": "2019-01-01", "to": "2019-12-31", "step": "month"}, "points"),
        ({"step": "change"}, "points"),
        ({"axis": "known", "step": "change"}, "points"),
        ({"axis": "both", "step": "day"}, ""),
    ],
    OF + "/diff": [({"from_valid_at": "2019-01-02"}, "changes"), ({"from_version": "6"}, "events")],
    OF + "/revisions": [({"valid_at": "2019-06-01"}, "revisions"), ({"valid_at": "2019-06-01", "limit": "1"}, "")],
    OF + "/revision-risk": [({}, "summary")],
    OF + "/endorsements": [({}, "endorsements"), ({"state": "all", "limit": "1"}, "next")],
    OF + "/endorsements/{endorsement}": [({}, "history")],
    OF + "/events": [({}, "events")],
    OF + "/changes": [({"from_version": "1"}, "changes")],
    "/v1/changes": [({"after": "0"}, "")],
}  # fmt: skip


@pytest.fixture
def busy(deployment: Standings, contest: str) -> str:
    """A contest with an event of every kind, some of them long after what they tell of."""
    base = f"/v1/contests/{contest}"
    deployment.told(f"{base}/candidates", candidate="cy", name="Cy")
    for name, day in (("x", "2019-04-22"), ("y", "2019-05"), ("z", "2019?")):
        deployment.told(
            f"{base}/endorsements", endorsement=name, endorser={"id": name, "name": name.upper()}, candidate="ann",
            category="governor", announced_at=day,
        )  # fmt: skip
    deployment.told(f"{base}/endorsements/x/correction", candidate="bob", category="senator")
    deployment.told(f"{base}/endorsements/y/retraction", retracted_at="2019-07-01")
    deployment.told(f"{base}/endorsements/y/correction", retracted_at=None)
    deployment.told(f"{base}/endorsements/z/strike", note="in error")
    last = deployment.told(f"{base}/candidates/cy/withdrawal")["version"]
    deployment.ask(base, min_version=last, wait_ms=10_000)
    rebuild(deployment.redis_url, contest)
    return contest


def test_every_question_is_answered_as_the_document_says(deployment: Standings, busy: str) -> None:
    document = deployment.api.get("/openapi.json").json()
    policy = deployment.ask("/v1/policies")["policies"][0]
    names = {"contest": busy, "endorsement": "x", "version": "6", "valid_at": "2019-06-01"}
    told = {path for path in document["paths"] if path.startswith("/v1/")}
    assert told == QUESTIONS.keys() | {OF + "/timemap"}

    for path, questions in QUESTIONS.items():
        version = "" if path == "/v1/policies/{policy}" else f"@{policy['version']}"
        address = path.format(**names, policy=policy["id"] + version)
        for parameters, there in questions:
            answer = deployment.api.get(address, params=parameters, headers={"Accept": JSON})

            assert answer.status_code == 200, (path, answer.text)
            assert not there or answer.json()[there], (path, parameters)
            check(document, path, "get", answer)


def test_a_long_history_is_told_as_the_document_says(deployment: Standings, simulated_race: int) -> None:
    document = deployment.api.get("/openapi.json").json()
    asked: dict[str, tuple[dict[str, str], str]] = {
        OF + "/revision-risk": ({}, "days"),
        OF + "/revisions": ({"valid_at": DAY}, "revisions"),
        OF + "/diff": ({"from_valid_at": DAY}, "events"),
        OF + "/timeline": ({"axis": "both", "step": "week"}, "points"),
        OF + "/standings": ({"valid_at": DAY, "known_at": DAY}, "standings"),
    }
    for path, (parameters, there) in asked.items():
        answer = deployment.api.get(path.format(contest=race.CONTEST), params=parameters)

        assert answer.json()[there], path
        check(document, path, "get", answer)
    risk = deployment.ask((OF + "/revision-risk").format(contest=race.CONTEST))
    assert any(day["moved"] for day in risk["days"])


def test_every_refusal_is_as_the_document_says(deployment: Standings, contest: str) -> None:
    document = deployment.api.get("/openapi.json").json()
    other = {"version": "1-0123456789abcdef", "policy": "fivethirtyeight-2020@1", "valid_at": "2030-01-01"}
    refused: list[tuple[str, dict[str, str], dict[str, str], int]] = [
        (OF, {}, {}, 404),
        (OF + "/standings", {"valid_at": "1999-01-01"}, {}, 404),
        (OF + "/standings", {}, {"Accept": "image/png"}, 406),
        (CITED, {}, {}, 410),
        (OF + "/timeline", {"step": "year"}, {}, 422),
        (OF, {"min_version": "99", "wait_ms": "0"}, {}, 503),
    ]
    for path, parameters, headers, status in refused:
        name = "nowhere" if (path, parameters) == (OF, {}) else contest
        address = path.format(contest=name, **other)

        answer = deployment.api.get(address, params=parameters, headers=headers)

        assert answer.status_code == status, answer.text
        check(document, path, "get", answer)


def test_every_format_is_in_the_document(deployment: Standings, busy: str) -> None:
    document = deployment.api.get("/openapi.json").json()
    formats = [one.media_type for one in FORMATS.values() if one.rows]
    for path in QUESTIONS.keys() - {"/v1/changes", OF + "/changes"}:
        if "{policy}" in path or "{endorsement}" in path:
            continue
        asked = {"valid_at": "2019-06-01"} if path.endswith("/revisions") else {}
        for media_type in formats:
            address = path.format(contest=busy)
            answer = deployment.api.get(address, params=asked, headers={"Accept": media_type})

            assert answer.headers["content-type"] == media_type
            assert said_of(document, path, "get", answer)["type"] == "string"
    for path in (OF + "/timemap",):
        answer = deployment.api.get(path.format(contest=busy))

        assert said_of(document, path, "get", answer) == {"type": "string"}


def test_server_sent_changes_are_as_the_document_says(deployment: Standings, busy: str) -> None:
    document = deployment.api.get("/openapi.json").json()
    address = f"/v1/contests/{busy}/changes"
    with deployment.api.stream("GET", address, params={"from_version": 1, "format": "sse"}) as answer:
        media_type = answer.headers["content-type"].partition(";")[0]
        data = next(line for line in answer.iter_lines() if line.startswith("data: "))

    for path in ("/v1/changes", OF + "/changes"):
        assert media_type in document["paths"][path]["get"]["responses"]["200"]["content"]
    change: Any = {"$ref": "#/components/schemas/Change"}
    check_value(document, change, orjson.loads(data.removeprefix("data: ")))
    reset: Any = {"$ref": "#/components/schemas/ResetEvent"}
    check_value(
        document, reset, orjson.loads(reset_event("race", 3, "1f2e3d4c5b6a7988", "7-8f9e0d1c2b3a4958"))
    )
