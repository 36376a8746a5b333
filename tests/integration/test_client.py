"""The Python client against running services, and against servers that do what ours never does."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice

import httpx
import orjson
import pytest
import uvloop
from redis import Redis

from services.local import race
from standings.client import (
    AsyncClient,
    Change,
    Client,
    Differs,
    Gap,
    LocalCopy,
    OutOfReach,
    Problem,
    StandingsError,
)
from tests.integration.test_changes import CHANGES, announced, batch, followed, opened
from tests.receivers import resetting
from tests.running import Standings, free_port, service, standings

DAY = date(2025, 7, 29)
MOMENT = datetime(2025, 7, 29, 12, tzinfo=timezone(timedelta(hours=2)))


@pytest.fixture
def client(deployment: Standings) -> Iterator[Client]:
    with Client(followed(deployment)) as made:
        yield made


def test_standings_now_and_at_any_moment(deployment: Standings, client: Client, simulated_race: int) -> None:
    path = f"/v1/contests/{race.CONTEST}/standings"

    now = client.standings(race.CONTEST)
    then = client.standings(race.CONTEST, valid_at=DAY, known_at="2025-07-29", policy="headcount")
    weighed = client.standings(
        race.CONTEST, weights={"governor": 10, "mayor": Decimal("0.5")}, valid_at=MOMENT
    )

    assert now.version == simulated_race
    assert now.scores == {one["candidate"]: one["score"] for one in deployment.ask(path)["standings"]}
    asked = {"valid_at": "2025-07-29", "known_at": "2025-07-29", "policy": "headcount"}
    expected = deployment.ask(path, **asked)
    assert then.scores == {one["candidate"]: one["score"] for one in expected["standings"]}
    assert then.version == expected["version"] < simulated_race
    asked = {"weights": "governor:10,mayor:0.5", "valid_at": MOMENT.isoformat()}
    there = deployment.api.get(path, params=asked).json()["standings"]
    assert weighed.scores == {one["candidate"]: Decimal(str(one["score"])) for one in there}
    assert weighed.valid_at.instant == MOMENT
    assert client.contest(race.CONTEST, min_version=simulated_race).title == now.title
    assert race.CONTEST in {one.contest for one in client.contests()}


def test_timelines_along_either_axis(client: Client, simulated_race: int) -> None:
    days = client.timeline(race.CONTEST, since=DAY, until="2025-08-07", candidate=["ada-quillfeather"])
    changes = client.timeline(race.CONTEST, step="change", axis="known", valid_at=DAY)

    assert [point.day for point in days.points] == [str(DAY + timedelta(n)) for n in range(10)]
    assert {tuple(point.scores) for point in days.points} == {("ada-quillfeather",)}
    assert changes.points[-1].scores == client.standings(race.CONTEST, valid_at=DAY).scores


def test_a_local_copy_proves_itself_at_any_version(client: Client, simulated_race: int) -> None:
    copy = LocalCopy(contest=race.CONTEST)
    for change in islice(client.changes(race.CONTEST, since=0), simulated_race):
        assert copy.take(change)
        assert not copy.take(change)
    copy = LocalCopy.model_validate_json(copy.model_dump_json())

    for version in range(1, simulated_race + 1, 41):
        copy.check(client.standings(race.CONTEST, version=version))
        copy.check(client.standings(race.CONTEST, version=version, valid_at=DAY))
    now = client.standings(race.CONTEST, policy="headcount")
    copy.check(now)
    assert now.scores == dict.fromkeys(now.scores, 0) | copy.scores("headcount")


def test_a_local_copy_finds_what_is_wrong(client: Client, simulated_race: int) -> None:
    changes = list(islice(client.changes(race.CONTEST, since=0), 40))
    copy = LocalCopy(contest=race.CONTEST)
    for change in changes[:30]:
        copy.take(change)

    with pytest.raises(Gap, match="version 31 was due, and 33 came"):
        copy.take(changes[32])
    with pytest.raises(ValueError, match="does not belong"):
        LocalCopy(contest="another").take(changes[0])
    with pytest.raises(ValueError, match="up to version 30"):
        copy.check(client.standings(race.CONTEST))
    moved = next(change for change in changes[30:] if change.data.scores)
    copy.version = moved.version - 1
    for scores in copy.latest.values():
        for candidate in scores:
            scores[candidate] += 1
    with pytest.raises(Differs, match="the change begins at"):
        copy.take(moved)
    copy.version = 30
    copy.known[-1].postings[0] = copy.known[-1].postings[0].model_copy(update={"delta": 7})
    with pytest.raises(Differs, match="here") as differs:
        copy.check(client.standings(race.CONTEST, version=30))
    assert len(differs.value.differences) == 1


def test_an_asyncio_client_does_the_same(deployment: Standings, contest: str) -> None:
    async def follow() -> list[int]:
        async with AsyncClient(followed(deployment)) as client:
            assert (await client.contest(contest)).version == 3
            assert contest in {one.contest for one in await client.contests()}
            assert (await client.timeline(contest, step="change")).contest == contest
            seen: list[int] = []
            async for change in client.changes(contest, since=1):
                seen.append(change.version)
                if change.version == 3:
                    await asyncio.to_thread(announced, deployment, contest, 1)
                if change.version == 4:
                    break
            assert (await client.standings(contest, min_version=4, policy="headcount")).scores["ann"] == 1
            with pytest.raises(Problem, match="not open"):
                await client.standings("no-such-contest")
            return seen

    assert asyncio.run(follow()) == [2, 3, 4]


def test_without_a_version_a_subscription_begins_now(
    deployment: Standings, contest: str, client: Client
) -> None:
    changes = client.changes(contest)
    seen: list[Change] = []
    reading = threading.Thread(target=lambda: seen.append(next(changes)))
    reading.start()
    n = 0
    while reading.is_alive():
        announced(deployment, contest, n)
        n += 1
        reading.join(1)

    assert 4 <= seen[0].version <= 3 + n


def test_filters_leave_out_changes_without_being_a_gap(
    deployment: Standings, contest: str, client: Client
) -> None:
    announced(deployment, contest, 1)
    announced(deployment, contest, 2, candidate="bob", category="governor")
    announced(deployment, contest, 3)
    last = announced(deployment, contest, 4, candidate="bob", category="governor")

    wanted = client.changes(contest, since=0, candidate=["bob"], policy="fivethirtyeight-2016", min_delta=10)

    assert [change.version for change in islice(wanted, 2)] == [5, last]


def test_a_subscription_survives_the_death_of_the_api(redis_url: str) -> None:
    with standings(redis_url) as deployment:
        opened(deployment)
        port = free_port()
        with Client(f"http://127.0.0.1:{port}") as client, pytest.raises(OutOfReach):
            next(client.changes("race", since=0, give_up_after=0.3))
        with Client(f"http://127.0.0.1:{port}") as client:
            changes = client.changes("race", since=0, give_up_after=30)
            all_changes = client.all_changes(after="0-0", contest="race", give_up_after=30)
            versions: list[int] = []
            everywhere: list[int] = []
            for round_ in range(3):
                version = batch(deployment, round_ * 20, round_ * 20 + 20)
                with service("api", redis_url, api_port=str(port)) as api:
                    while not versions or versions[-1] < version - 7:
                        versions.append(next(changes).version)
                        everywhere.append(next(all_changes)[0].version)
                    api.kill()
            with service("api", redis_url, api_port=str(port)):
                while versions[-1] < version:
                    versions.append(next(changes).version)
                    change, cursor = next(all_changes)
                    everywhere.append(change.version)
        with Client(followed(deployment)) as client:
            version = batch(deployment, 60, 61)
            assert next(client.all_changes(after=cursor))[0].version == version

    assert versions == everywhere == list(range(1, version))


def test_connections_that_are_reset_are_out_of_reach() -> None:
    # Many at once under uvloop: there some are reset between connecting and the first use.
    async def follow(client: AsyncClient) -> None:
        with pytest.raises(OutOfReach):
            await anext(client.changes("race", since=0, give_up_after=0.5))

    async def follow_all(url: str) -> None:
        async with AsyncClient(url) as client:
            await asyncio.gather(*(follow(client) for _ in range(200)))

    with resetting() as url:
        uvloop.run(follow_all(url))


def test_what_is_gone_is_a_problem(redis_url: str) -> None:
    with (
        standings(redis_url) as deployment,
        Redis.from_url(redis_url) as redis,
        Client(followed(deployment)) as client,
    ):
        opened(deployment)
        version = batch(deployment, 0, 50)
        client.contest("race", min_version=version, wait_ms=10_000)
        redis.xtrim(CHANGES, maxlen=10, approximate=False)

        with pytest.raises(Problem, match="are kept back to") as gone:
            next(client.all_changes(after="0-1"))

        assert (gone.value.status, gone.value.code) == (410, "gone")
        assert next(client.changes("race", since=0)).version == 1


def test_questions_that_cannot_be_asked(client: Client, contest: str) -> None:
    with pytest.raises(Problem, match="there is no policy 'nobodys'") as refused:
        client.standings(contest, policy="nobodys")
    assert refused.value.members["field"] == "policy"
    with pytest.raises(Problem, match="not open"):
        next(client.changes("no-such-contest", since=0))
    with pytest.raises(ValueError, match="has no time zone"):
        client.standings(contest, valid_at=datetime(2025, 7, 1))  # noqa: DTZ001 - the point of it


class Skipping(BaseHTTPRequestHandler):
    """Tells versions 1 and 3, or what is no change at all."""

    def do_GET(self) -> None:
        self.send_response(503 if "away" in self.path else 200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        if "nonsense" in self.path:
            self.wfile.write(b'id: 1\nevent: change\ndata: {"specversion": "2.0"}\n\n')
            return
        for version in (1, 1, 3):
            self.wfile.write(b"id: %d\nevent: change\ndata: %b\n\n" % (version, change(version)))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Nothing."""


