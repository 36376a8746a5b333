"""Whoever asks what nobody asked before fills a share of the API's memory, and pushes no contest out of it."""

import asyncio

import httpx
import pytest

from services.api.app import Api, create_app
from services.local import race
from shared.runtime.settings import Settings
from tests.integration.test_slow_subscribers import MB, memory
from tests.running import Standings, service

PATH = f"/v1/contests/{race.CONTEST}/standings"


def weights(number: int) -> str:
    """Of nearly 2,000 characters, for an endless number."""
    return ",".join(f"mayor-{number % 100_000}-{n}:{n}.5" for n in range(90))


async def asked(api: Api, questions: list[dict[str, str]]) -> None:
    transport = httpx.ASGITransport(app=api.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for question in questions:
            assert (await client.get(PATH, params=question)).status_code == 200


@pytest.mark.usefixtures("simulated_race")
def test_varied_questions_fill_their_share_and_evict_no_contest(deployment: Standings) -> None:
    async def look() -> None:
        api = create_app(Settings(redis_url=deployment.redis_url, api_memory_mb=8))
        account = api.contests.account
        async with api.work():
            index = await api.contests.at(race.CONTEST, 1, 5000)
            for first in range(0, 600, 100):
                await asked(api, [{"weights": weights(n)} for n in range(first, first + 100)])
                await asked(
                    api, [{"valid_at": f"2025-07-29T12:00:00.{n:06}Z"} for n in range(first, first + 100)]
                )
                assert account.nbytes <= 8 * MB
            caches = account.nbytes - account.indexes
            assert MB // 2 < caches <= 2 * MB
            assert api.contests.ready(race.CONTEST) is index

            account.most_bytes = account.indexes
            await asked(api, [{"weights": weights(1)}])

            assert account.nbytes == account.indexes
            assert api.contests.ready(race.CONTEST) is index

    asyncio.run(look())


@pytest.mark.usefixtures("simulated_race")
def test_the_process_does_not_grow_with_varied_questions(deployment: Standings) -> None:
    with (
        service("api", deployment.redis_url, api_memory_mb="8") as api,
        httpx.Client(base_url=api.url, timeout=30) as client,
    ):

        def ask(first: int, last: int) -> None:
            for n in range(first, last):
                assert client.get(PATH, params={"weights": weights(n)}).status_code == 200

        ask(0, 200)
        before = memory(api)
        ask(200, 1700)

        assert memory(api) - before < 16 * MB
