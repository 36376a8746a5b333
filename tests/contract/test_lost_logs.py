"""What becomes of commands and projections where a log lost something, or is another one at the same version."""

import asyncio
from typing import Any, cast

import pytest
from redis.exceptions import ResponseError

from services.backups.mover import Mover
from services.scorer.folder import Unfoldable
from services.scorer.rebuild import Rebuild
from shared.domain.errors import EndorsementIdTaken, UnreadableEvent
from shared.storage.archive import Archive
from shared.storage.log import ContestMoved, Log, NewEvent
from shared.storage.streams import Entry
from tests.bench import Bench, on, raw
from tests.builders import CONTEST, NOW, announcement, opening
from tests.contract.test_history import KEYS, folded, lose_tail, put_log, went_on_otherwise


async def as_of_an_earlier_release(bench: Bench) -> None:
    """The projection as a release left it that noted no histories."""
    entries = cast(list[Entry], await bench.log.redis.xrange(KEYS.ledger(1)))
    await bench.log.redis.unlink(KEYS.ledger(1))
    for entry_id, fields in entries:
        without = {name: fields[name] for name in fields if name not in (b"history", b"chain")}
        await bench.log.redis.xadd(KEYS.ledger(1), cast(Any, without), id=entry_id)
    await cast(Any, bench.log.redis.hdel(KEYS.state(1), "history", "chain", "seal"))


async def shorten_log(bench: Bench, upto: int) -> None:
    """The log ends at this version, and the ids still tell of what came after it."""
    await put_log(bench, cast(list[Entry], await bench.log.redis.xrange(KEYS.log, max=f"{upto}-0")))


async def opened_anew_elsewhere(bench: Bench, *endorsers: str) -> Bench:
    """The server is emptied, and another ingest records other events."""
    await bench.log.redis.flushall()
    other = Bench(bench.log)
    await other.desk.take(opening())
    await other.desk.take_all(CONTEST, [announcement(f"x-{one}", one, id=f"o-{one}") for one in endorsers])
    return other


def test_a_desk_decides_by_the_log_that_there_is_though_it_stands_at_the_same_version(
    any_redis_url: str,
) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 3)
        await opened_anew_elsewhere(bench, "p1", "p2", "p3")
        with pytest.raises(EndorsementIdTaken):
            await bench.desk.take(announcement("x-p1", "p9", id="once-more"))
        # Also what needs nothing more of the server to be decided.
        await bench.desk.take(announcement("y", "p8", id="y-1"))
        assert await bench.folder.drain(CONTEST) == 8

    on(any_redis_url, work)


def test_nothing_is_appended_behind_another_event_than_was_seen(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 1)
        last = (await bench.log.read(CONTEST, 4, 1))[0]
        new = [NewEvent("e-1", last.event)]
        with pytest.raises(ContestMoved):
            await bench.log.append(CONTEST, 5, new, follows="0" * 40)
        appended = await bench.log.append(CONTEST, 5, new, follows=last.digest)
        assert appended.digest == (await bench.log.read(CONTEST, 5, 1))[0].digest

    on(any_redis_url, work)


@pytest.mark.parametrize("alone", [True, False])
def test_a_command_whose_event_the_log_lost_is_taken_again(any_redis_url: str, alone: bool) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 3)
        await shorten_log(bench, 5)
        await Rebuild(bench.log, bench.projections, NOW).take_over(CONTEST)
        again = announcement("e3", "p3", id="id-3")
        for _ in range(2):
            taken = (
                await bench.desk.take(again) if alone else (await bench.desk.take_all(CONTEST, [again]))[0]
            )
            assert getattr(taken, "version", taken) == 6
        assert [one.id for one in await bench.log.read(CONTEST, 5)] == ["id-3"]

    on(any_redis_url, work)


def test_an_id_that_leads_to_another_event_is_not_taken_for_known(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 3)
        await shorten_log(bench, 5)
        await Rebuild(bench.log, bench.projections, NOW).take_over(CONTEST)
        await bench.desk.take(announcement("n", "n", id="n-1"))
        await bench.desk.take(announcement("m", "m", id="m-1"))
        taken = await bench.desk.take(announcement("e3", "p3", id="id-3"))
        assert taken.version == 8

    on(any_redis_url, work)


