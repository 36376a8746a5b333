"""The OpenAPI documents as wholes: their heads, the ids of their operations, and what they refer to."""

import asyncio
import re
from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from starlette.types import Receive

from services.api.answers import views
from services.api.live.catalog import ListedContest
from shared.domain.contest import Contest
from shared.domain.errors import Refused
from shared.domain.events import Version
from shared.domain.times import Instant
from shared.http import refusals
from shared.http.openapi import Described, reference
from shared.http.problems import status_of_kind
from shared.projection.parking import Parked
from shared.runtime.settings import Settings
from tests.documents import check_value
from tests.unit.test_door import ask, incoming
from tests.unit.test_parameters import SERVICES

# By these names the functions of generated clients are called: they stay.
OPERATIONS = {
    "api": "all_contests one_contest certificates candidates policies one_policy standings timemap cited_standings "
    "corrections timeline diff revisions revision_risk endorsements one_endorsement events all_changes contest_changes",
    "ingest": "open_contest enter_candidate withdraw_candidate announce_endorsement retract_endorsement "
    "correct_endorsement strike_endorsement switch_endorsement take_batch unfolded_contests dead_letters "
    "redeliver_dead_letter drop_dead_letter",
    "webhooks": "register_webhook all_webhooks one_webhook change_webhook remove_webhook verify_webhook rotate_secret "
    "delivery_attempts dead_letters redeliver_dead_letter drop_dead_letter",
}


def described(service: str) -> Described:
    app: Any = SERVICES[service](Settings()).app
    while not isinstance(app, Described):
        app = app.app
    return app


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for methods in document["paths"].values() for operation in methods.values()]


@pytest.mark.parametrize("service", SERVICES)
def test_a_document_says_whose_it_is_and_what_its_operations_are_called(service: str) -> None:
    document = described(service).openapi()

    assert document["info"]["license"] == {"name": "Apache License 2.0", "identifier": "Apache-2.0"}
    assert document["servers"] == [{"url": "/", "description": "where this document is from"}]
    found = [one["operationId"] for one in operations(document)]
    assert sorted(found) == sorted([*OPERATIONS[service].split(), "healthz", "readyz"])
    tags = {one["name"]: one["description"] for one in document["tags"]}
    assert tags.keys() == {tag for one in operations(document) for tag in one["tags"]}
    assert all(tags.values())


OWN = [("host", "localhost"), ("content-type", "application/json"), ("content-length", "2")]
REFUSED_BEFORE_THE_ROUTE: dict[str, tuple[int, list[tuple[str, str]], Receive]] = {
    "a foreign host": (421, [("host", "evil.example"), *OWN[1:]], incoming(b"{}")),
    "a foreign page": (403, [*OWN, ("origin", "https://evil.example")], incoming(b"{}")),
    "another type": (415, [OWN[0], ("content-type", "text/plain"), OWN[2]], incoming(b"{}")),
    "too large": (413, [*OWN[:2], ("content-length", str(1 << 30))], incoming(b"{}")),
    "too slow": (408, OWN, incoming(b"{", ends=False)),
}


@pytest.mark.parametrize("why", REFUSED_BEFORE_THE_ROUTE)
@pytest.mark.parametrize("service", ["ingest", "webhooks"])
def test_whatever_a_command_is_refused_for_before_its_route_is_described(service: str, why: str) -> None:
    status, headers, body = REFUSED_BEFORE_THE_ROUTE[why]
    door = SERVICES[service](Settings(body_seconds=0.01)).app
    commands = [
        (path, method, operation)
        for path, methods in described(service).openapi()["paths"].items()
        for method, operation in methods.items()
        if method not in ("get", "head") and not path.endswith("/batch")
    ]

    for path, method, operation in commands:
        answer = asyncio.run(ask(door, method.upper(), path, headers, body))

        assert answer.status == status, path
        assert "application/problem+json" in operation["responses"][str(status)]["content"], path


@pytest.mark.parametrize("service", ["ingest", "webhooks"])
def test_every_refusal_before_a_route_is_told_of_every_command(service: str) -> None:
    kinds = [kind for kind in vars(refusals).values() if isinstance(kind, type) and issubclass(kind, Refused)]
    worded = {kind for kind in kinds if "__init__" in vars(kind)} - {Refused}
    assert set(refusals.BEFORE_EVERY_COMMAND) == worded

    for methods in described(service).openapi()["paths"].values():
        for method, operation in methods.items():
            told = {status: answer["description"] for status, answer in operation["responses"].items()}
            statuses = {str(status_of_kind(kind)) for kind in worded}
            assert (statuses <= told.keys()) is (method != "get"), operation["operationId"]
            if method != "get":
                assert "The bodies that are on their way" in told["503"]
                assert "storage does not answer" in told["503"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_good_answer_has_a_schema_that_is_there(service: str) -> None:
    document = described(service).openapi()
    there = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(re.findall(r'"\$ref":"([^"]+)"', orjson.dumps(document).decode())) <= there
    for operation in operations(document):
        for status, answer in operation["responses"].items():
            if not status.startswith("2") or status == "204":
                continue
            assert answer["content"], operation["operationId"]
            for media_type, told in answer["content"].items():
                schema = told["schema"]
                typed = "$ref" in schema or "additionalProperties" in schema
                assert typed if media_type == "application/json" else schema["type"] == "string"


@pytest.mark.parametrize("service", SERVICES)
def test_bounds_are_said_in_words_of_json_schema(service: str) -> None:
    # pydantic's own words, which it leaves in a schema where bounds follow a validator.
    assert re.findall(r'"(?:ge|gt|le|lt)":', orjson.dumps(described(service).openapi()).decode()) == []


@pytest.mark.parametrize("service", SERVICES)
def test_no_model_of_an_answer_takes_the_name_of_one_of_a_question(service: str) -> None:
    app = described(service)
    questions = FastAPI.openapi(app).get("components", {}).get("schemas", {}).copy()
    app.openapi_schema = None
    schemas = app.openapi()["components"]["schemas"]

    assert {name: schemas[name] for name in questions} == questions


def test_a_parked_contest_is_told_as_the_document_says() -> None:
    contest = Contest(id="race", title="A race", timezone="UTC", clock="server", opened_at="2019")
    parked = Parked("race", 4, "version 4 cannot be read", 0)

    told = views.contest(ListedContest(contest, Version(3), 1, Instant(0), None, parked))

    check_value(described("api").openapi(), reference("Contest"), told)
