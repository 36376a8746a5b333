"""Receivers and names that hang beside others: who waits is the one that hangs."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from services.webhooks.app import Webhooks
from shared.runtime.settings import Settings
from tests.integration.test_changes import announced, followed
from tests.integration.test_webhooks import verified
from tests.receivers import Behave, Got, echo, receiver
from tests.running import Standings, service
from tests.servers import eventually


def opened(deployment: Standings, contest: str, number: int) -> list[str]:
    """More contests, each with a candidate."""
    names = [f"{contest}.{n}" for n in range(number)]
    ann = [{"candidate": "ann", "name": "Ann"}]
    for name in names:
        deployment.told("/v1/contests", contest=name, title="C", timezone="UTC", candidates=ann)
    return names


def hanging(over: threading.Event) -> Behave:
    """Takes what comes and answers challenges only, until it is over."""

    def behave(got: Got) -> tuple[int, dict[str, str], bytes]:
        if "challenge" not in got.json:
            over.wait(120)
        return echo(got)

    return behave


@contextmanager
def threading_event() -> Iterator[threading.Event]:
    """An event that is set at the end of the block, whatever happens in it."""
    over = threading.Event()
    try:
        yield over
    finally:
        over.set()


def test_a_receiver_that_hangs_in_many_contests_keeps_nothing_from_another(
    deployment: Standings, contest: str
) -> None:
    contests = opened(deployment, contest, 70)
    settings = {
        "api_url": followed(deployment),
        "webhooks_development": "true",
        "webhook_timeout_seconds": "120",
    }
    with (
        receiver() as there,
        receiver() as hangs,
        threading_event() as over,
        service("webhooks", deployment.redis_url, **settings) as running,
        httpx.Client(base_url=running.url, timeout=30) as webhooks,
    ):
        hung = verified(webhooks, hangs.url, contests=contests)
        good = verified(webhooks, there.url, contests=[contest])
        hangs.behave = hanging(over)
        for n, name in enumerate(contests):
            announced(deployment, name, n)
        eventually(lambda: len(hangs.changes) >= 2)

        versions = [announced(deployment, contest, n) for n in range(5)]
        eventually(lambda: there.versions() == versions)

        # None of those that hang has come to its end, so nobody waited for one.
        assert webhooks.get(f"/v1/webhooks/{hung['webhook']}/attempts").json()["attempts"] == []
        over.set()
        eventually(lambda: {got.contest for got in hangs.changes} == set(contests))
        for hook in (hung, good):
            webhooks.delete(f"/v1/webhooks/{hook['webhook']}")


class Names:
    """The system's resolver for names under `.test`: all lead to loopback, and some hang until it is over."""

    def __init__(self, over: threading.Event) -> None:
        self.asked: Counter[str] = Counter()
        self.most_at_once: Counter[str] = Counter()
        self._now: Counter[str] = Counter()
        self._over = over
        self.hanging: set[str] = set()
        self._real = socket.getaddrinfo

    def getaddrinfo(self, host: Any, *args: Any, **more: Any) -> Any:
        if not str(host).endswith(".test"):
            return self._real(host, *args, **more)
        self.asked[host] += 1
        self._now[host] += 1
        self.most_at_once[host] = max(self.most_at_once[host], self._now[host])
        try:
            if host in self.hanging and not self._over.wait(30):
                raise socket.gaierror("it hung")
        finally:
            self._now[host] -= 1
        return self._real("127.0.0.1", *args, **more)


async def until(holds: Callable[[], bool]) -> None:
    """As `eventually`, on the event loop."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - of the services' own state, which tells nobody
            await asyncio.sleep(0.01)


def test_a_name_that_hangs_keeps_nothing_from_receivers_by_other_names(
    deployment: Standings, contest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    contests = opened(deployment, contest, 10)
    settings = Settings(
        redis_url=deployment.redis_url,
        api_url=followed(deployment),
        webhooks_development=True,
        webhook_timeout_seconds=120,
    )

    async def registered(urls: dict[str, list[str]]) -> list[str]:
        webhooks = Webhooks(settings)
        async with webhooks.work(), asked_of(webhooks) as client:
            hooks = []
            for url, wanted in urls.items():
                answer = await client.post("/v1/webhooks", json={"url": url, "wanted": {"contests": wanted}})
                hooks.append(answer.json()["webhook"])
                answer = await client.post(f"/v1/webhooks/{hooks[-1]}/verification")
                assert answer.json()["state"] == "active", answer.text
            return hooks

    async def delivered(hooks: list[str], names: Names) -> None:
        webhooks = Webhooks(settings)
        async with webhooks.work(), asked_of(webhooks) as client:
            for n, name in enumerate(contests):
                announced(deployment, name, n)
            await until(lambda: names.asked["hangs.test"] > 0)
            for n in range(5):
                announced(deployment, contest, n)
            await until(lambda: len(there.changes) == 10)
            for hook in hooks[1:]:
                attempts = (await client.get(f"/v1/webhooks/{hook}/attempts")).json()["attempts"]
                assert {one["number"] for one in attempts} == {1}
                letters = (await client.get(f"/v1/webhooks/{hook}/dead-letters")).json()["dead_letters"]
                assert letters == []
            assert names.most_at_once["hangs.test"] == 1
            # Each name that answers was asked for once: its addresses were kept for the deliveries after it.
            assert (names.asked["one.test"], names.asked["two.test"]) == (1, 1)
            for hook in hooks:
                await client.delete(f"/v1/webhooks/{hook}")

    with receiver() as there, threading_event() as over:
        port = httpx.URL(there.url).port
        names = Names(over)
        monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
        hooks = asyncio.run(
            registered(
                {
                    f"http://hangs.test:{port}/": contests,
                    f"http://one.test:{port}/": [contest],
                    f"http://two.test:{port}/": [contest],
                }
            )
        )
        names.asked.clear()
        names.hanging.add("hangs.test")
        asyncio.run(delivered(hooks, names))


def asked_of(webhooks: Webhooks) -> httpx.AsyncClient:
    """A client of a service in this process."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(webhooks.app), base_url="http://localhost", timeout=30
    )
