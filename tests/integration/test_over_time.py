"""Questions about the past, asked of running services."""

import re
from typing import Any

import httpx
import orjson
import pytest

from services.local import race
from tests.running import Standings

BASE = f"/v1/contests/{race.CONTEST}"
DAY = "2025-07-29"


def get(
    deployment: Standings, path: str, headers: dict[str, str] | None = None, **asked: Any
) -> httpx.Response:
    answer = deployment.api.get(BASE + path, params=asked, headers=headers)
    assert answer.status_code in (200, 304), answer.text
    return answer


def scores(deployment: Standings, **asked: Any) -> dict[str, Any]:
    return deployment.scores(race.CONTEST, **asked)


def test_shares_are_of_all_points_and_of_those_available(deployment: Standings, simulated_race: int) -> None:
    answer = deployment.ask(f"{BASE}/standings")

    assert answer["points"] == sum(line["score"] for line in answer["standings"])
    assert answer["available"] == 2455
    for line in answer["standings"]:
        assert line["share"] == pytest.approx(line["score"] / answer["points"], abs=1e-6)
        assert line["share_of_available"] == pytest.approx(line["score"] / 2455, abs=1e-6)


def test_made_up_weights_answer_as_the_policy_of_the_same_weights(
    deployment: Standings, simulated_race: int
) -> None:
    weights = "governor:10,senator:5,representative:1"

    assert scores(deployment, weights=weights, valid_at=DAY) == scores(
        deployment, policy="fivethirtyeight-2016", valid_at=DAY
    )


def test_a_category_limits_what_counts_and_a_candidate_what_is_shown(
    deployment: Standings, simulated_race: int
) -> None:
    everything = deployment.ask(f"{BASE}/standings")["standings"]
    limited = deployment.ask(f"{BASE}/standings", category="mayor,senator", candidate="cora-nightingale-vex")

    cora = next(line for line in everything if line["candidate"] == "cora-nightingale-vex")
    counted = {name: one for name, one in cora["counts"].items() if name in ("mayor", "senator")}
    assert [line["counts"] for line in limited["standings"]] == [counted]


@pytest.mark.parametrize("path", ["standings", "timeline", "endorsements"])
def test_names_may_have_spaces_between_them(deployment: Standings, simulated_race: int, path: str) -> None:
    names = {"candidate": "cora-nightingale-vex,hugo-wetherby", "category": "mayor,senator"}
    asked = {"valid_at": DAY, "known_at": "2025-08-01"}

    close, apart = (
        deployment.ask(
            f"{BASE}/{path}", **asked, **{name: text.replace(",", comma) for name, text in names.items()}
        )
        for comma in (",", ", ")
    )

    assert apart == close


