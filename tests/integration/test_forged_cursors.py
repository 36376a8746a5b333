"""Cursors are handed out to be given back as they are; whatever else is given is refused by name."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import httpx
import orjson
import pytest

from tests.integration.test_over_time import BASE
from tests.running import Standings

PATH = f"{BASE}/endorsements"
# As JSON: some are nothing that an encoder would write.
FORGED = (
    '"x"', '""', "1.5", "1.0", "-1", "-1e5", "1e400", "true", "false", "null", "[]", "[[[[]]]]", "{}", '{"a": 1}',
    str(2**53 + 1), str(2**63), str(2**64), str(10**30), str(-(10**30)), "9" * 200, "NaN", "Infinity", '"\\ud800"',
)  # fmt: skip
# Of these, what may stand in each place of a cursor: instants up to the year 2255, and what earlier releases left out.
MAY_BE: tuple[set[str], ...] = (
    {str(2**53 + 1)}, set(), set(), set(), {"null", '""'}, {"null", "-1", str(2**53 + 1)}, set(),
)  # fmt: skip
# Of these, what may be a place in a changes stream.
AHEAD = {str(2**53 + 1), str(2**63)}


def encoded(text: bytes) -> str:
    return urlsafe_b64encode(text).decode().rstrip("=")


def real(deployment: Standings) -> list[Any]:
    """What a real cursor says."""
    cursor: str = deployment.ask(PATH, limit=3)["next"]
    said: list[Any] = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return said


def refused(deployment: Standings, path: str, **asked: Any) -> None:
    answer: httpx.Response = deployment.api.get(path, params=asked)

    problem = answer.json()
    assert (answer.status_code, problem.get("way_out") is not None) in ((422, True), (404, True)), (
        asked,
        answer.text,
    )
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.usefixtures("simulated_race")
@pytest.mark.parametrize("place", range(7))
def test_a_cursor_with_another_value_in_any_place_is_refused(deployment: Standings, place: int) -> None:
    said = real(deployment)
    for value in FORGED:
        if value in MAY_BE[place]:
            continue
        members = [orjson.dumps(member).decode() for member in said]
        members[place] = value
        refused(deployment, PATH, limit=3, cursor=encoded(f"[{','.join(members)}]".encode()))


@pytest.mark.usefixtures("simulated_race")
def test_a_cursor_of_another_shape_is_refused(deployment: Standings) -> None:
    said = real(deployment)
    shapes: list[Any] = [None, True, 1, 1.5, "x", {}, {"0": 1}, [], said[:3], [*said, 1], [said], said * 40]
    for shape in shapes:
        refused(deployment, PATH, limit=3, cursor=encoded(orjson.dumps(shape)))
    for text in ("", "=", "====", "x", "\N{NULL}", "\N{SNOWMAN}", "[1,2,3,4]", "A" * 400, "A" * 401):
        refused(deployment, PATH, limit=3, cursor=text)
    for depth in (90, 290):
        refused(deployment, PATH, limit=3, cursor=encoded(b"[" * depth))


@pytest.mark.usefixtures("simulated_race")
def test_a_place_in_the_changes_that_is_none_is_refused(deployment: Standings) -> None:
    places = [
        *FORGED,
        "",
        "-",
        "0-",
        "-0",
        "0-x",
        "1.5-0",
        "0-1.5",
        "(0",
        "(1-1",
        "-1-0",
        "0--1",
        "0-0-0",
        "$",
        "+",
        "*",
    ]
    places += [
        "0-0,0-0",
        f"{2**64}-0",
        f"0-{2**64}",
        f"{10**30}-{10**30}",
        " 0-0",
        "0_0-0",
        "\N{ARABIC-INDIC DIGIT ZERO}-0",
        "0-0 ",
    ]
    for place in set(places) - AHEAD:
        refused(deployment, "/v1/changes", after=place, limit=1)


@pytest.mark.usefixtures("simulated_race")
def test_a_place_behind_the_last_change_is_of_a_stream_that_lost_its_end(deployment: Standings) -> None:
    for place in (*AHEAD, f"{2**64 - 1}-{2**64 - 1}"):
        told = deployment.api.get("/v1/changes", params={"after": place})
        assert (told.status_code, told.json()["type"]) == (410, "/problems/reset"), place


@pytest.mark.usefixtures("simulated_race")
@pytest.mark.parametrize(
    ("path", "name"),
    [("/events", "after"), ("/timemap", "after"), ("/revisions?valid_at=2025-07-29", "after"), ("/changes", "after"),
     ("/changes", "from_version"), ("/standings", "version"), ("/timeline", "version")],
)  # fmt: skip
def test_a_version_that_is_none_is_refused(deployment: Standings, path: str, name: str) -> None:
    for value in (
        "",
        "x",
        "1.5",
        "true",
        "null",
        "[]",
        "{}",
        "-1",
        "NaN",
        "1e400",
        str(2**53 + 1),
        str(10**30),
    ):
        base, _, query = path.partition("?")
        asked = dict([query.split("=")] if query else [], **{name: value})
        refused(deployment, BASE + base, **asked)
    for value in ("x", "-1", "1.5", str(10**30), "\N{ARABIC-INDIC DIGIT THREE}"):
        answer = deployment.api.get(f"{BASE}/changes", headers=[(b"Last-Event-ID", value.encode())])
        assert answer.status_code == 422, answer.text
