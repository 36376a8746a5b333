"""What an examination finds of a contest, and what follows from it."""

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, cast

import orjson
import pytest

from services.scorer.checks import Checks
from services.scorer.examination import MOST_FINDINGS, Examiner
from services.scorer.folder import Unfoldable
from services.scorer.rebuild import Rebuild
from services.scorer.refold import NoRoom, Refold
from shared.domain.events import Endorser, Recorded, Version
from shared.domain.times import Instant
from shared.projection import seals
from shared.projection.parking import Held
from shared.storage.backlog import Backlog
from tests.bench import Bench, on
from tests.builders import CONTEST, NOW, announced, announcement, command, entered, opened, opening

STATE = f"standings:{{p00}}:c:{CONTEST}:g1:state"
LEDGER = f"standings:{{p00}}:c:{CONTEST}:g1:ledger"
LOG = f"standings:{{p00}}:c:{CONTEST}:log"
IDS = f"standings:{{p00}}:c:{CONTEST}:ids"
Damage = Callable[[Any], Awaitable[Any]]


def examiner(bench: Bench) -> Examiner:
    return Examiner(bench.log, bench.projections, Random(7))


def checks(bench: Bench) -> Checks:
    return Checks(bench.log, bench.projections, 1, Random(7), lambda: Instant(NOW))


async def folded(bench: Bench) -> None:
    await bench.desk.take(opening())
    await bench.endorsements(1, 6)
    await bench.desk.take(command("correct", endorsement="e1", category="senator"))
    await bench.desk.take(command("switch", endorsement="e2", candidate="bob", switched_at="2020-06-02"))
    await bench.desk.take(command("strike", endorsement="e3", note="never was"))
    await bench.folder.drain(CONTEST)


def rewritten(key: str, version: int, **by: bytes) -> Damage:
    async def damage(redis: Any) -> None:
        entries = await redis.xrange(key)
        await redis.unlink(key)
        for entry_id, fields in entries:
            changed = by if entry_id == b"%d-0" % version else {}
            await redis.xadd(
                key, {**fields, **{name.encode(): one for name, one in changed.items()}}, id=entry_id
            )

    return damage


async def an_older_endorsement(redis: Any) -> None:
    """With a digest that is right: only folding anew can tell."""
    stored = orjson.loads(await redis.hget(STATE, "e:e1"))
    stored.pop("digest")
    body = orjson.dumps({**stored, "category": "governor", "version": 5})
    digest = seals.digest(CONTEST, "e:e1", body)
    await redis.hset(STATE, "e:e1", b'{"digest":"' + digest.encode() + b'",' + body[1:])


DAMAGES: dict[str, tuple[str, Damage]] = {
    "postings": ("ledger: version 5: postings", rewritten(LEDGER, 5, postings=b"[]")),
    "known_at": (
        "ledger: version 5: known_at",
        rewritten(LEDGER, 5, known_at=b"2020-01-01T00:00:00.000000Z"),
    ),
    "subject": ("ledger: version 5: endorsement", rewritten(LEDGER, 5, endorsement=b"\xff")),
    "chain": ("ledger: version 5: its chain", rewritten(LEDGER, 5, chain=b"0" * 32)),
    "history": ("ledger: version 5: history", rewritten(LEDGER, 5, history=b"0" * 16)),
    "gap": ("ledger: version 6 is not there", lambda redis: redis.xdel(LEDGER, "6-0")),
    "older endorsement": ("state: endorsement e1", an_older_endorsement),
    "totals": ("state: ", lambda redis: redis.hset(STATE, "totals", "[]")),
    "log": ("log: version 6", rewritten(LOG, 6, data=b"{")),
    "log gap": ("log: 7-0 is where version 6", lambda redis: redis.xdel(LOG, "6-0")),
    "log event": ("ledger: version 6: history", rewritten(LOG, 6, id=b"another")),
    "id": ("ids: the event id b'id-2'", lambda redis: redis.hset(IDS, "id-2", "9 x")),
    "no id": ("ids: the event id b'id-2'", lambda redis: redis.hdel(IDS, "id-2")),
    "state": ("state: ", lambda redis: redis.unlink(STATE)),
}