@pytest.mark.parametrize("axis", ["valid", "known", "both"])
@pytest.mark.parametrize("step", ["day", "week", "month", "change"])
def test_every_point_of_a_timeline_is_what_the_standings_say(
    deployment: Standings, simulated_race: int, axis: str, step: str
) -> None:
    asked = {"valid_at": DAY} if axis == "known" else {}
    points = deployment.ask(f"{BASE}/timeline", axis=axis, step=step, **asked)["points"]

    assert len(points) > 10 or step == "month"
    for point in points[:: max(1, len(points) // 12)]:
        at = point["at"]
        moment = {
            "valid": {"valid_at": at},
            "known": {"valid_at": DAY, "known_at": at},
            "both": {"valid_at": at, "known_at": at},
        }[axis]
        assert scores(deployment, **moment) == point["scores"], point


def test_a_difference_is_that_of_two_standings_and_its_events_add_up_to_it(
    deployment: Standings, simulated_race: int
) -> None:
    asked = {"from_valid_at": "2025-07-01", "from_known_at": "2025-07-10", "to_valid_at": "2025-09-01"}
    before = scores(deployment, valid_at="2025-07-01", known_at="2025-07-10")
    after = scores(deployment, valid_at="2025-09-01")

    answer = deployment.ask(f"{BASE}/diff", limit=1000, **asked)

    assert {one["candidate"]: one["change"] for one in answer["changes"]} == {
        name: after[name] - before[name] for name in after
    }
    summed = dict.fromkeys(after, 0)
    for event in answer["events"]:
        for name, effect in event["effect"].items():
            summed[name] += effect
    assert summed == {name: after[name] - before[name] for name in after}
    assert not answer["more_events"]


def test_revisions_lead_from_what_was_published_to_what_is_known_now(
    deployment: Standings, simulated_race: int
) -> None:
    published = deployment.ask(f"{BASE}/revisions", valid_at=DAY, limit=1)["published_version"]
    now = scores(deployment, valid_at=DAY, version=published)
    after: int | None = published
    while after is not None:
        page = deployment.ask(f"{BASE}/revisions", valid_at=DAY, after=after, limit=7)
        for one in page["revisions"]:
            now |= one["scores"]
            assert one["version"] > published
        after = page["next_after"]

    assert now == scores(deployment, valid_at=DAY)
    assert now != scores(deployment, valid_at=DAY, known_at=DAY)


def test_revision_risk_tells_what_was_published_and_what_it_became(
    deployment: Standings, simulated_race: int
) -> None:
    answer = deployment.ask(f"{BASE}/revision-risk", **{"from": "2025-07-20", "to": "2025-07-30"})

    assert answer["summary"]["days"] == len(answer["days"]) == 11
    for day in answer["days"][::3]:
        published, now = (
            scores(deployment, valid_at=day["day"], **known) for known in ({"known_at": day["day"]}, {})
        )
        assert {name: one["moved"] for name, one in day["moved"].items()} == {
            name: now[name] - published[name] for name in now if now[name] != published[name]
        }
        assert (day["settled_at"] is not None) == bool(day["moved"]) or day["settled_at"]


@pytest.mark.parametrize("path", ["timeline", "revision-risk"])
@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"from": "2025-07-30", "to": "2025-07-20"}, "from"),
        ({"from": "2999-01-01"}, "from"),
        ({"to": "1999-01-01"}, "to"),
    ],
)
def test_a_range_that_ends_before_it_begins_is_refused(
    deployment: Standings, simulated_race: int, path: str, asked: dict[str, str], field: str
) -> None:
    answer = deployment.api.get(f"{BASE}/{path}", params=asked)

    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_pages_are_of_one_moment_whatever_is_recorded_between(deployment: Standings) -> None:
    deployment.told(
        "/v1/contests",
        contest="paged",
        title="Paged",
        timezone="UTC",
        candidates=[{"candidate": "ann", "name": "Ann"}],
    )

    def announced(number: int) -> int:
        endorser = {"id": f"p{number}", "name": f"P {number}"}
        said = {"endorser": endorser, "candidate": "ann", "category": "mayor", "announced_at": "2026-01-01"}
        return int(deployment.told("/v1/contests/paged/endorsements", **said)["version"])

    first = [announced(number) for number in range(5)]
    path = "/v1/contests/paged/endorsements"
    page = deployment.ask(path, limit=2, min_version=first[-1])
    seen = [one["endorser"]["id"] for one in page["endorsements"]]
    more = 5
    while page["next"]:
        more += 1
        version = announced(more)
        page = deployment.ask(path, limit=2, cursor=page["next"], min_version=version)
        seen += [one["endorser"]["id"] for one in page["endorsements"]]

    assert seen == [f"p{number}" for number in range(5)]
    refused = deployment.api.get(path, params={"cursor": "nonsense"})
    assert refused.status_code == 422
    assert refused.json()["field"] == "cursor"


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"known_at": DAY},
        {"valid_at": DAY, "known_at": "2025-08-14T12:00:00+02:00"},
        {"valid_at": "-1d", "version": "300"},
    ],
)
def test_every_page_tells_the_times_of_the_first(
    deployment: Standings, simulated_race: int, asked: dict[str, str]
) -> None:
    page = deployment.ask(f"{BASE}/endorsements", limit=2, **asked)
    moment = page["valid_at"], page["known_at"], page["version"]

    for _ in range(3):
        page = deployment.ask(f"{BASE}/endorsements", limit=2, cursor=page["next"])
        assert (page["valid_at"], page["known_at"], page["version"]) == moment


