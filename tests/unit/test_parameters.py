"""A parameter that a route does not know is refused by every route that is asked, and said to be unknown."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from services.api.app import Api
from services.ingest.app import Ingest
from services.webhooks.app import Webhooks
from shared.runtime.settings import Settings
from shared.values.objects import MOST_KEYS

SERVICES: dict[str, Callable[[Settings], Any]] = {"api": Api, "ingest": Ingest, "webhooks": Webhooks}
# Something for each part of an address; nobody is asked, for a parameter is read before that.
PARTS = {
    "contest": "c",
    "version": "1",
    "policy": "headcount@1",
    "valid_at": "2019-04-22",
    "endorsement": "e",
    "webhook": "wh_" + "0" * 24,
    "code": "invalid",
}
# Probers add what they like to the first, and the others are FastAPI's own pages.
TAKE_ANYTHING = {"/healthz", "/readyz", "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"}


# What a route asks for beside what it does not know.
NEEDED = {"/v1/contests/c/revisions": "valid_at=2019-04-22&"}


def _asked(service: str) -> list[str]:
    """Every path of the service that can be asked."""
    app: Any = SERVICES[service](Settings()).app
    while not isinstance(app, FastAPI):
        app = app.app
    routes = [one for one in iter_route_contexts(app.routes) if "GET" in (one.methods or ())]
    return [str(one.path).format_map(PARTS) for one in routes if one.path not in TAKE_ANYTHING]


def _answers(service: str, paths: list[str], query: str) -> dict[str, httpx.Response]:
    async def ask() -> dict[str, httpx.Response]:
        transport = httpx.ASGITransport(SERVICES[service](Settings()).app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return {path: await client.get(f"{path}?{NEEDED.get(path, '')}{query}") for path in paths}

    return asyncio.run(ask())


@pytest.mark.parametrize("service", SERVICES)
def test_no_route_that_is_asked_takes_a_parameter_that_it_does_not_know(service: str) -> None:
    for path, answer in _answers(service, _asked(service), "rwa=true").items():
        problem = answer.json()

        assert answer.status_code == 422, f"{path}: {answer.text}"
        assert (problem["field"], problem["value"]) == ("rwa", "true"), path
        assert problem["way_out"] == "leave this field out: it is not known here", path


def test_every_kind_of_route_is_asked() -> None:
    assert {"/v1/policies", "/v1/changes", "/asyncapi.json", "/problems/invalid"} <= set(_asked("api"))
    assert "/v1/contests/c/standings/1/headcount@1/2019-04-22/corrections" in _asked("api")
    assert "/v1/dead-letters" in _asked("ingest")
    assert f"/v1/webhooks/{PARTS['webhook']}/attempts" in _asked("webhooks")


def test_many_unknown_parameters_are_told_as_one_problem() -> None:
    query = "&".join(f"unknown{number}" for number in range(1000))

    problem = _answers("api", ["/v1/policies"], query)["/v1/policies"].json()

    assert (problem["field"], problem["more_errors"]) == ("unknown0", MOST_KEYS - 1)


def test_a_prober_may_add_what_it_likes() -> None:
    assert _answers("api", ["/healthz"], "prober=1")["/healthz"].status_code == 200


REPEATED = [
    ("api", "GET", "/v1/contests/c/standings?candidate=a&candidate=b", "candidate"),
    ("api", "GET", "/v1/contests/c/standings?version=1&version=1", "version"),
    ("api", "GET", "/v1/contests/c/standings/1/headcount@1/2019-04-22?raw=true&raw=false", "raw"),
    ("api", "GET", "/v1/contests/c/changes?candidate=a&limit=1&candidate=b", "candidate"),
    ("api", "GET", "/v1/changes?policy=a&policy=b", "policy"),
    ("api", "GET", "/v1/contests?limit=1&%6cimit=2", "limit"),
    ("ingest", "POST", "/v1/contests/c/batch?on_refusal=abort&on_refusal=go_on", "on_refusal"),
    ("ingest", "GET", "/v1/dead-letters?limit=1&limit=2", "limit"),
    ("webhooks", "GET", f"/v1/webhooks/{PARTS['webhook']}/dead-letters?limit=1&limit=2", "limit"),
]


@pytest.mark.parametrize(("service", "method", "address", "field"), REPEATED)
def test_a_parameter_that_is_given_twice_is_refused(
    service: str, method: str, address: str, field: str
) -> None:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(SERVICES[service](Settings()).app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, address)

    answer = asyncio.run(ask())
    problem = answer.json()

    assert (answer.status_code, problem["field"]) == (422, field), answer.text
    assert problem["detail"] == f"{field} is given 2 times"
    assert problem["way_out"] == "give it once; several ids are one value, separated by commas"


def test_a_parameter_that_is_unknown_is_told_as_such_also_where_it_is_given_twice() -> None:
    problem = _answers("api", ["/v1/policies"], "rwa=true&rwa=true")["/v1/policies"].json()

    assert (problem["field"], problem["way_out"]) == ("rwa", "leave this field out: it is not known here")


def test_of_many_repeated_parameters_the_first_is_told() -> None:
    query = "&".join(f"limit={number}" for number in range(1000))

    problem = _answers("api", ["/v1/contests"], query)["/v1/contests"].json()

    assert (problem["field"], problem["detail"]) == ("limit", "limit is given 1000 times")
    assert problem["value"].startswith("0,1,2,")
