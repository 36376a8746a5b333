"""What is said of a value that is not of its form fits that value."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from services.api.app import Api
from services.ingest.app import Ingest
from services.webhooks.app import Webhooks
from shared.runtime.settings import Settings

CITED = "/v1/contests/c/standings/{}/headcount@1/2019-04-22"
SLUG = "use a-z, 0-9, dot, underscore and hyphen, beginning with a letter or digit"
VERSION = "give a version as an answer had it: 103, or 103-1f2e3d4c5b6a7988 with its history"
FORMS = [
    (Api, CITED.format("12-forged"), "version", VERSION),
    (Api, CITED.format("12-1f2e3d4c5b6a798"), "version", VERSION),
    (Api, CITED.format("0"), "version", VERSION),
    (Api, CITED.format("12-forged") + "/corrections", "version", VERSION),
    (Api, "/v1/contests/c/changes?after=yesterday", "after", VERSION),
    (Api, "/v1/contests/C/standings", "contest", SLUG),
    (Webhooks, "/v1/webhooks/mine", "webhook", "ids of webhooks are in GET /v1/webhooks"),
    (
        Webhooks,
        f"/v1/webhooks/wh_{'0' * 24}/dead-letters?after=1",
        "after",
        "give `next` of the page before, or leave after out",
    ),
]
TEXTS = [
    ("candidate", 2000),
    ("weights", 2000),
    ("policy", 120),
    ("valid_at", 40),
]


def problem(service: Callable[[Settings], Any], path: str, method: str = "GET") -> dict[str, Any]:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(service(Settings()).app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path)

    answer = asyncio.run(ask())
    assert answer.status_code == 422, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(("service", "path", "field", "way_out"), FORMS)
def test_the_way_out_is_that_of_the_form(
    service: Callable[[Settings], Any], path: str, field: str, way_out: str
) -> None:
    found = problem(service, path)

    assert (found["field"], found["way_out"]) == (field, way_out)


def test_an_event_id_is_not_told_to_be_a_slug() -> None:
    found = problem(Ingest, "/v1/dead-letters/a%20b", "DELETE")

    assert (found["field"], found["way_out"]) == ("letter", "see /docs for what this field takes")


@pytest.mark.parametrize(("name", "most"), TEXTS)
def test_a_text_that_is_too_long_is_measured_in_characters(name: str, most: int) -> None:
    found = problem(Api, f"/v1/contests/c/standings?{name}={'a' * (most + 1)}")

    assert found["detail"] == f"{name}: String should have at most {most} characters"
    assert found["way_out"] == f"give {most} characters at most"
