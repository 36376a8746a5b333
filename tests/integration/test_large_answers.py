"""The largest questions that are allowed are answered whole and in little memory; one more is refused."""

import csv
import io
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import orjson
import pyarrow.parquet as pq
import pytest

from services.api.answers.turns import MOST_ON_THEIR_WAY
from services.api.engine.series import MOST_POINTS, MOST_SCORES
from tests.running import Standings, service
from tests.servers import eventually

CONTEST, BASE = "wide", "/v1/contests/wide"
CANDIDATES = 500
DAYS = MOST_SCORES // CANDIDATES
WHOLE = {"from": "2020-01-01", "to": "2020-07-18"}
GZIP = {"Accept-Encoding": "gzip;q=0.5"}
_MB = 1 << 20


class Asked(NamedTuple):
    """An API of its own, which nobody else asks."""

    client: httpx.Client
    status: Path

    def resident(self, what: str) -> int:
        """Bytes of memory that it has (`VmRSS`), or had at most (`VmHWM`)."""
        line = next(one for one in self.status.read_text().splitlines() if one.startswith(what))
        return int(line.split()[1]) << 10

    def get(self, path: str, **headers: str) -> httpx.Response:
        answer = self.client.get(path, headers={"Accept-Encoding": "", **headers})
        assert answer.status_code == 200, answer.text[:500]
        return answer


@pytest.fixture(scope="module")
def api(deployment: Standings) -> Iterator[Asked]:
    """Asked once, so that what it needs anyway is there. The contest has 500 candidates and three endorsements."""
    candidates = [
        {"candidate": f"candidate-{n}", "name": f"C {n}", "entered_at": "2020-01-01"}
        for n in range(CANDIDATES)
    ]
    opening: dict[str, Any] = {"title": "Wide", "timezone": "UTC", "opened_at": "2020-01-01"}
    opening |= {"clock": "imported", "known_at": "2020-01-01"}
    deployment.told("/v1/contests", contest=CONTEST, candidates=candidates, **opening)
    for n in range(3):
        said = {"endorser": {"id": f"e{n}", "name": f"E {n}"}, "category": "mayor", "source": {"title": "t"}}
        said |= {
            "candidate": f"candidate-{n}",
            "announced_at": f"2020-0{n + 2}-01",
            "known_at": f"2020-0{n + 3}-01",
        }
        version = deployment.told(f"{BASE}/endorsements", **said)["version"]
    with (
        service("api", deployment.redis_url) as running,
        httpx.Client(base_url=running.url, timeout=60) as client,
    ):
        asked = Asked(client, Path(f"/proc/{running.process.pid}/status"))
        for form in ("json", "csv", "parquet"):
            asked.get(f"{BASE}/timeline?to=2020-01-03&format={form}&min_version={version}&wait_ms=10000")
        yield asked


def timeline(form: str, **asked: str) -> str:
    return f"{BASE}/timeline?{httpx.QueryParams({'format': form, **WHOLE, **asked})}"


def rows_of(form: str, body: bytes) -> list[tuple[str, str, int]]:
    """Day, candidate and score of each row."""
    if form == "json":
        points = orjson.loads(body)["points"]
        return [(point["day"], name, score) for point in points for name, score in point["scores"].items()]
    if form == "csv":
        found: Any = csv.DictReader(io.StringIO(body.decode(), newline=""))
    elif form == "ndjson":
        found = map(orjson.loads, body.splitlines())
    else:
        found = pq.read_table(io.BytesIO(body), columns=["day", "candidate", "score"]).to_pylist()
    return [(row["day"], row["candidate"], int(row["score"])) for row in found]


@pytest.mark.parametrize("form", ["csv", "json", "ndjson", "parquet"])
def test_the_largest_timeline_is_answered_whole_in_little_memory(api: Asked, form: str) -> None:
    before = api.resident("VmRSS")
    answer = api.get(timeline(form))
    grown = api.resident("VmHWM") - before
    rows = rows_of(form, answer.content)

    assert len(rows) == DAYS * CANDIDATES == MOST_SCORES
    scores = {(day, name): score for day, name, score in rows}
    assert [scores["2020-02-01", f"candidate-{n}"] for n in range(3)] == [3, 0, 0]
    assert [scores["2020-07-18", f"candidate-{n}"] for n in range(4)] == [3, 3, 3, 0]
    assert grown < 150 * _MB


@pytest.mark.parametrize(("path", "field"), [("timeline", "step"), ("revision-risk", "from")])
def test_one_point_more_is_refused_with_the_way_out(api: Asked, path: str, field: str) -> None:
    beyond = WHOLE | {"to": "2020-07-19"}
    few = beyond | {"candidate": ",".join(f"candidate-{n}" for n in range(100))}
    refused = api.client.get(f"{BASE}/{path}", params=beyond)

    assert (refused.status_code, refused.json()["field"]) == (422, field)
    assert all(word in refused.json()["way_out"] for word in ("from", "to", "candidate"))
    for asked in (WHOLE, few):
        assert api.client.get(f"{BASE}/{path}", params=asked).status_code == 200


