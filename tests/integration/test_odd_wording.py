"""What is worded oddly: refused at the door, and answered as ever where it was recorded before."""

import asyncio
from typing import Any

import orjson
import pytest

from services.ingest.decision.commands import COMMAND
from services.ingest.decision.decide import decide
from services.ingest.decision.submission import sheet_of
from shared.domain.book import Book
from shared.domain.times import Instant
from shared.runtime.settings import Settings
from shared.storage.connections import connect
from shared.storage.log import Log, NewEvent
from tests.builders import NOW
from tests.running import NDJSON, Standings

SAID: dict[str, Any] = {"recorded_by": "test", "source": {"title": "test"}}
ODD: dict[str, Any] = {
    "id": "odd-open",
    "contest": "odd",
    "title": "Odd\x00\u202e",
    "timezone": "UTC",
    "opened_at": "20190422T130500Z",
    "candidates": [{"candidate": "ann", "name": "Ann\x00", "entered_at": "2019-04-22 13:05:00.1234567Z"}],
    **SAID,
}


def recorded(deployment: Standings, said: dict[str, Any]) -> None:
    """As the release before this one recorded a command."""
    sheet = sheet_of(COMMAND.validate_python({"command": "open", **said}), lambda: "never")
    events = decide(sheet.command, Book(), Instant(NOW), sheet.id)
    new = [
        NewEvent(id_, event, sheet.digest, None) for id_, event in zip(sheet.event_ids, events, strict=True)
    ]

    async def append() -> None:
        redis = connect(Settings(redis_url=deployment.redis_url))
        await Log(redis, 1).append("odd", 0, new)
        await redis.aclose()

    asyncio.run(append())


@pytest.fixture(scope="module")
def odd(deployment: Standings) -> str:
    """A contest that was opened in odd words before they were refused."""
    recorded(deployment, ODD)
    deployment.ask("/v1/contests/odd", min_version=2, wait_ms=10_000)
    return "odd"


def test_a_command_in_odd_words_that_was_taken_before_is_answered_as_the_first_time(
    deployment: Standings, odd: str
) -> None:
    alone = deployment.ingest.post("/v1/contests", json=ODD)
    line = orjson.dumps({"command": "open", **ODD})
    batch = deployment.ingest.post(f"/v1/contests/{odd}/batch", content=line, headers=NDJSON)
    whole = deployment.ingest.post(f"/v1/contests/{odd}/batch?on_refusal=abort", content=line, headers=NDJSON)

    assert (alone.status_code, alone.json()["version"]) == (201, 2)
    for answer in (batch, whole):
        assert orjson.loads(answer.content.splitlines()[0])["version"] == 2


def test_the_same_words_in_a_new_command_are_refused(deployment: Standings, odd: str) -> None:
    answers = [
        deployment.ingest.post("/v1/contests", json={**ODD, "contest": "odd-2", "id": name, **change})
        for name, change in (
            ("one", {}),
            ("two", {"title": "Fine"}),
            ("three", {"title": "Fine", "opened_at": "2019", "candidates": []}),
        )
    ]

    assert [answer.status_code for answer in answers] == [422, 422, 201]
    assert [answer.json()["field"] for answer in answers[:2]] == ["title", "opened_at"]


def test_what_was_recorded_in_odd_words_is_answered_as_it_was_meant(deployment: Standings, odd: str) -> None:
    found = deployment.ask(f"/v1/contests/{odd}")

    assert (found["title"], found["opened_at"]) == ("Odd\x00\u202e", "20190422T130500Z")
    assert deployment.scores(odd, valid_at="2019-04-22T13:06:00Z") == {"ann": 0}


def test_a_question_about_a_time_in_another_form_is_refused_and_a_citation_of_it_answered_for_ever(
    deployment: Standings, odd: str
) -> None:
    path = f"/v1/contests/{odd}/standings"
    for asked in ("20190422T130600Z", "2019-04-22 13:06:00Z", "2019-W17-1T13:06:00Z"):
        refused = deployment.api.get(path, params={"valid_at": asked})
        cited = deployment.api.get(f"{path}/2/fivethirtyeight-2020@1/{asked}")
        again = deployment.api.get(f"{path}/2/fivethirtyeight-2020@1/{asked}/corrections")

        assert (refused.status_code, refused.json()["field"]) == (422, "valid_at")
        assert cited.json()["valid_at"] == {"asked": asked, "instant": "2019-04-22T13:06:00.000000Z"}
        assert deployment.api.get(cited.links["latest-version"]["url"]).json() == again.json()


@pytest.mark.parametrize(
    "between", ["%ff", "%00", "%0a", "%C2%A0", "%E2%80%AE", "X", "%7F", "_", "%20%20", "T%0a", "%EF%BC%B4"]
)
def test_a_citation_with_anything_else_between_day_and_time_is_refused(
    deployment: Standings, odd: str, between: str
) -> None:
    path = f"/v1/contests/{odd}/standings"
    cited = f"{path}/2/fivethirtyeight-2020@1/2019-04-22{between}13:06:00%2B00:00"

    for asked in (cited, f"{cited}/corrections", f"{path}?valid_at=2019-04-22{between}13:06:00%2B00:00"):
        refused = deployment.api.get(asked)

        assert (refused.status_code, refused.json()["field"]) == (422, "valid_at"), refused.text
        assert "immutable" not in refused.headers.get("cache-control", "")


def test_the_parameter_in_which_a_plus_came_as_a_space_is_still_understood(
    deployment: Standings, odd: str
) -> None:
    assert deployment.scores(odd, valid_at="2019-04-22T15:06:00 02:00") == {"ann": 0}