def test_nothing_is_found_of_a_contest_that_is_well_and_its_moments_are_counted(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench)
        found = await examiner(bench).examine(CONTEST)
        assert found.findings == []
        assert found.version == await bench.log.version(CONTEST)
        assert len(found.moments) == 5
        await Rebuild(bench.log, bench.projections, NOW).take_over(CONTEST)
        await bench.new_desk().take(announcement("e9", "p9"))
        assert (await examiner(bench).examine(CONTEST)).findings == []

    on(any_redis_url, work)


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_damaged_is_found(redis_url: str, name: str) -> None:
    told, damage = DAMAGES[name]

    async def work(bench: Bench) -> None:
        await folded(bench)
        await damage(bench.log.redis)
        found = await examiner(bench).examine(CONTEST)
        assert any(str(one).startswith(told) for one in found.findings), found.findings

    on(redis_url, work)


def test_so_much_is_told_and_no_more(redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.desk.take(opening())
        await bench.endorsements(1, MOST_FINDINGS + 5)
        await bench.folder.drain(CONTEST)
        await bench.log.redis.unlink(IDS)
        assert len((await examiner(bench).examine(CONTEST)).findings) == MOST_FINDINGS

    on(redis_url, work)


def test_a_contest_that_goes_on_meanwhile_is_followed(redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench)
        numbers = iter(range(100, 1000))

        async def meanwhile() -> None:
            n = next(numbers)
            await bench.endorsements(n, n)
            await bench.desk.take(command("retract", endorsement=f"e{n}", retracted_at="2020-06-02"))
            await bench.folder.drain(CONTEST)

        slow = Examiner(bench.log, bench.projections, Random(7), meanwhile, chunk=3)
        assert (await slow.examine(CONTEST)).findings == []

    on(redis_url, work)


def test_a_contest_that_a_check_finds_damaged_waits_for_a_rebuild(redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench)
        await bench.new_desk().take(announcement("e8", "p8", id="id-8"))
        await an_older_endorsement(bench.log.redis)
        await checks(bench).check(CONTEST)

        for folder in (bench.folder, Bench(bench.log).folder):  # one has kept its fold, the other begins
            with pytest.raises(Unfoldable, match=f"standings rebuild {CONTEST}"):
                await folder.drain(CONTEST)
        with pytest.raises(Held):
            await bench.new_desk().take(announcement("e9", "p9"))
        parked = await bench.projections.parking.of(CONTEST)
        assert parked is not None
        assert parked.held

        await Rebuild(bench.log, bench.projections, NOW).take_over(CONTEST)
        taken = await bench.new_desk().take(announcement("e9", "p9", id="id-9"))
        assert await bench.folder.drain(CONTEST) == taken.version
        await checks(bench).check(CONTEST)
        assert await bench.projections.parking.of(CONTEST) is None

    on(redis_url, work)


def test_a_contest_that_is_well_again_is_released_by_a_check(redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench)
        redis: Any = bench.log.redis
        whole = await redis.hget(STATE, "e:e1")
        await an_older_endorsement(redis)
        await checks(bench).check(CONTEST)
        await redis.hset(STATE, "e:e1", whole)
        await checks(bench).check(CONTEST)
        assert await bench.projections.parking.of(CONTEST) is None

    on(redis_url, work)


async def of_another_type(redis: Any, key: str) -> None:
    await redis.unlink(key)
    await redis.set(key, "something else")


@pytest.mark.parametrize(("key", "told"), [(LOG, "log"), (IDS, "ids"), (LEDGER, "ledger"), (STATE, "state")])
def test_a_key_of_another_type_is_found_and_named(redis_url: str, key: str, told: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench)
        await of_another_type(bench.log.redis, key)
        found = await checks(bench).check(CONTEST)
        assert found is not None
        assert [str(one).split(" lies ")[0] for one in found.findings] == [f"{told}: under {key}"]
        held = await bench.projections.parking.of(CONTEST)
        # A rebuild is no way out of what is wrong with a log, so it is not waited for.
        assert (held is not None) == (told in ("ledger", "state"))

    on(redis_url, work)


@pytest.mark.parametrize("key", [LOG, LEDGER, STATE])
def test_a_contest_with_a_key_of_another_type_parks_and_says_who_tells_which(
    redis_url: str, key: str
) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench)
        await of_another_type(bench.log.redis, key)
        async with asyncio.timeout(20):
            with pytest.raises(Unfoldable, match=f"key.*standings doctor --deep {CONTEST}"):
                await Bench(bench.log).folder.drain(CONTEST)

    on(redis_url, work)