def change(version: int) -> bytes:
    now = datetime.now(UTC).isoformat()
    cause = {"event": "e", "type": "candidate.entered", "recorded_by": "t"}
    data = {"contest": "race", "version": version, "known_at": now, "valid_at": None, "rewrites_since": None}
    data |= {
        "cause": cause | dict.fromkeys(("endorsement", "endorser", "source")),
        "postings": [],
        "scores": [],
    }
    event = {
        "specversion": "1.0",
        "id": f"race/{version}",
        "source": "s",
        "type": "standings.contest.changed",
    }
    return orjson.dumps(event | {"time": now, "datacontenttype": "application/json", "data": data})


@contextmanager
def skipping() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Skipping) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def test_a_gap_is_never_passed_over() -> None:
    with skipping() as url, Client(url) as client:
        changes = client.changes("race", since=0)
        assert next(changes).version == 1
        with pytest.raises(Gap, match="version 2 was due, and 3 came") as gap:
            next(changes)
        assert (gap.value.contest, gap.value.expected, gap.value.version) == ("race", 2, 3)
        with pytest.raises(Gap):
            list(islice(client.all_changes(after="0-0"), 2))
        with pytest.raises(StandingsError, match="too old"):
            next(client.changes("nonsense", since=0))
        with pytest.raises(OutOfReach):
            next(client.changes("away", since=0, give_up_after=0.3))


def test_a_client_of_ones_own_stays_open(deployment: Standings) -> None:
    with httpx.Client() as http:
        with Client(followed(deployment), http) as client:
            client.contests()
        assert not http.is_closed