def test_what_is_cited_stays_the_same_to_the_byte_and_tells_its_corrections(deployment: Standings) -> None:
    deployment.told(
        "/v1/contests",
        contest="cited",
        title="Cited",
        timezone="UTC",
        candidates=[{"candidate": "ann", "name": "Ann"}],
    )
    endorser = {"id": "jane", "name": "Jane"}
    said = {"endorser": endorser, "candidate": "ann", "category": "mayor", "announced_at": "2026-01-05"}
    announced = deployment.told("/v1/contests/cited/endorsements", **said)
    version = announced["version"]
    deployment.ask("/v1/contests/cited", min_version=version)
    path = f"/v1/contests/cited/standings/{version}/fivethirtyeight-2020@1/2026-01-31"
    before = deployment.api.get(path)

    corrected = deployment.told(
        f"/v1/contests/cited/endorsements/{announced['endorsement']}/correction", category="governor"
    )
    deployment.ask("/v1/contests/cited", min_version=corrected["version"])
    after = deployment.api.get(path)

    assert before.status_code == 200
    assert after.content == before.content
    assert "max-age=31536000, immutable" in after.headers["cache-control"]
    assert "standings-corrected-at" not in before.headers
    assert after.headers["standings-corrected-at"] == corrected["known_at"]
    told = deployment.ask(f"{path}/corrections")
    assert (told["corrected_by_version"], told["standings"][0]["score"]) == (corrected["version"], 8)
    assert before.json()["standings"][0]["score"] == 3
    other = deployment.api.get(path.replace("@1", "@2"))
    assert (other.status_code, other.json()["type"]) == (404, "/problems/other-policy-version")


def test_a_bound_and_a_withdrawal_that_were_learned_later_are_revisions_and_corrections(
    deployment: Standings,
) -> None:
    candidates = [{"candidate": name, "name": name, "entered_at": "2019-01-01"} for name in ("ann", "bob")]
    opening = {"contest": "bounds", "title": "Bounds", "timezone": "UTC", "opened_at": "2019-01-01"}
    deployment.told("/v1/contests", **opening, candidates=candidates)
    path = "/v1/contests/bounds"
    endorser = {"id": "jane", "name": "Jane"}
    said = {"endorser": endorser, "candidate": "ann", "category": "governor", "announced_at": "2019-04"}
    announced = deployment.told(f"{path}/endorsements", **said)
    version = announced["version"]

    def asked(then: int, now: int) -> tuple[bool, int | None]:
        standings = deployment.ask(f"{path}/standings", valid_at="2019-04-15", version=then, min_version=now)
        cited = f"{path}/standings/{then}/fivethirtyeight-2020@1/2019-04-15"
        correction = deployment.ask(f"{cited}/corrections")
        since = deployment.api.get(cited).headers.get("standings-corrected-at")
        assert since == correction["corrected_at"]
        return standings["revised"], correction["corrected_by_version"]

    assert asked(version, version) == (False, None)
    correction = f"{path}/endorsements/{announced['endorsement']}/correction"
    corrected = deployment.told(correction, announced_at="2019-04-01")["version"]
    assert asked(version, corrected) == (True, corrected)
    withdrew = deployment.told(f"{path}/candidates/ann/withdrawal", withdrew_at="2019-04-10")["version"]
    assert asked(corrected, withdrew) == (True, withdrew)
    told = deployment.ask(f"{path}/standings/{version}/fivethirtyeight-2020@1/2019-04-15/corrections")
    ann = next(line for line in told["standings"] if line["candidate"] == "ann")
    assert (ann["low"], ann["withdrew_at"]) == (8, "2019-04-10")
    later = deployment.told(f"{path}/candidates/bob/withdrawal", withdrew_at="2019-05-10")["version"]
    assert asked(withdrew, later) == (False, None)


@pytest.mark.parametrize(
    ("asked", "pinned"),
    [
        ({"valid_at": DAY, "known_at": DAY}, True),
        ({"valid_at": "2025-07", "version": 300}, True),
        ({"valid_at": "2025-07-29T12:00:00Z", "known_at": "2025-08-01T00:00:00Z"}, True),
        ({}, False),
        ({"valid_at": DAY}, False),
        ({"known_at": DAY}, False),
        ({"valid_at": DAY, "known_at": "now"}, False),
        ({"valid_at": "-1d", "known_at": DAY}, False),
        ({"valid_at": "2999-01-01", "known_at": DAY}, False),
    ],
)
def test_only_what_is_pinned_to_the_closed_past_is_immutable(
    deployment: Standings, simulated_race: int, asked: dict[str, Any], pinned: bool
) -> None:
    for _ in range(2):  # once afresh, once as it was kept
        assert ("immutable" in get(deployment, "/standings", **asked).headers["cache-control"]) == pinned


def test_an_answer_that_one_has_is_not_sent_again_until_it_changes(
    deployment: Standings, simulated_race: int
) -> None:
    questions: list[dict[str, Any]] = [{}, {"valid_at": DAY}, {"valid_at": DAY, "known_at": DAY}]
    for asked in questions:
        tag = get(deployment, "/standings", **asked).headers["etag"]
        again = get(deployment, "/standings", {"If-None-Match": f'"other", {tag}'}, **asked)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert get(deployment, "/standings", valid_at=DAY).headers["etag"] != tag