async def an_event_that_began_at_no_time(redis: Any) -> None:
    stored = (await redis.xrange(LOG, "5-0", "5-0"))[0][1][b"data"]
    data = orjson.dumps({**orjson.loads(stored), "announced_at": "soon"})
    await rewritten(LOG, 5, data=data)(redis)


MADE_ODD: dict[str, tuple[str, Damage]] = {
    "fold": ("'fold' of its state is no number", lambda redis: redis.hset(STATE, "fold", "9" * 5000)),
    "time": ("version 5 cannot be folded", an_event_that_began_at_no_time),
}


@pytest.mark.parametrize("name", MADE_ODD)
def test_no_value_ends_the_checks(redis_url: str, name: str) -> None:
    told, damage = MADE_ODD[name]

    async def work(bench: Bench) -> None:
        await folded(bench)
        await damage(bench.log.redis)
        for seed in range(10):  # moments are drawn from the odd event too
            found = await Examiner(bench.log, bench.projections, Random(seed)).examine(CONTEST)
            assert any(told in str(one) for one in found.findings), found.findings

    on(redis_url, work)


def test_a_name_that_is_not_text_does_not_end_the_checks(redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        redis: Any = bench.log.redis
        await redis.sadd("standings:{p00}:contests", b"\xff")
        await redis.hset("standings:{p00}:parked", b"\xff", b"{}")
        await checks(bench)._check_some()

    on(redis_url, work)


@pytest.mark.parametrize("number", ["0", "-1", " 1", "+1", "01", "1_0", "", "9" * 5000])
def test_a_generation_that_is_numbered_in_no_usual_way_ends_a_fold(redis_url: str, number: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench)
        await bench.new_desk().take(announcement("e8", "p8", id="id-8"))
        await cast(Any, bench.log.redis).set(f"standings:{{p00}}:c:{CONTEST}:generation", number)
        async with asyncio.timeout(20):
            with pytest.raises(Unfoldable, match="bring the key back"):
                await Bench(bench.log).folder.drain(CONTEST)

    on(redis_url, work)


def test_a_check_that_ends_early_releases_nothing(redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench)
        await an_older_endorsement(bench.log.redis)
        await checks(bench).check(CONTEST)
        await DAMAGES["log gap"][1](bench.log.redis)
        await checks(bench).check(CONTEST)
        parked = await bench.projections.parking.of(CONTEST)
        assert parked is not None
        assert parked.held

    on(redis_url, work)


@pytest.mark.parametrize("name", ["log", "id"])
def test_what_is_wrong_with_a_log_holds_nothing_that_can_be_folded(redis_url: str, name: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench)
        await DAMAGES[name][1](bench.log.redis)
        found = await checks(bench).check(CONTEST)
        assert found is not None
        assert found.findings
        assert await bench.projections.parking.of(CONTEST) is None

    on(redis_url, work)


def test_checks_go_through_contests_and_can_be_switched_off(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.scorer.checks._LEAST_PAUSE_SECONDS", 0)

    async def work(bench: Bench) -> None:
        await folded(bench)
        await an_older_endorsement(bench.log.redis)
        none = checks(bench)
        none.share = 0
        await none.go_on()
        assert await bench.projections.parking.of(CONTEST) is None
        going = asyncio.create_task(checks(bench).go_on())
        async with asyncio.timeout(20):
            while await bench.projections.parking.of(CONTEST) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        going.cancel()

    on(redis_url, work)


def test_memory_does_not_grow_with_the_contest() -> None:
    def used_by(events: int) -> int:
        refold = Refold()
        refold.fold(Recorded(Version(1), "id", Instant(NOW), opened(), "d"))
        refold.fold(Recorded(Version(2), "id", Instant(NOW), entered(), "d"))
        tracemalloc.start()
        for version in range(3, events + 3):
            endorser = Endorser(f"p{version}", "P")
            event = announced(f"e{version}", endorser=endorser)
            refold.fold(Recorded(Version(version), f"id-{version}", Instant(NOW), event, "d"))
            if version % 100 == 0:
                refold.put_away()
        refold.put_away()
        used = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert refold.number == 2 * events
        refold.close()
        return used

    assert used_by(3000) < 1.5 * used_by(1000) + 100_000


@pytest.mark.parametrize(("key", "where"), [(LOG, "log"), (IDS, "ids")])
def test_something_else_under_a_key_that_no_rebuild_makes_is_told_with_its_way_out(
    redis_url: str, key: str, where: str
) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench)
        await bench.log.redis.set(f"{key}:aside", "something else")
        await bench.log.redis.rename(f"{key}:aside", key)
        found = await checks(bench).check(CONTEST)
        assert found is not None
        assert [one.where for one in found.findings] == [where]
        assert "backup" in found.findings[0].way_out
        assert await bench.projections.parking.of(CONTEST) is None

    on(redis_url, work)


def test_a_note_that_holds_a_contest_and_cannot_be_read_holds_it_for_everybody(redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench)
        taken = await bench.new_desk().take(announcement("e8", "p8", id="id-8"))
        await cast(Any, bench.log.redis.hset("standings:{p00}:parked", CONTEST, b'{"held":true}'))
        with pytest.raises(Unfoldable):
            async with asyncio.timeout(20):
                await bench.folder.drain(CONTEST)
        await checks(bench).check(CONTEST)
        assert await bench.folder.drain(CONTEST) == taken.version

    on(redis_url, work)


def test_what_is_no_contest_among_the_contests_stops_no_check_and_no_list(redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.log.redis.sadd("standings:{p00}:contests", b"\xff\xfe")
        await checks(bench)._check_some()
        await folded(bench)
        assert await bench.log.contests() == [CONTEST]
        listed = [name async for part in Backlog(bench.log).slices(0) for name in part]
        assert listed == [CONTEST]

    on(redis_url, work)


def test_a_full_disk_of_temporary_files_is_no_damage_and_ends_no_check(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(Refold):
        def __init__(self) -> None:
            super().__init__()
            self._kept.execute("PRAGMA max_page_count = 3")

    monkeypatch.setattr("services.scorer.examination.Refold", Full)

    async def work(bench: Bench) -> None:
        await folded(bench)
        await bench.endorsements(10, 60)
        await bench.folder.drain(CONTEST)
        with pytest.raises(NoRoom, match="full"):
            await examiner(bench).examine(CONTEST)
        assert await checks(bench).check(CONTEST) is None
        assert await bench.projections.parking.of(CONTEST) is None

    on(redis_url, work)


def test_a_log_that_grows_as_fast_as_it_is_read_is_not_read_for_ever(redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench)
        numbers = iter(range(100, 10_000))

        async def meanwhile() -> None:
            for _ in range(3):
                n = next(numbers)
                await bench.endorsements(n, n)

        await bench.endorsements(10, 12)
        async with asyncio.timeout(30):
            found = await Examiner(bench.log, bench.projections, Random(7), meanwhile, chunk=3).examine(
                CONTEST
            )
        assert found.findings == []

    on(redis_url, work)
