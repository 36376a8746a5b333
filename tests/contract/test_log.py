"""What the log promises, on every kind of server."""

import asyncio
import calendar
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from importlib.resources import files
from typing import TypeVar

import orjson
import pytest
from redis import Redis

from shared.domain.events import CandidateEntered, ContestOpened, Event
from shared.domain.times import Instant, format_instant
from shared.domain.times import instant as instant_of
from shared.runtime.settings import Settings
from shared.storage.connections import connect
from shared.storage.log import ContestMoved, Log, NewEvent

T = TypeVar("T")
LOG, IDS, WAKE = "standings:{p00}:c:a-race:log", "standings:{p00}:c:a-race:ids", "standings:{p00}:wake"


def with_log(url: str, work: Callable[[Log], Awaitable[T]]) -> T:
    async def run() -> T:
        client = connect(Settings(redis_url=url))
        try:
            return await work(Log(client, 1))
        finally:
            await client.aclose()

    return asyncio.run(run())


def opened(clock: str = "server") -> Event:
    return ContestOpened(
        contest="a-race",
        title="A race",
        timezone="America/New_York",
        clock="imported" if clock == "imported" else "server",
        opened_at="2020-01-01",
        recorded_by="test",
    )


def entered(number: int) -> Event:
    return CandidateEntered(
        candidate=f"c{number}", name="C", party="", entered_at="2020-01-01", recorded_by="test"
    )


def new(first: int, last: int) -> list[NewEvent]:
    return [NewEvent(f"id-{n}", opened() if n == 1 else entered(n), "digest") for n in range(first, last + 1)]


def test_versions_are_counted_from_one_without_a_gap(any_redis_url: str) -> None:
    async def work(log: Log) -> list[int]:
        await log.append("a-race", 0, new(1, 3))
        await log.append("a-race", 3, new(4, 2503))
        return [one.version for one in await log.read("a-race", 0)]

    assert with_log(any_redis_url, work) == list(range(1, 2504))


@pytest.mark.parametrize("events", [999, 1000, 1001, 2000])
def test_all_ids_of_a_large_append_are_known(any_redis_url: str, events: int) -> None:
    """They are written a thousand at a time."""
    with_log(any_redis_url, lambda log: log.append("a-race", 0, new(1, events)))
    with_log(any_redis_url, lambda log: log.append("a-race", 0, new(1, events)))

    with Redis.from_url(any_redis_url, decode_responses=True) as client:
        assert client.hgetall(IDS) == {f"id-{n}": f"{n} digest" for n in range(1, events + 1)}
        assert client.xlen(LOG) == events


def test_the_same_append_again_appends_nothing_and_is_answered_as_the_first_time(any_redis_url: str) -> None:
    async def work(log: Log) -> None:
        first = await log.append("a-race", 0, new(1, 3))
        assert await log.append("a-race", 0, new(1, 3)) == first
        assert await log.version("a-race") == 3

    with_log(any_redis_url, work)


@pytest.mark.parametrize(("expected", "first"), [(2, 4), (4, 4), (3, 3)])
def test_an_append_elsewhere_or_with_an_id_already_there_writes_nothing(
    any_redis_url: str, expected: int, first: int
) -> None:
    async def work(log: Log) -> None:
        await log.append("a-race", 0, new(1, 3))
        with pytest.raises(ContestMoved):
            await log.append("a-race", expected, new(first, 6))
        assert await log.version("a-race") == 3

    with_log(any_redis_url, work)


@pytest.mark.parametrize(("expected", "digest"), [(0, "digest"), (2, "digest"), (1, "another")])
def test_an_event_that_somebody_else_appended_meanwhile_is_not_taken_for_ones_own(
    any_redis_url: str, expected: int, digest: str
) -> None:
    async def work(log: Log) -> None:
        await log.append("a-race", 0, new(1, 2))
        with pytest.raises(ContestMoved):
            await log.append("a-race", expected, [NewEvent("id-2", entered(2), digest)])
        assert await log.version("a-race") == 2

    with_log(any_redis_url, work)


def test_of_two_writers_of_one_version_exactly_one_writes(any_redis_url: str) -> None:
    async def work(log: Log) -> None:
        await log.append("a-race", 0, new(1, 1))
        racing = [log.append("a-race", 1, new(10 + n, 10 + n)) for n in range(20)]
        results = await asyncio.gather(*racing, return_exceptions=True)
        assert sum(not isinstance(result, ContestMoved) for result in results) == 1
        assert await log.version("a-race") == 2

    with_log(any_redis_url, work)