def test_a_command_that_is_archived_is_known(any_redis_url: str, tmp_path: Any) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 3)
        log = Log(bench.log.redis, 1, archive=Archive(tmp_path))
        other = Bench(log)
        await Mover(log, other.projections, tmp_path, lambda *_: None).archive(CONTEST)
        assert (await other.desk.take(announcement("e1", "p1", id="id-1"))).version == 5
        event = (await log.read(CONTEST, 4, 1))[0].event
        with pytest.raises(ContestMoved):
            await log.append(CONTEST, 7, [NewEvent("id-1", event)])

    on(any_redis_url, work)


@pytest.mark.parametrize("has", ["less", "others"])
def test_a_projection_of_an_earlier_release_does_not_go_on_with_another_log(
    any_redis_url: str, has: str
) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 3)
        await as_of_an_earlier_release(bench)
        await (lose_tail if has == "less" else went_on_otherwise)(bench, 5)
        other = Bench(bench.log)
        with pytest.raises(Unfoldable, match=f"standings rebuild {CONTEST}"):
            await other.folder.drain(CONTEST)
        assert await other.projections.parking.of(CONTEST) is not None
        with pytest.raises(UnreadableEvent, match="stands at version 7"):
            await other.desk.take(announcement("e99", "p99", id="id-99"))
        await Rebuild(bench.log, bench.projections, NOW).take_over(CONTEST)
        await other.desk.take(announcement("e99", "p99", id="id-99"))
        await other.folder.drain(CONTEST)

    on(any_redis_url, work)


def test_a_contest_whose_generations_number_was_lost_is_rebuilt(any_redis_url: str) -> None:
    async def work(bench: Bench) -> list[int]:
        await folded(bench, 3)
        await Rebuild(bench.log, bench.projections, NOW).take_over(CONTEST)
        await Rebuild(bench.log, bench.projections, NOW).take_over(CONTEST)
        await bench.log.redis.unlink(KEYS.generation)
        for _ in range(2):
            await Rebuild(bench.log, bench.projections, NOW).take_over(CONTEST)
        assert await bench.folder.drain(CONTEST) == 7
        return [one["to_generation"] for one in await bench.projections.certificates(CONTEST)]

    assert on(any_redis_url, work) == [2, 3, 2, 3]


def test_a_commit_that_cannot_tell_of_its_changes_commits_nothing(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 3)
        changes = KEYS.partition.changes
        await bench.log.redis.rename(changes, "elsewhere")
        await bench.log.redis.set(changes, "something else")
        await bench.endorsements(4, 5)
        with pytest.raises(ResponseError):
            await Bench(bench.log).folder.drain(CONTEST)
        assert await bench.projections.version(CONTEST, 1) == 7
        await bench.log.redis.rename("elsewhere", changes)
        assert await Bench(bench.log).folder.drain(CONTEST) == 9

    on(any_redis_url, work)
    assert '"governor",1,0,5,0]' in raw(any_redis_url, KEYS.ledger(1))[-1][1]["postings"]


@pytest.mark.parametrize("lost", ["a version", "where it is archived"])
def test_a_log_with_a_gap_parks_its_contest_and_says_what_to_bring_back(
    any_redis_url: str, tmp_path: Any, lost: str
) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 3)
        log = Log(bench.log.redis, 1, archive=Archive(tmp_path))
        if lost == "a version":
            await cast(Any, log.redis.xdel(KEYS.log, "5-0"))
        else:
            await Mover(log, bench.projections, tmp_path, lambda *_: None).archive(CONTEST)
            await log.redis.unlink(KEYS.archived)
        await log.redis.unlink(KEYS.ledger(1), KEYS.state(1))
        missing = 5 if lost == "a version" else 1
        with pytest.raises(Unfoldable, match=f"has no version {missing}, and goes on.* bring the log"):
            await Bench(log).folder.drain(CONTEST)
        parked = await bench.projections.parking.of(CONTEST)
        assert parked is not None
        assert parked.version == missing

    on(any_redis_url, work)


def test_a_log_that_is_gone_is_not_there_because_it_is_archived(any_redis_url: str, tmp_path: Any) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 3)
        log = Log(bench.log.redis, 1, archive=Archive(tmp_path))
        await Mover(log, bench.projections, tmp_path, lambda *_: None).archive(CONTEST)
        await log.redis.unlink(KEYS.log)
        with pytest.raises(UnreadableEvent, match="its log ends at version 0"):
            async with asyncio.timeout(5):
                await Bench(log).desk.take(announcement("e9", "p9", id="id-9"))

    on(any_redis_url, work)
