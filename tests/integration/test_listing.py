"""The list of contests: page by page, and no contest is brought into memory by it."""

import asyncio

import httpx
import pytest
from redis import Redis

from services.api.app import Api, create_app
from services.api.live import catalog
from shared.runtime.settings import Settings
from shared.storage.redis_keys import PartitionKeys
from tests.running import Standings, standings


def opened(deployment: Standings, *names: str) -> None:
    for name in names:
        candidates = [{"candidate": "ann", "name": "Ann"}, {"candidate": "bob", "name": "Bob"}]
        deployment.told("/v1/contests", contest=name, title=name, timezone="UTC", candidates=candidates)
        deployment.ask(f"/v1/contests/{name}", min_version=3, wait_ms=10_000)


def test_contests_are_listed_page_by_page_and_none_is_brought_into_memory(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"race-{n}" for n in range(5)]
    with standings(redis_url, partitions="3") as deployment:
        opened(deployment, *names)
        alone = [deployment.ask(f"/v1/contests/{name}") for name in names]
        assert deployment.ask("/v1/contests") == {"contests": alone, "next": None}
        with Redis.from_url(redis_url) as client:
            client.sadd(PartitionKeys(0).contests, "race-25")  # just being opened

        async def look() -> None:
            api = create_app(Settings(redis_url=redis_url, partitions=3))
            async with api.work():
                assert await pages(api, 2) == [names[:2], [names[2]], names[3:]]
                monkeypatch.setattr(catalog, "MOST_CANDIDATES", 1)
                monkeypatch.setattr(catalog, "_AT_ONCE", 1)
                assert await pages(api, 1000) == [[name] for name in names[:3]] + [[names[3]], [names[4]]]
                assert not api.contests._held
                opened(deployment, "race-9")
                assert (await pages(api, 1000))[-1] == ["race-9"]

        asyncio.run(look())


def test_a_contest_whose_projection_is_damaged_is_left_out_and_the_others_are_listed(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with standings(redis_url) as deployment, Redis.from_url(redis_url) as client:
        opened(deployment, "a", "b", "c", "d")
        shared = PartitionKeys(0)
        client.hdel(shared.contest("a").state(1), "totals")
        client.hset(shared.contest("b").state(1), "contest", "{}")
        client.hset(shared.contest("d").state(1), "totals", "7")

        async def look() -> None:
            api = create_app(Settings(redis_url=redis_url))
            async with api.work():
                assert await pages(api, 10) == [["c"]]

        asyncio.run(look())
    assert all(f"contest {name}" in caplog.text for name in "abd")


async def pages(api: Api, limit: int) -> list[list[str]]:
    """The ids on each page."""
    transport = httpx.ASGITransport(app=api.app)
    found = []
    cursor: dict[str, str] = {}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        while True:
            answer = (await client.get("/v1/contests", params={"limit": limit, **cursor})).json()
            found.append([one["contest"] for one in answer["contests"]])
            if answer["next"] is None:
                return found
            cursor = {"cursor": answer["next"]}


@pytest.mark.parametrize("cursor", ["", "A", "../x", "\0", "x" * 121, "{}", "%"])
def test_a_forged_cursor_of_the_list_is_refused(deployment: Standings, cursor: str) -> None:
    answer = deployment.api.get("/v1/contests", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["field"]) == (422, "cursor")