def test_known_time_is_the_servers_clock_and_never_goes_back(any_redis_url: str) -> None:
    async def work(log: Log) -> None:
        for version in range(20):
            await log.append("a-race", version, new(version + 1, version + 1))
        times = [one.known_at for one in await log.read("a-race", 0)]
        assert times == sorted(times)
        # Tests run on the machine of the server.
        assert abs(times[-1] / 1e6 - time.time()) < 60

    with_log(any_redis_url, work)


def test_known_time_stays_where_the_servers_clock_went_back(any_redis_url: str) -> None:
    ahead = 32_503_680_000_000_000  # the year 3000

    async def work(log: Log) -> list[int]:
        await log.append("a-race", 0, [NewEvent("id-1", opened("imported"), known_at=Instant(ahead))])
        await log.append("a-race", 1, new(2, 3))
        return [one.known_at for one in await log.read("a-race", 0)]

    assert with_log(any_redis_url, work) == [ahead] * 3


DAYS = [
    datetime(year, month, day, 23, 59, 59, 999_999, tzinfo=UTC)
    for year in (1970, 1972, 1999, 2000, 2025, 2026, 2028, 2100, 2399, 2400, 2401, 9999)
    for month in range(1, 13)
    for day in (1, 2, 27, 28, *([29] if month != 2 or calendar.isleap(year) else []))
]
ENDS_OF_MONTHS = [
    datetime(year, month, calendar.monthrange(year, month)[1], 0, 0, 0, 1, tzinfo=UTC)
    for year in (1999, 2000, 2024, 2100, 2400)
    for month in range(1, 13)
]
TIMES_OF_DAY = [
    datetime(2026, 1, 1, hour, minute, 7, 70, tzinfo=UTC) for hour in (0, 9, 23) for minute in (0, 59)
]


def test_the_servers_clock_is_told_as_a_date_of_the_calendar(any_redis_url: str) -> None:
    """The function as the script has it, at other times than now."""
    script = files("shared.storage").joinpath("append.lua").read_text()
    instant = script[script.index("local function instant()") : script.index("local function at(")]
    told = instant.replace("redis.call('TIME')", "{ARGV[1], ARGV[2]}") + "return instant()"
    moments = [*DAYS, *ENDS_OF_MONTHS, *TIMES_OF_DAY]

    with Redis.from_url(any_redis_url, decode_responses=True) as client:
        tell = client.register_script(told)
        for moment in moments:
            seconds, microseconds = divmod(instant_of(moment), 1_000_000)
            assert tell(args=[seconds, microseconds]) == format_instant(seconds * 1_000_000 + microseconds)


def test_an_imported_contest_keeps_its_own_known_time_and_when_it_was_recorded(any_redis_url: str) -> None:
    async def work(log: Log) -> None:
        known_at = 1_552_000_000_000_000
        appended = await log.append(
            "a-race", 0, [NewEvent("id-1", opened("imported"), known_at=Instant(known_at))]
        )
        assert appended.known_at == known_at

    with_log(any_redis_url, work)

    with Redis.from_url(any_redis_url, decode_responses=True) as client:
        fields = client.xrange(LOG)[0][1]
        assert fields["known_at"] == "2019-03-07T23:06:40.000000Z"
        assert fields["recorded_at"] > format_instant(1_700_000_000_000_000)


def test_an_entry_is_plain_text_that_any_client_reads(any_redis_url: str) -> None:
    with_log(any_redis_url, lambda log: log.append("a-race", 0, new(1, 1)))

    with Redis.from_url(any_redis_url, decode_responses=True) as client:
        ((entry_id, fields),) = client.xrange(LOG)
        assert entry_id == "1-0"
        assert set(fields) == {"id", "type", "known_at", "data"}
        assert fields["type"] == "contest.opened.v1"
        assert orjson.loads(fields["data"])["title"] == "A race"
        assert client.hgetall(IDS) == {"id-1": "1 digest"}


def test_a_contest_with_a_wake_out_is_not_woken_again(any_redis_url: str) -> None:
    async def work(log: Log) -> None:
        await log.append("a-race", 0, new(1, 2))
        await log.append("a-race", 2, new(3, 4))

    with_log(any_redis_url, work)

    with Redis.from_url(any_redis_url, decode_responses=True) as client:
        assert [fields for _, fields in client.xrange(WAKE)] == [{"contest": "a-race"}]
        assert client.smembers("standings:{p00}:contests") == {"a-race"}
        awake = client.hgetall("standings:{p00}:awake")
        assert awake == {"a-race": client.xrange(LOG)[0][1]["known_at"]}