def test_memento_negotiates_the_known_time(deployment: Standings, simulated_race: int) -> None:
    def shown(date: str) -> httpx.Response:
        return get(deployment, "/standings", {"Accept-Datetime": date})

    between = shown("Tue, 29 Jul 2025 20:35:00 GMT")
    itself = deployment.api.get(between.headers["content-location"])
    assert between.json()["standings"] == itself.json()["standings"]
    assert itself.headers["memento-datetime"] == between.headers["memento-datetime"]
    assert between.headers["memento-datetime"] == "Tue, 29 Jul 2025 04:00:00 GMT"
    assert 'rel="first memento"' in between.headers["link"]
    assert "accept-datetime" in between.headers["vary"]
    assert shown("Sat, 01 Jan 2000 00:00:00 GMT").json()["version"] == 9
    assert shown("Fri, 01 Jan 2100 00:00:00 GMT").json()["version"] == simulated_race
    refused = deployment.api.get(f"{BASE}/standings", headers={"Accept-Datetime": "yesterday"})
    assert (refused.status_code, refused.json()["field"]) == (422, "Accept-Datetime")


@pytest.mark.parametrize(
    "asked",
    [
        {"policy": "headcount"},
        {"valid_at": "2025-08-14"},
        {"valid_at": "2025-08-14T12:00:00+02:00", "category": "mayor,senator"},
        {"valid_at": "-1d", "candidate": "cora-nightingale-vex"},
        {"valid_at": "now"},
        {"weights": "governor:10,labor-union/member:0.001", "format": "csv", "raw": "true"},
        {"format": "json", "min_version": "3"},
    ],
)
def test_the_own_address_of_a_memento_gives_the_same_answer(
    deployment: Standings, simulated_race: int, asked: dict[str, str]
) -> None:
    negotiated = get(deployment, "/standings", {"Accept-Datetime": "Tue, 29 Jul 2025 20:35:00 GMT"}, **asked)

    own = deployment.api.get(negotiated.headers["content-location"])

    assert (own.status_code, own.content) == (200, negotiated.content)
    assert own.headers["content-type"] == negotiated.headers["content-type"]
    last = re.findall(r'<([^>]*)>; rel="last memento"', negotiated.headers["link"])
    assert deployment.api.get(last[0]).status_code == 200


def test_the_time_map_lists_a_memento_for_every_day_on_which_something_was_learned(
    deployment: Standings, simulated_race: int
) -> None:
    listed = get(deployment, "/timemap")
    events = deployment.ask(f"{BASE}/events", limit=1000)["events"]

    assert listed.headers["content-type"].startswith("application/link-format")
    assert listed.text.count('rel="memento"') == len({event["known_at"][:10] for event in events})


def test_a_head_is_a_get_without_its_body(deployment: Standings, simulated_race: int) -> None:
    for path in ("/standings", "/timeline", "/nonsense"):
        whole, head = (deployment.api.request(method, BASE + path) for method in ("GET", "HEAD"))
        assert (head.status_code, head.content) == (whole.status_code, b"")
        assert head.headers.get("etag") == whole.headers.get("etag")


@pytest.mark.parametrize("path", ["/standings", "/timeline", "/endorsements", "/revision-risk"])
def test_rows_are_the_same_in_every_format(deployment: Standings, simulated_race: int, path: str) -> None:
    import io

    import pyarrow.parquet as pq

    ndjson = [orjson.loads(line) for line in get(deployment, path, format="ndjson").content.splitlines()]
    csv = get(deployment, path, {"Accept": "text/csv"})
    parquet = get(deployment, path, {"Accept": "application/vnd.apache.parquet"})

    assert csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert len(csv.text.splitlines()) == len(ndjson) + 1
    table = pq.read_table(io.BytesIO(parquet.content)).to_pylist()
    moving = {"valid_at", "known_at"}
    for row, told in zip(table, ndjson, strict=True):
        assert {k: v for k, v in row.items() if v is not None and k not in moving} == {
            k: v for k, v in told.items() if v is not None and k not in moving
        }


