"""What the log no longer has is not answered any more, and everybody who was told of it is told so."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from httpx_sse import EventSource, ServerSentEvent
from redis import Redis

from services.cli.client import ServiceClient
from services.cli.doctor import examine
from services.local.embedded import embedded_valkey
from shared.storage.redis_keys import keys_of
from standings.client import Change, Client, LocalCopy, Reset
from tests.receivers import Got, echo, receiver
from tests.running import Standings, service, standings
from tests.servers import eventually

LEDGER = "standings:{p00}:c:race:g1:ledger"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standings]:
    """Every service, over a server that is emptied again and again."""
    with embedded_valkey(tmp_path_factory.mktemp("reset")) as url, standings(url) as deployment:
        yield deployment


@pytest.fixture
def running(alone: Standings) -> Standings:
    """The same, with nothing in it."""
    forget_everything(alone)
    eventually(lambda: alone.api.get("/v1/contests/race").status_code == 404)
    return alone


def open_race(deployment: Standings, *endorsers: str, candidate: str = "ann") -> int:
    """A race of two and who endorsed one of them; its version."""
    candidates = [{"candidate": one, "name": one} for one in ("ann", "bob")]
    told = deployment.told(
        "/v1/contests", contest="race", title="A race", timezone="UTC", candidates=candidates
    )
    version: int = told["version"]
    for one in endorsers:
        version = endorsed(deployment, one, candidate)
    deployment.ask("/v1/contests/race", min_version=version, wait_ms=10_000)
    return version


def endorsed(deployment: Standings, endorser: str, candidate: str = "ann") -> int:
    version: int = deployment.told(
        "/v1/contests/race/endorsements",
        endorser={"id": endorser, "name": endorser},
        candidate=candidate,
        category="mayor",
        announced_at="2025-06-01",
    )["version"]
    return version


def headcount(deployment: Standings, **asked: Any) -> dict[str, Any]:
    return deployment.scores("race", policy="headcount", **asked)


def forget_everything(deployment: Standings) -> None:
    with Redis.from_url(deployment.redis_url) as client:
        client.flushall()


@pytest.mark.parametrize("endorsers", [["q1"], ["q1", "q2", "q3"], ["q1", "q2", "q3", "q4"]])
def test_a_contest_that_is_opened_anew_is_answered_from_its_new_log_only(
    running: Standings, endorsers: list[str]
) -> None:
    version = open_race(running, "p1", "p2", "p3")
    assert headcount(running) == {"ann": 3, "bob": 0}
    old = running.ask("/v1/contests/race")
    pinned: dict[str, str | int] = {"version": version, "valid_at": "2025-07-01"}
    first = running.api.get("/v1/contests/race/standings", params=pinned)

    forget_everything(running)
    open_race(running, *endorsers, candidate="bob")

    def renewed() -> bool:
        return headcount(running) == {"ann": 0, "bob": len(endorsers)}

    eventually(renewed)
    assert running.ask("/v1/contests/race")["history"] != old["history"]
    assert [one["version"] for one in running.ask("/v1/contests/race/events")["events"]] == list(
        range(1, 4 + len(endorsers))
    )
    listed = running.ask("/v1/contests/race/endorsements")["endorsements"]
    assert {one["endorser"]["id"] for one in listed} == set(endorsers)
    points = running.ask("/v1/contests/race/timeline", policy="headcount")["points"]
    assert points[-1]["scores"] == {"ann": 0, "bob": len(endorsers)}
    again = running.api.get(
        "/v1/contests/race/standings", params=pinned, headers={"If-None-Match": first.headers["etag"]}
    )
    assert again.status_code == (404 if len(endorsers) < 3 else 200), again.text


def test_a_contest_that_is_gone_is_not_found(running: Standings) -> None:
    open_race(running, "p1")

    forget_everything(running)

    eventually(lambda: running.api.get("/v1/contests/race/standings").status_code == 404)
    for path in ("", "/endorsements", "/events", "/changes?after=0", "/timeline"):
        assert running.api.get(f"/v1/contests/race{path}").status_code == 404
    assert running.ask("/v1/contests")["contests"] == []


def test_what_is_cited_with_its_history_is_never_answered_from_another_one(running: Standings) -> None:
    version = open_race(running, "p1")
    cited = f"/v1/contests/race/standings/{version}/headcount@1/2025-07-01"
    bare = running.api.get(cited)
    canonical = bare.links["canonical"]["url"]
    assert running.api.get(canonical).content == bare.content
    page = running.ask("/v1/contests/race/endorsements", limit=1)
    endorsed(running, "p2")
    assert running.api.get(canonical).content == bare.content
    page = running.ask("/v1/contests/race/endorsements", limit=1, min_version=version + 1, wait_ms=10_000)

    forget_everything(running)
    open_race(running, "q1", "q2", candidate="bob")
    eventually(lambda: headcount(running) == {"ann": 0, "bob": 2})

    told = running.api.get(canonical)
    assert told.status_code == 410
    assert (told.json()["type"], told.json()["contest"]) == ("/problems/reset", "race")
    assert running.api.get(f"{canonical}/corrections").status_code == 410
    following = running.api.get("/v1/contests/race/endorsements", params={"limit": 1, "cursor": page["next"]})
    assert (following.status_code, following.json()["type"]) == (410, "/problems/reset")


def test_a_rebuild_and_a_projection_that_is_made_again_are_no_other_history(running: Standings) -> None:
    version = open_race(running, "p1", "p2", "p3")
    before = running.ask("/v1/contests/race")
    with Redis.from_url(running.redis_url) as client:
        client.delete(LEDGER, LEDGER.replace("ledger", "state"))

    version = endorsed(running, "p4")

    after = running.ask("/v1/contests/race", min_version=version, wait_ms=10_000)
    assert after["history"] != before["history"]
    assert headcount(running, version=version - 1) == {"ann": 3, "bob": 0}
    seen = f"{before['version']}-{before['history']}"
    running.api.get(f"/v1/contests/race/standings/{seen}/headcount@1/2025-07-01").raise_for_status()


def test_a_log_that_lost_what_is_answered_is_said_to_differ(running: Standings) -> None:
    version = open_race(running, "p1", "p2")
    with Redis.from_url(running.redis_url) as client:
        client.xdel(LEDGER.replace("g1:ledger", "log"), f"{version}-0")

    told = running.api.get("/v1/contests/race/events")

    assert (told.status_code, told.json()["type"]) == (503, "/problems/history-differs")
    assert httpx.URL(str(told.url)).path == "/v1/contests/race/events"


def test_the_doctor_says_that_the_api_and_the_log_differ(running: Standings) -> None:
    version = open_race(running, "p1", "p2")
    key = LEDGER.replace("g1:ledger", "log")
    with Redis.from_url(running.redis_url) as client:
        entries: Any = client.xrange(key)
        client.delete(key)
        for entry_id, fields in entries:
            last = entry_id == f"{version}-0".encode()
            client.xadd(key, {**fields, **({b"id": b"another"} if last else {})}, id=entry_id)

    checks = examine(ServiceClient(*(str(one.base_url).rstrip("/") for one in (running.ingest, running.api))))

    (found,) = [one for one in checks if one["check"] == "contest race"]
    assert not found["ok"]
    assert "the API and the log differ: the contest's log and its projection are not of one" in found["found"]


def forget_the_race(deployment: Standings) -> None:
    """All that is kept of it, and nothing else."""
    with Redis.from_url(deployment.redis_url) as client:
        for key in client.scan_iter("standings:{p00}:c:race:*"):
            client.delete(key)
        client.srem("standings:{p00}:contests", "race")
        client.hdel("standings:{p00}:awake", "race")


def told_by(stream: httpx.Response) -> Iterator[ServerSentEvent]:
    """What a stream tells, but for what only keeps it going."""
    return (one for one in EventSource(stream).iter_sse() if one.data)


@pytest.mark.parametrize("endorsers", [1, 2, 4], ids=["shorter", "as long", "longer"])
def test_subscribers_are_told_that_a_contest_began_anew(running: Standings, endorsers: int) -> None:
    open_race(running, "p1", "p2")
    path = "/v1/contests/race/changes"
    place = running.ask(path, after=0)["next"]
    url = str(running.api.base_url)
    with (
        httpx.stream("GET", f"{url}{path}", params={"after": 0, "format": "sse"}, timeout=30) as one,
        httpx.stream("GET", f"{url}/v1/changes", params={"format": "sse"}, timeout=30) as every,
    ):
        of_one, of_all = told_by(one), told_by(every)
        assert [next(of_one).event for _ in range(5)] == ["change"] * 5
        forget_the_race(running)
        version = open_race(running, *(f"q{n}" for n in range(endorsers)), candidate="bob")

        told = next(of_one)
        assert (told.event, told.id) == ("reset", "0")
        assert told.json()["type"] == "standings.contest.reset"
        assert told.json()["data"]["contest"] == "race"
        fresh = [next(of_one) for _ in range(version)]
        assert [one.json()["data"]["version"] for one in fresh] == list(range(1, version + 1))
        assert next(of_all).event == "reset"
        assert [next(of_all).json()["data"]["version"] for _ in range(version)] == list(range(1, version + 1))

    page = running.ask(path, after=place, wait_ms=10_000)
    assert (page["changes"], page["next"], page["places"]) == ([], "0", [])
    assert page["reset"]["data"]["history"] == running.ask("/v1/contests/race")["history"]
    again = running.ask(path, after=page["next"])
    assert [one["data"]["version"] for one in again["changes"]] == list(range(1, version + 1))
    assert "reset" not in again
    assert again["places"][-1] == again["next"] == fresh[-1].id


def test_a_place_that_the_log_does_not_reach_is_of_another_history(running: Standings) -> None:
    version = open_race(running, "p1")
    path, history = "/v1/contests/race/changes", "0123456789abcdef"

    page = running.ask(path, after=f"{version + 5}-{history}")
    assert (page["reset"]["data"]["version"], page["next"]) == (version, "0")
    assert "reset" not in running.ask(path, after=version + 5), "who gives a bare version waits for it"


def test_a_bare_version_that_the_log_has_gets_its_history_the_last_one_too(running: Standings) -> None:
    version, history = open_race(running, "p1"), running.ask("/v1/contests/race")["history"]

    last = running.ask("/v1/contests/race/changes", after=version)
    beyond = running.ask("/v1/contests/race/changes", after=version + 1)

    assert (last["next"], beyond["next"]) == (f"{version}-{history}", str(version + 1))


def test_who_lost_different_places_is_told_by_different_events(running: Standings) -> None:
    version = open_race(running, "p1")
    path, history = "/v1/contests/race/changes", running.ask("/v1/contests/race")["history"]
    for lost in (f"1-{'a' * 16}", f"1-{'b' * 16}", f"{version + 5}-{'a' * 16}"):
        reset = running.ask(path, after=lost)["reset"]
        assert reset["id"] == f"race/reset/{lost}/{version}-{history}"


def test_a_lost_tail_is_told_to_subscribers_and_never_mixed(running: Standings) -> None:
    """As after a failover: the log ends earlier, the projection too, and other events follow."""
    version = open_race(running, "p1", "p2", "p3")
    url = str(running.api.base_url)
    params: dict[str, str | int] = {"after": 0, "format": "sse"}
    with httpx.stream("GET", f"{url}/v1/contests/race/changes", params=params, timeout=30) as one:
        told = told_by(one)
        assert [next(told).json()["data"]["version"] for _ in range(version)] == list(range(1, version + 1))
        lose_tail(running, version - 1)
        for endorser in ("q1", "q2"):
            endorsed(running, endorser, "bob")
        assert next(told).event == "reset"
        seen = [next(told).json()["data"] for _ in range(version + 1)]

    assert [one["version"] for one in seen] == list(range(1, version + 2))
    assert [one["postings"][0]["candidate"] for one in seen[3:]] == ["ann", "ann", "bob", "bob"]
    assert headcount(running, min_version=version + 1, wait_ms=10_000) == {"ann": 2, "bob": 2}


def pages(deployment: Standings, after: str) -> Iterator[dict[str, Any]]:
    """What a program that keeps nothing but `next` is told of all contests, page by page, up to an empty one."""
    while True:
        page = deployment.ask("/v1/changes", after=after, limit=2, wait_ms=500)
        if not page["changes"] and "reset" not in page:
            return
        yield page
        after = page["next"]


@pytest.mark.parametrize("lost", [1, 3])
def test_whoever_polls_all_contests_is_told_of_a_lost_tail_once_and_before_what_came_instead(
    running: Standings, lost: int
) -> None:
    version = open_race(running, "p1", "p2", "p3")
    *_, last = pages(running, "0-0")
    lose_tail(running, version - lost)
    for endorser in ("q1", "q2", "q3", "q4"):
        latest = endorsed(running, endorser, "bob")
    running.ask("/v1/contests/race", min_version=latest, wait_ms=10_000)

    for begin, before in (("0-0", version), (last["next"], 0)):
        told = list(pages(running, begin))
        resets = [number for number, page in enumerate(told) if "reset" in page]
        assert len(resets) == 1
        changes = [one for page in told[: resets[0] + 1] for one in page["changes"]]
        assert [one["data"]["version"] for one in changes] == list(range(1, before + 1))
        copy = LocalCopy(contest="race")
        for page in told[resets[0] + 1 :]:
            for one in page["changes"]:
                copy.take(Change.model_validate(one))
        assert copy.scores("headcount") == headcount(running)


def lose_tail(deployment: Standings, upto: int, contest: str = "race") -> None:
    """The log ends at a version, and its projection is made again from there."""
    keys = keys_of(contest, 1)
    log = keys.log
    with Redis.from_url(deployment.redis_url) as client:
        entries: Any = client.xrange(log, max=f"{upto}-0")
        lost: Any = client.xrange(log, min=f"({upto}-0")
        with client.pipeline(transaction=True) as pipe:
            pipe.delete(log, keys.ledger(1), keys.state(1))
            for entry_id, fields in entries:
                pipe.xadd(log, fields, id=entry_id)
            pipe.hdel(keys.ids, *(fields[b"id"] for _, fields in lost))
            pipe.execute()


def test_the_client_raises_and_begins_anew(running: Standings) -> None:
    version = open_race(running, "p1", "p2")
    copy = LocalCopy(contest="race")
    with Client(str(running.api.base_url)) as client:
        for change in client.changes("race", since=0):
            copy.take(change)
            if copy.version == version:
                break
        saved = LocalCopy.model_validate_json(copy.model_dump_json())
        assert saved.place == copy.place != str(version)
        everything = client.all_changes()
        forget_the_race(running)
        version = open_race(running, "q1", "q2", candidate="bob")

        with pytest.raises(Reset) as reset:
            next(client.changes("race", since=saved.place))
        assert (reset.value.contest, reset.value.cursor) == ("race", "0")

        fresh = LocalCopy(contest="race")
        for change in client.changes("race", since=reset.value.cursor):
            fresh.take(change)
            if fresh.version == version:
                break
        fresh.check(client.standings("race", version=version))
        del everything


def test_a_place_in_a_lost_stream_of_all_changes_is_gone(running: Standings) -> None:
    open_race(running, "p1")
    place = running.ask("/v1/changes", after="0-0")["next"]
    forget_everything(running)
    open_race(running, "q1", "q2", candidate="bob")

    told = running.api.get("/v1/changes", params={"after": place})

    assert (told.status_code, told.json()["type"]) == (410, "/problems/reset")
    with Client(str(running.api.base_url)) as client, pytest.raises(Reset) as reset:
        next(client.all_changes(after=place))
    assert reset.value.contest is None


@pytest.mark.parametrize("ahead", [False, True], ids=["in time", "by a clock that was ahead"])
def test_who_follows_all_contests_of_an_api_that_saw_no_change_of_them_is_told_that_they_are_lost(
    running: Standings, ahead: bool
) -> None:
    """Also where the ids of the new stream's entries lie before those that were read."""
    with Redis.from_url(running.redis_url) as client:
        if ahead:
            client.xadd("standings:{p00}:changes", {"no": "change"}, id="99999999999999-0")
    open_race(running, "p1", "p2")
    with (
        service("api", running.redis_url) as api,
        httpx.Client(base_url=api.url, timeout=30) as to_api,
        httpx.stream("GET", f"{api.url}/v1/changes", params={"format": "sse"}, timeout=30) as every,
    ):
        of_all = told_by(every)
        place = to_api.get("/v1/changes").json()["next"]
        forget_everything(running)
        open_race(running, "q1", "q2", candidate="bob")

        ended = next(of_all)
        assert (ended.event, ended.json()["reason"]) == ("end", "reset")
        told = to_api.get("/v1/changes", headers={"Last-Event-ID": place})
        assert (told.status_code, told.json()["type"]) == (410, "/problems/reset")

        with httpx.stream("GET", f"{api.url}/v1/changes", params={"format": "sse"}, timeout=30) as fresh:
            version = endorsed(running, "q3")
            change = next(told_by(fresh))
        assert (change.event, change.json()["data"]["version"]) == ("change", version)


