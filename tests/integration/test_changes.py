"""Subscriptions: every version exactly once, from any point on, and a reason when one ends."""

import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest
from redis import Redis

from services.local import race
from tests.running import NDJSON, Standings, service, standings
from tests.servers import eventually
from tests.unit.test_asyncapi import DOCUMENT, validator

CHANGES = "standings:{p00}:changes"
EVENT_STREAM = {"Accept": "text/event-stream"}


class Told:
    """One server-sent event."""

    def __init__(self, lines: list[str]) -> None:
        fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
        self.id, self.event, self.raw = fields.get("id", ""), fields.get("event", ""), fields.get("data", "")

    @property
    def number(self) -> str:
        """The version in its id, which says the history too."""
        return self.id.partition("-")[0]

    @property
    def data(self) -> Any:
        return orjson.loads(self.raw)


def told(answer: httpx.Response) -> Iterator[Told]:
    """The events of a stream."""
    lines: list[str] = []
    for line in answer.iter_lines():
        if line:
            lines.append(line)
        elif lines:
            yield Told(lines)
            lines = []


@contextmanager
def listening(url: str, path: str, **headers: str) -> Iterator[Iterator[Told]]:
    """The changes of a stream that is open; what it says first is read already."""
    with (
        httpx.Client(base_url=url, timeout=20) as client,
        client.stream("GET", path, headers={**EVENT_STREAM, **headers}) as answer,
    ):
        assert answer.status_code == 200, answer.read()
        events = told(answer)
        assert next(events).event == ""
        yield (one for one in events if one.event or one.id)


def announced(deployment: Standings, contest: str, n: int, **more: Any) -> int:
    fact = {"candidate": "ann", "category": "mayor", "announced_at": "2025-03-01", **more}
    answer = deployment.told(
        f"/v1/contests/{contest}/endorsements", endorser={"id": f"p{n}", "name": f"P{n}"}, **fact
    )
    version: int = answer["version"]
    return version


def followed(deployment: Standings) -> str:
    return str(deployment.api.base_url)


def test_what_is_made_again_from_the_ledger_is_what_was_published(
    deployment: Standings, simulated_race: int
) -> None:
    with Redis.from_url(deployment.redis_url) as client:
        entries: Any = client.xrange(CHANGES)
    published = [f[b"event"] for _, f in entries if f[b"contest"].decode() == race.CONTEST]
    assert len(published) == simulated_race

    path = f"/v1/contests/{race.CONTEST}/changes"
    made = b""
    after = "0"
    while int(after.partition("-")[0]) < simulated_race:
        answer = deployment.api.get(path, params={"after": after, "limit": 97})
        after = answer.json()["next"]
        begin = answer.content.index(b'"changes":[') + len(b'"changes":[')
        made += answer.content[begin : answer.content.rindex(b"]")] + b","

    assert made == b",".join(published) + b","
    assert {orjson.loads(one)["type"] for one in published} == {
        "standings.contest.changed",
        "standings.scores.changed",
    }


def test_the_scores_that_changes_tell_are_the_standings(deployment: Standings, simulated_race: int) -> None:
    path = f"/v1/contests/{race.CONTEST}"
    scores: dict[str, int] = {}
    ranks: dict[str, int] = {}
    answer = deployment.ask(f"{path}/changes", from_version=1, limit=1000)
    for change in answer["changes"]:
        for move in change["data"]["scores"]:
            if move["policy"] == "headcount":
                assert scores.get(move["candidate"], 0) == move["before"]["score"]
                scores[move["candidate"]] = move["after"]["score"]
                ranks[move["candidate"]] = move["after"]["rank"]

    last = answer["changes"][-1]["data"]["version"]
    lines = deployment.ask(f"{path}/standings", version=last, policy="headcount")["standings"]
    assert scores == {line["candidate"]: line["score"] for line in lines if line["candidate"] in scores}
    assert ranks == {line["candidate"]: line["rank"] for line in lines if line["candidate"] in ranks}
    assert last == min(1000, simulated_race)


def test_a_stream_begins_anywhere_goes_on_live_and_resumes(deployment: Standings, contest: str) -> None:
    for n in range(3):
        announced(deployment, contest, n)
    path = f"/v1/contests/{contest}/changes"

    with listening(followed(deployment), f"{path}?from_version=2") as changes:
        versions = [next(changes).data["data"]["version"] for _ in range(5)]
        announced(deployment, contest, 3)
        live = next(changes)
    assert versions == [2, 3, 4, 5, 6]
    assert (live.number, live.data["id"]) == ("7", f"{contest}/7")
    for n in range(4, 8):
        announced(deployment, contest, n)

    with listening(followed(deployment), path, **{"Last-Event-ID": live.id}) as changes:
        assert [next(changes).number for _ in range(4)] == ["8", "9", "10", "11"]
    with listening(followed(deployment), path) as changes:
        announced(deployment, contest, 8)
        assert next(changes).number == "12"


