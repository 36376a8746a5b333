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