def test_whoever_waits_for_changes_of_all_contests_is_told_that_they_are_lost(running: Standings) -> None:
    open_race(running, "p1")
    place = running.ask("/v1/changes", after="0-0", wait_ms=10_000)["next"]
    with ThreadPoolExecutor(1) as beside:
        waiting = beside.submit(running.api.get, "/v1/changes", params={"after": place, "wait_ms": 20_000})
        forget_everything(running)
        open_race(running, "q1", candidate="bob")
        first = waiting.result()

    eventually(lambda: running.api.get("/v1/changes", params={"after": place}).status_code == 410)
    if first.status_code == 200:  # it was asked before the server was emptied
        assert (first.json()["changes"], first.json()["next"]) == ([], place)
    else:
        assert first.json()["type"] == "/problems/reset"


def test_webhooks_begin_anew_with_the_new_history(running: Standings) -> None:
    version = open_race(running)
    settings = {"api_url": str(running.api.base_url), "webhooks_development": "true"}
    with (
        receiver() as there,
        service("webhooks", running.redis_url, **settings) as webhooks,
        httpx.Client(base_url=webhooks.url, timeout=30) as client,
    ):
        hook = client.post("/v1/webhooks", json={"url": there.url, "wanted": {"contests": ["race"]}}).json()
        assert client.post(f"/v1/webhooks/{hook['webhook']}/verification").status_code == 200
        endorsed(running, "p1")
        endorsed(running, "p2")
        eventually(lambda: len(there.changes) == 2)
        forget_the_race(running)
        open_race(running, "q1", candidate="bob")

        eventually(lambda: len(there.changes) == 2 + 1 + version + 1)

        reset, *fresh = there.changes[2:]
        assert reset.json["type"] == "standings.contest.reset"
        assert [one.json["data"]["version"] for one in fresh] == list(range(1, version + 2))
        assert len({one.headers["webhook-id"] for one in there.changes}) == len(there.changes)


