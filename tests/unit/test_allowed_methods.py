"""A method that a path does not take is a 405 that says which it takes (RFC 9110, 15.5.6)."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from services.api.app import Api
from services.ingest.app import Ingest
from services.webhooks.app import Webhooks
from shared.runtime.settings import Settings

HOOK = "/v1/webhooks/wh_" + "0" * 24
CASES: list[tuple[Callable[[Settings], Any], str, str, str]] = [
    (Api, "PUT", "/v1/contests/c/standings", "GET, HEAD"),
    (Api, "POST", "/v1/policies", "GET, HEAD"),
    (Api, "OPTIONS", "/v1/contests", "GET, HEAD"),
    (Api, "DELETE", "/healthz", "GET, HEAD"),
    (Api, "BREW", "/openapi.json", "GET, HEAD"),
    (Ingest, "GET", "/v1/contests", "POST"),
    (Ingest, "GET", "/v1/contests/c/batch", "POST"),
    (Ingest, "PUT", "/v1/dead-letters/l", "DELETE"),
    (Ingest, "POST", "/v1/unfolded", "GET"),
    (Webhooks, "PUT", HOOK, "DELETE, GET, PATCH"),
    (Webhooks, "DELETE", "/v1/webhooks", "GET, POST"),
    (Webhooks, "GET", f"{HOOK}/verification", "POST"),
]


def answer(service: Callable[[Settings], Any], method: str, path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(service(Settings()).app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path)

    return asyncio.run(ask())


@pytest.mark.parametrize(("service", "method", "path", "allowed"), CASES)
def test_the_methods_that_a_path_takes_are_told(
    service: Callable[[Settings], Any], method: str, path: str, allowed: str
) -> None:
    found = answer(service, method, path)

    assert (found.status_code, found.headers["allow"]) == (405, allowed)
    assert found.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("service", [Api, Ingest, Webhooks])
def test_a_path_that_there_is_none_of_takes_no_method(service: Callable[[Settings], Any]) -> None:
    found = answer(service, "PUT", "/v1/none")

    assert found.status_code == 404
    assert "allow" not in found.headers