def test_a_late_fact_says_since_when_the_past_reads_otherwise(deployment: Standings, contest: str) -> None:
    version = announced(deployment, contest, 1, announced_at="2025-07-01", category="governor")

    answer = deployment.ask(f"/v1/contests/{contest}/changes", from_version=version, wait_ms=5000)
    change = answer["changes"][0]["data"]

    assert change["rewrites_since"] == "2025-07-01T04:00:00.000000Z"
    assert change["cause"]["endorser"] == {"id": "p1", "name": "P1"}
    moved = {one["policy"]: one["after"]["score"] - one["before"]["score"] for one in change["scores"][::2]}
    assert moved["fivethirtyeight-2016"] == 10


@pytest.mark.parametrize(
    ("wanted", "versions"),
    [
        ({"candidate": "bob"}, [4, 5, 6]),  # 4 and 6: ranks alone
        ({"candidate": "bob", "min_delta": "1"}, [5]),
        ({"candidate": "bob", "policy": "fivethirtyeight-2016"}, [5]),
        ({"policy": "union-members"}, []),
        ({"min_delta": "3"}, [4, 5, 6]),
        ({"min_delta": "8.5"}, [5]),
        ({"candidate": "ann,bob", "min_delta": "10"}, [5]),
        ({"candidate": "nobody"}, []),
        ({}, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_filters_leave_out_what_is_not_wanted(
    deployment: Standings, contest: str, wanted: dict[str, str], versions: list[int]
) -> None:
    announced(deployment, contest, 1, category="mayor")
    announced(deployment, contest, 2, category="governor", candidate="bob")
    last = announced(deployment, contest, 3, category="mayor")
    deployment.ask(f"/v1/contests/{contest}", min_version=last, wait_ms=5000)

    answer = deployment.ask(f"/v1/contests/{contest}/changes", from_version=1, **wanted)

    assert [one["data"]["version"] for one in answer["changes"]] == versions
    assert answer["next"].partition("-")[0] == "6"
    query = "&".join(f"{name}={value}" for name, value in wanted.items())
    path = f"/v1/contests/{contest}/changes?from_version=1&{query}"
    with listening(followed(deployment), path) as changes:
        if versions:
            assert [int(next(changes).number) for _ in versions] == versions
        if versions[-1:] != [6]:
            position = next(changes)  # so that a reader comes back behind what it did not want
            assert (position.number, position.event) == ("6", "")


def test_all_contests_in_one_stream_and_from_an_earlier_place(deployment: Standings, contest: str) -> None:
    deployment.ask(f"/v1/contests/{contest}", min_version=3, wait_ms=5000)
    place = deployment.ask("/v1/changes")["next"]
    with listening(followed(deployment), f"/v1/changes?contest={contest}") as changes:
        announced(deployment, contest, 1)
        announced(deployment, contest, 2)
        first, second = next(changes), next(changes)
    assert [first.data["data"]["version"], second.data["data"]["version"]] == [4, 5]

    with listening(followed(deployment), "/v1/changes", **{"Last-Event-ID": first.id}) as changes:
        assert next(changes).raw == second.raw
    answer = deployment.ask("/v1/changes", after=place, limit=1)
    assert [one["id"] for one in answer["changes"]] == [f"{contest}/4"]
    assert answer["next"] == first.id
    assert deployment.ask("/v1/changes", after=first.id)["changes"][0]["id"] == f"{contest}/5"


def test_json_waits_for_a_change_that_fits(deployment: Standings, contest: str) -> None:
    path = f"/v1/contests/{contest}/changes"
    answers: list[Any] = []
    waiting = threading.Thread(
        target=lambda: answers.append(
            deployment.ask(path, after=4, wait_ms=20_000, candidate="bob", min_delta=1)
        )
    )
    waiting.start()
    time.sleep(0.2)  # not waited for: whether it waits is what is tested
    announced(deployment, contest, 1)
    announced(deployment, contest, 2, candidate="bob")
    waiting.join(20)

    assert [one["data"]["version"] for one in answers[0]["changes"]] == [5]
    assert deployment.ask(path, after=5)["changes"] == []


@pytest.mark.parametrize(
    ("path", "headers", "field"),
    [
        ("/v1/contests/{contest}/changes", {"Last-Event-ID": "two"}, "Last-Event-ID"),
        ("/v1/contests/{contest}/changes?from_version=0", {}, "from_version"),
        ("/v1/contests/{contest}/changes?min_delta=-1", {}, "min_delta"),
        ("/v1/contests/{contest}/changes?nonsense=1", {}, "nonsense"),
        ("/v1/changes", {"Last-Event-ID": "two"}, "Last-Event-ID"),
        ("/v1/changes?after=1-1,2-2", {}, "after"),
        ("/v1/changes?after=9-9-9-x", {}, "after"),
    ],
)
def test_what_cannot_be_asked_is_a_problem(
    deployment: Standings, contest: str, path: str, headers: dict[str, str], field: str
) -> None:
    for accept in ({}, EVENT_STREAM):
        answer = deployment.api.get(path.format(contest=contest), headers={**accept, **headers})
        assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_an_unknown_contest_has_no_changes(deployment: Standings) -> None:
    assert deployment.api.get("/v1/contests/no-such/changes", headers=EVENT_STREAM).status_code == 404


def opened(deployment: Standings) -> None:
    candidates = [{"candidate": "ann", "name": "Ann"}]
    deployment.told("/v1/contests", contest="race", title="A", timezone="UTC", candidates=candidates)


def batch(deployment: Standings, first: int, last: int) -> int:
    lines = [
        orjson.dumps(
            {
                "command": "announce",
                "id": f"id-{n}",
                "endorser": {"id": f"q{n}", "name": "Q"},
                "candidate": "ann",
                "category": "mayor",
                "announced_at": "2025-03-01",
                "source": {"title": "t"},
                "recorded_by": "test",
            }
        )
        for n in range(first, last)
    ]
    answer = deployment.ingest.post("/v1/contests/race/batch", content=b"\n".join(lines), headers=NDJSON)
    version: int = orjson.loads(answer.content.splitlines()[-1])["summary"]["version"]
    return version


def test_only_what_is_kept_no_more_is_gone_and_a_contest_never_is(redis_url: str) -> None:
    with standings(redis_url) as deployment, Redis.from_url(redis_url) as client:
        opened(deployment)
        deployment.ask("/v1/contests/race", min_version=2, wait_ms=5000)
        place = deployment.ask("/v1/changes", after="0-0")["next"]
        version = batch(deployment, 0, 50)
        deployment.ask("/v1/contests/race", min_version=version, wait_ms=10_000)
        assert len(deployment.ask("/v1/changes", after=place)["changes"]) == 50
        client.xtrim(CHANGES, maxlen=10, approximate=False)

        gone = deployment.api.get("/v1/changes", params={"after": place}, headers=EVENT_STREAM)

        assert (gone.status_code, gone.json()["type"]) == (410, "/problems/gone")
        assert "from_version" in gone.json()["way_out"]
        with listening(followed(deployment), "/v1/contests/race/changes?from_version=1") as changes:
            assert [int(next(changes).number) for _ in range(version)] == list(range(1, version + 1))


def test_a_subscription_ends_when_its_time_is_up_or_the_server_ends(redis_url: str) -> None:
    with standings(redis_url) as deployment:
        opened(deployment)
        with (
            service("api", redis_url, subscription_seconds="1") as short,
            listening(short.url, "/v1/contests/race/changes") as changes,
        ):
            end = next(changes)
            assert (end.event, end.data["reason"]) == ("end", "lifetime")
        with (
            service("api", redis_url) as ending,
            listening(ending.url, "/v1/contests/race/changes") as changes,
            listening(ending.url, "/v1/changes") as all_changes,
        ):
            ending.process.terminate()
            for listened in (changes, all_changes):
                end = next(listened)
                assert (end.event, end.data["reason"]) == ("end", "closing")
            assert ending.process.wait(20) == 0


def test_who_reads_too_slowly_is_told_so_and_misses_nothing_by_coming_back(redis_url: str) -> None:
    with standings(redis_url) as deployment, Redis.from_url(redis_url) as client:
        opened(deployment)
        address = urlsplit(followed(deployment))
        with socket.create_connection((address.hostname, address.port or 80)) as slow:
            slow.settimeout(20)
            slow.sendall(b"GET /v1/changes HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\n\r\n")
            read = b""
            while b"changes follow" not in read:
                read += slow.recv(4096)
            # Twice as much as the two sockets' buffers take.
            for first in (0, 9000):
                version = batch(deployment, first, first + 9000)
                deployment.ask("/v1/contests/race", min_version=version, wait_ms=10_000)
            last = client.xrevrange(CHANGES, count=1)[0][0].decode()
            eventually(lambda: deployment.ask("/v1/changes")["next"] == last)
            while b"event: end" not in read[-1000:]:
                more = slow.recv(1 << 20)
                assert more, "closed without a reason"
                assert b": alive" not in more, "had all of it"
                read += more

        assert b'"reason":"too-slow"' in read
        versions = [int(one) for one in re.findall(rb'"id":"race/(\d+)"', read)]
        assert versions == list(range(versions[0], versions[-1] + 1))
        cursor = re.findall(rb"\nid: (\S+)\n", read)[-1].decode()
        following = deployment.ask("/v1/changes", after=cursor, limit=1)["changes"][0]
        assert following["data"]["version"] == versions[-1] + 1


def test_a_change_that_is_lost_on_its_way_comes_from_the_ledger(redis_url: str) -> None:
    with (
        standings(redis_url) as deployment,
        service("api", redis_url) as api,
        Redis.from_url(redis_url) as client,
    ):
        opened(deployment)
        with listening(api.url, "/v1/contests/race/changes") as changes:
            first = announced(deployment, "race", 1)
            assert next(changes).number == str(first)
            api.process.send_signal(signal.SIGSTOP)
            version = announced(deployment, "race", 2)
            deployment.ask("/v1/contests/race", min_version=version, wait_ms=10_000)
            lost = client.xrevrange(CHANGES, count=1)[0]
            assert int(lost[1][b"version"]) == version
            client.xdel(CHANGES, lost[0])
            api.process.send_signal(signal.SIGCONT)

            assert next(changes).number == str(version)
            assert announced(deployment, "race", 3) == version + 1
            assert next(changes).number == str(version + 1)


def test_subscribers_that_leave_are_forgotten(redis_url: str) -> None:
    with standings(redis_url) as deployment:
        opened(deployment)
        for _ in range(20):
            with listening(followed(deployment), "/v1/contests/race/changes?from_version=1") as changes:
                assert next(changes).number == "1"
        eventually(lambda: deployment.api.get("/readyz").status_code == 200)
        version = batch(deployment, 0, 10)
        assert deployment.ask("/v1/contests/race", min_version=version, wait_ms=5000)["version"] == version


def test_hundreds_of_subscribers_leave_room_for_questions(deployment: Standings, contest: str) -> None:
    address = urlsplit(followed(deployment))
    asked = f"GET /v1/contests/{contest}/changes HTTP/1.1\r\nHost: t\r\nAccept: text/event-stream\r\n\r\n".encode()
    with ExitStack() as stack:
        subscribers = [
            stack.enter_context(socket.create_connection((address.hostname, address.port or 80), 20))
            for _ in range(400)
        ]
        for one in subscribers:
            one.sendall(asked)
        for one in subscribers:
            assert b"changes follow" in read_until(one, b"changes follow")

        assert announced(deployment, contest, 1) == 4

        for one in subscribers:
            assert b"id: 4-" in read_until(one, b"\n\n")


def read_until(connection: socket.socket, end: bytes) -> bytes:
    read = b""
    while end not in read:
        more = connection.recv(1 << 16)
        assert more, "closed"
        read += more
    return read


def test_every_change_is_as_the_asyncapi_document_says(deployment: Standings, simulated_race: int) -> None:
    page = deployment.api.get("/asyncapi")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert deployment.api.get("/asyncapi.json").json() == DOCUMENT
    schemas = DOCUMENT["components"]["schemas"]

    with Redis.from_url(deployment.redis_url) as client:
        entries: Any = client.xrange(CHANGES)

    assert len(entries) >= simulated_race
    for _, fields in entries:
        entry, event = ("Entry", "Change") if b"version" in fields else ("ResetEntry", "ResetEvent")
        assert {name.decode() for name in fields} == schemas[entry]["properties"].keys()
        assert list(validator(event).iter_errors(orjson.loads(fields[b"event"]))) == []


def test_what_is_no_change_in_the_stream_keeps_no_change_from_anybody(redis_url: str) -> None:
    with standings(redis_url) as deployment, Redis.from_url(redis_url) as client:
        opened(deployment)
        deployment.ask("/v1/contests/race", min_version=2, wait_ms=10_000)
        place = deployment.ask("/v1/changes", after="0-0")["next"]
        with listening(followed(deployment), "/v1/changes") as changes:
            client.xadd(CHANGES, {"by": "somebody else"})
            client.xadd(CHANGES, {"contest": b"\xff", "version": "x", "event": "{"})
            version = batch(deployment, 0, 3)
            assert [next(changes).data["data"]["version"] for _ in range(3)] == [
                version - 2,
                version - 1,
                version,
            ]
        after = deployment.ask("/v1/changes", after=place)["changes"]
        assert [one["data"]["version"] for one in after] == [version - 2, version - 1, version]