def refusing_resets(got: Got) -> tuple[int, dict[str, str], bytes]:
    """Takes changes, and no resets."""
    return (503, {}, b"") if got.json.get("type") == "standings.contest.reset" else echo(got)


def test_a_reset_that_a_receiver_does_not_take_is_tried_again_given_up_and_can_be_told_again(
    running: Standings,
) -> None:
    version = open_race(running)
    settings = {
        "api_url": str(running.api.base_url),
        "webhooks_development": "true",
        "webhook_retry_seconds": "[3, 0.1]",
    }
    with receiver() as there:
        with (
            service("webhooks", running.redis_url, **settings) as webhooks,
            httpx.Client(base_url=webhooks.url, timeout=30) as client,
        ):
            hook = client.post("/v1/webhooks", json={"url": there.url, "wanted": {"contests": ["race"]}})
            path = f"/v1/webhooks/{hook.json()['webhook']}"
            assert client.post(f"{path}/verification").status_code == 200
            endorsed(running, "p1")
            eventually(lambda: len(there.changes) == 1)
            there.behave = refusing_resets
            forget_the_race(running)
            open_race(running, "q1", "q2", candidate="bob")
            eventually(lambda: client.get(path).json()["retries"] != [])
            [retry] = client.get(path).json()["retries"]
            assert (retry["contest"], retry["version"], retry["attempts"]) == ("race", 0, 1)
            assert len(there.changes) == 2
        with (
            service("webhooks", running.redis_url, **settings) as webhooks,
            httpx.Client(base_url=webhooks.url, timeout=30) as client,
        ):
            latest = version + 2
            eventually(lambda: len(there.changes) == 1 + 3 + latest)
            attempts = client.get(f"{path}/attempts").json()["attempts"]
            assert [each["number"] for each in attempts if each["version"] == 0] == [3, 2, 1]
            [letter] = client.get(f"{path}/dead-letters").json()["dead_letters"]
            assert (letter["version"], letter["attempts"], letter["outcome"]) == (0, 3, "answered 503")

            there.behave = echo
            before = list(there.changes)
            again = client.post(f"{path}/dead-letters/race/0/redelivery")
            assert (again.status_code, "in its turn" in again.json()["outcome"]) == (200, True), again.text
            eventually(lambda: len(there.changes) == len(before) + 1 + latest)

            reset, *fresh = there.changes[len(before) :]
            assert reset.json["type"] == "standings.contest.reset"
            assert [got.json["data"]["version"] for got in fresh] == list(range(1, latest + 1))
            ids = {got.headers["webhook-id"] for got in before}
            assert not ids & {got.headers["webhook-id"] for got in (reset, *fresh)}
            assert client.get(f"{path}/dead-letters").json()["dead_letters"] == []