@pytest.mark.parametrize(
    "media_type", ["application/json", "text/csv", "application/x-ndjson", "application/vnd.apache.parquet"]
)
def test_every_route_answers_in_every_format(
    deployment: Standings, simulated_race: int, media_type: str
) -> None:
    one = deployment.ask(f"{BASE}/endorsements", limit=1)["endorsements"][0]["endorsement"]
    moment = f"{simulated_race}/fivethirtyeight-2020@1/{DAY}"
    of_contest = [
        "",
        "/candidates",
        "/standings",
        "/timeline",
        "/diff",
        f"/revisions?valid_at={DAY}",
        "/revision-risk",
    ]
    of_contest += ["/endorsements", f"/endorsements/{one}", "/events", f"/standings/{moment}"]
    of_contest += [f"/standings/{moment}/corrections"]
    for path in (
        "/v1/contests",
        "/v1/policies",
        "/v1/policies/headcount",
        *(BASE + path for path in of_contest),
    ):
        answer = deployment.api.get(path, headers={"Accept": media_type})
        assert answer.status_code == 200, (path, answer.text)
        assert answer.headers["content-type"].partition(";")[0] == media_type
    refused = deployment.api.get(f"{BASE}/standings", headers={"Accept": "image/png"})
    assert (refused.status_code, refused.json()["type"]) == (406, "/problems/not-acceptable")


def test_gzip_is_sent_exactly_where_it_is_accepted(deployment: Standings, simulated_race: int) -> None:
    accepted = {"gzip": True, "gzip;q=0.5": True, "notgzip": False, "gzip;q=0": False, "identity;q=0,*": True}
    plain = get(deployment, "/events", {"Accept-Encoding": ""}).content
    for encoding, packed in accepted.items():
        answer = get(deployment, "/events", {"Accept-Encoding": encoding})
        assert (answer.headers.get("content-encoding") == "gzip") == packed, encoding
        assert answer.content == plain
    refused = deployment.api.get(f"{BASE}/events", headers={"Accept-Encoding": "identity;q=0"})
    assert (refused.status_code, refused.json()["field"]) == (406, "accept-encoding")


def test_uncertain_dates_leave_bounds(deployment: Standings) -> None:
    deployment.told(
        "/v1/contests",
        contest="vague",
        title="Vague",
        timezone="UTC",
        candidates=[{"candidate": "ann", "name": "Ann"}],
    )
    endorser = {"id": "jane", "name": "Jane"}
    said = {"endorser": endorser, "candidate": "ann", "category": "governor", "announced_at": "2025-12-17~"}
    version = deployment.told("/v1/contests/vague/endorsements", **said)["version"]

    def line(day: str) -> tuple[int, int, int]:
        found = deployment.ask("/v1/contests/vague/standings", valid_at=day, min_version=version)[
            "standings"
        ][0]
        return found["low"], found["score"], found["high"]

    assert line("2025-12-10") == (0, 0, 8)
    assert line("2025-12-16") == (0, 0, 8)
    assert line("2025-12-17") == (0, 8, 8)
    assert line("2025-12-23") == (0, 8, 8)
    assert line("2025-12-24") == (8, 8, 8)


@pytest.mark.parametrize(
    ("asked", "status", "problem"),
    [
        ({"valid_at": "1999-01-01"}, 404, "before-the-contest"),
        ({"known_at": "1999-01-01"}, 404, "before-the-contest"),
        ({"known_at": "2999-01-01"}, 422, "not-knowable-yet"),
        ({"valid_at": "2025-02-30"}, 422, "unreadable-time"),
        ({"valid_at": "-30x"}, 422, "unreadable-time"),
        ({"weights": "governor"}, 422, "invalid"),
        ({"weights": "governor:1", "policy": "headcount"}, 422, "invalid"),
        ({"category": "astronaut"}, 404, "unknown-category"),
        ({"candidate": "nobody"}, 404, "unknown-candidate"),
        ({"policy": "nothing"}, 404, "unknown-policy"),
        ({"version": "999999"}, 404, "unknown-version"),
        ({"version": "3", "known_at": DAY}, 422, "invalid"),
        ({"wersion": "3"}, 422, "invalid"),
        ({"format": "xml"}, 422, "invalid"),
    ],
)
def test_what_cannot_be_answered_is_a_problem_that_says_why(
    deployment: Standings, simulated_race: int, asked: dict[str, str], status: int, problem: str
) -> None:
    answer = deployment.api.get(f"{BASE}/standings", params=asked)

    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{problem}")
    assert {"field", "value", "way_out"} <= answer.json().keys()


def test_a_problem_with_two_meanings_is_explained_with_both(deployment: Standings) -> None:
    told = deployment.ask("/problems/reset")

    assert told["title"] == "History reset"
    assert "The log has another history by now" in told["meaning"]
    assert "The changes stream was lost or replaced" in told["meaning"]
    assert deployment.ask("/problems/gone")["meaning"].count("\n") == 0