def test_so_many_points_are_answered_of_few_candidates_and_no_more(api: Asked) -> None:
    few = ",".join(f"candidate-{n}" for n in range(MOST_SCORES // MOST_POINTS))
    most = {"from": "2020-01-01", "to": "2033-09-08", "candidate": few}
    before = api.resident("VmRSS")

    assert len(api.get(f"{BASE}/timeline?{httpx.QueryParams(most)}").json()["points"]) == MOST_POINTS
    assert api.resident("VmHWM") - before < 150 * _MB
    for more in ({"to": "2033-09-09"}, {"candidate": f"{few},candidate-20"}, {"to": "9998-01-01"}):
        assert api.client.get(f"{BASE}/timeline", params=most | more).status_code == 422


def test_a_large_answer_is_the_same_packed_and_has_a_tag(api: Asked) -> None:
    plain = api.get(timeline("ndjson", valid_at="2020-07-18", version="504"))
    packed = api.get(str(plain.request.url), **GZIP)
    tag = plain.headers["etag"]

    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert packed.headers["etag"] == tag
    again = api.client.get(plain.request.url, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    head = api.client.head(plain.request.url)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)
    assert api.get(timeline("csv")).headers["etag"] != tag


def test_readers_who_take_nothing_hold_up_other_large_answers_only_and_until_they_leave(api: Asked) -> None:
    host, port = api.client.base_url.host, int(api.client.base_url.port or 80)
    request = f"GET {timeline('ndjson')} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    before = api.resident("VmRSS")
    with ExitStack() as stack:
        for _ in range(MOST_ON_THEIR_WAY):
            reader = stack.enter_context(socket.create_connection((host, port), timeout=60))
            reader.sendall(request)
            assert reader.recv(16).startswith(b"HTTP/1.1 200")
        refused = api.client.get(timeline("ndjson"))

        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/crowded")
        assert int(refused.headers["retry-after"]) > 0
        assert api.client.get("/problems/crowded").status_code == 200
        assert api.get(f"{BASE}/timeline?to=2020-01-03").json()["points"]
        assert api.get(f"{BASE}/standings").json()["standings"]
        assert api.resident("VmRSS") - before < 400 * _MB
    eventually(lambda: api.client.get(timeline("ndjson")).status_code == 200)


def test_many_long_events_are_answered_whole_and_in_order(api: Asked, deployment: Standings) -> None:
    candidates = [{"candidate": "ann", "name": "Ann"}]
    deployment.told("/v1/contests", contest="wordy", title="Wordy", timezone="UTC", candidates=candidates)
    long = dict.fromkeys(("title", "quote", "published", "url"), "☃" * 2000)
    lines = [
        {"command": "announce", "recorded_by": "test", "source": long, "note": "é" * 2000, "candidate": "ann"}
        | {"endorser": {"id": f"e{n}", "name": f"E {n}", "position": "x" * 2000}, "category": "mayor"}
        for n in range(200)
    ]
    body = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
    headers = {"content-type": "application/x-ndjson"}
    taken = deployment.ingest.post("/v1/contests/wordy/batch", content=body, headers=headers)
    version = orjson.loads(taken.content.splitlines()[-1])["summary"]["version"]
    before = api.resident("VmRSS")
    asked = f"min_version={version}&wait_ms=10000&limit=1000"

    events = api.get(f"/v1/contests/wordy/events?{asked}")
    rows = api.get(f"/v1/contests/wordy/events?{asked}", Accept="text/csv")
    endorsements = api.get(f"/v1/contests/wordy/endorsements?{asked}").json()["endorsements"]
    revisions = api.get(f"/v1/contests/wordy/revisions?valid_at=2030-01-01&{asked}").json()["revisions"]
    differing = api.get(f"/v1/contests/wordy/diff?from_version=2&{asked}").json()["events"]

    assert [one["version"] for one in events.json()["events"]] == list(range(1, version + 1))
    assert len(list(csv.reader(io.StringIO(rows.text, newline="")))) == version + 1
    for listed, place in ((endorsements, "endorser"), (revisions, "event"), (differing, "event")):
        assert len(listed) == 200
        assert len(listed[-1][place]) > 2
    assert [one["scores"]["ann"] for one in revisions] == [3 * n for n in range(1, 201)]
    assert len(events.content) > 4 * _MB
    assert api.resident("VmHWM") - before < 150 * _MB
