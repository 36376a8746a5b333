"""The thin path in front of the standings route answers as the route behind it does."""

import asyncio
import itertools
import re
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from services.api.app import create_app
from services.api.web.fast_path import StandingsReplies
from services.local import race
from shared.runtime.settings import Settings
from tests.integration.test_over_time import BASE
from tests.running import Standings

VALID = (
    None,
    "2025-07-29",
    "2025-07",
    "2025",
    "2025-07-29T12:00:00Z",
    "2025-07-29T12:00:00+02:00",
    "2025-13-01",
    "",
    "-0d",
    "\N{SNOWMAN}",
)
KNOWN = (None, "2025-08-01", "2999-01-01", "1990-01-01", "2025-08-01T00:00:00Z")
OTHERS: tuple[dict[str, Any], ...] = (
    {},
    {"version": "300"},
    {"version": "0"},
    {"version": "many"},
    {"policy": "headcount"},
    {"policy": "nothing"},
    {"weights": "governor:10,mayor:2.5,labor-union/member:0.001"},
    {"weights": "governor:ten"},
    {"candidate": "ada-quillfeather,hugo-wetherby"},
    {"candidate": "nobody"},
    {"category": "mayor"},
    {"format": "csv"},
    {"format": "json"},
    {"min_version": "3"},
    {"nonsense": "1"},
    {"candidate": ["ada-quillfeather", "hugo-wetherby"]},
    {"nonsense": ["1", "1"]},
)
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"Accept-Encoding": "gzip"},
    {"If-None-Match": "*"},
    {"Accept-Encoding": "gzip;q=0.5"},
    {"Accept-Encoding": "identity;q=0"},
    {"Accept": "text/csv"},
)
# What moves with the clock: the present, and the time at which an answer was made.
_INSTANT = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def questions() -> list[dict[str, str]]:
    nothing: dict[str, Any] = {}
    times = itertools.product(VALID, KNOWN, (nothing,))
    others = itertools.product((None, "2025-07-29"), (None,), OTHERS)
    return [
        {
            name: value
            for name, value in {"valid_at": valid, "known_at": known, **other}.items()
            if value is not None
        }
        for valid, known, other in (*times, *others)
    ]


async def asked(
    app: ASGIApp, path: str, question: dict[str, str], headers: dict[str, str]
) -> tuple[Any, ...]:
    """Status, headers and body of an answer, without what moves with the clock."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test", headers={"Accept-Encoding": ""}
    ) as client:
        answer = await client.get(path, params=question, headers=headers)
    moving = {"content-length"} if "gzip" in answer.headers.get("content-encoding", "") else set()
    kept = sorted((name, value) for name, value in answer.headers.items() if name not in moving)
    body = answer.content if "instant" not in answer.text else _INSTANT.sub(b"", answer.content)
    return answer.status_code, kept, _without_now(body)


def _without_now(body: bytes) -> bytes:
    return re.sub(rb"ask for \S+ or earlier", b"", _INSTANT.sub(b"", body))


@pytest.mark.usefixtures("simulated_race")
def test_both_answer_alike(deployment: Standings) -> None:
    async def compare() -> int:
        api = create_app(Settings(redis_url=deployment.redis_url))
        compared = 0
        async with api.work():
            await asked(api.app, f"{BASE}/standings", {}, {})  # from now on the contest is in memory
            for question in questions():
                for headers in HEADERS:
                    behind = await asked(api.thin_path.app, f"{BASE}/standings", question, headers)
                    for _ in range(2):  # afresh, and as it was kept
                        assert await asked(api.app, f"{BASE}/standings", question, headers) == behind, (
                            question
                        )
                        compared += 1
        return compared

    assert asyncio.run(compare()) > 500


@pytest.mark.usefixtures("simulated_race")
def test_the_thin_path_answers_the_present_and_the_past_by_itself(deployment: Standings) -> None:
    async def unreachable(*_: object) -> None:
        raise AssertionError("the app behind was asked")

    async def ask() -> None:
        api = create_app(Settings(redis_url=deployment.redis_url))
        async with api.work():
            await api.contests.at(race.CONTEST, 1, 1000)
            api.thin_path.app = unreachable
            for question in (
                {},
                {"valid_at": "2025-07-29"},
                {"valid_at": "2025-07-29", "known_at": "2025-08-01"},
            ):
                assert (await asked(api.app, f"{BASE}/standings", question, {}))[0] == 200

    asyncio.run(ask())


@pytest.mark.usefixtures("simulated_race")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_defect_on_the_thin_path_is_told_as_one_of_the_app_behind_and_logged_once(
    deployment: Standings, method: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise TypeError("a defect")

    async def answer(app: ASGIApp, method: str) -> tuple[int, list[tuple[str, str]], bytes]:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.request(method, f"{BASE}/standings")
        return answer.status_code, sorted(answer.headers.items()), answer.content

    async def ask() -> None:
        api = create_app(Settings(redis_url=deployment.redis_url))
        async with api.work():
            await api.contests.at(race.CONTEST, 1, 1000)
            monkeypatch.setattr(StandingsReplies, "written", broken)
            behind = await answer(api.thin_path.app, "GET")
            caplog.clear()
            before = await answer(api.app, method)

        assert before[:2] == behind[:2]
        assert before[2] == (b"" if method == "HEAD" else behind[2])
        assert before[0] == 500
        assert dict(before[1])["content-type"] == "application/problem+json"
        assert [record.getMessage() for record in caplog.records if record.exc_info] == [
            f"GET {BASE}/standings failed"
        ]

    asyncio.run(ask())
