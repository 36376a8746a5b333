"""What is noted of a contest's history, and that a projection never goes on with another one."""

from collections.abc import Sequence
from typing import Any, cast

import orjson
import pytest

from services.scorer.folder import Unfoldable
from services.scorer.rebuild import Rebuild
from shared.domain.errors import UnreadableEvent
from shared.domain.events import CandidateEntered, ContestOpened, Event
from shared.storage.history import NOTHING, digest_of, history_after
from shared.storage.log import NewEvent
from shared.storage.redis_keys import keys_of
from shared.storage.streams import Entry
from tests.bench import Bench, on, raw
from tests.builders import CONTEST, NOW, announcement, opening

KEYS = keys_of(CONTEST, 1)


def opened(title: str) -> Event:
    return ContestOpened(
        contest=CONTEST,
        title=title,
        timezone="UTC",
        clock="server",
        opened_at="2020-01-01",
        recorded_by="test",
    )


def entered() -> Event:
    return CandidateEntered(
        candidate="ann", name="Ann", party="", entered_at="2020-01-01", recorded_by="test"
    )


def histories(url: str, key: str) -> list[str]:
    return [fields["history"] for _, fields in raw(url, key)]


def of_log(url: str) -> list[str]:
    found, history = [], NOTHING
    for _, fields in raw(url, KEYS.log):
        history = history_after(
            history, digest_of({name.encode(): value.encode() for name, value in fields.items()})
        )
        found.append(history)
    return found


async def put_log(bench: Bench, entries: Sequence[Entry]) -> None:
    """As if this were all that the server ever had of the log."""
    await bench.log.redis.unlink(KEYS.log)
    for entry_id, fields in entries:
        await bench.log.redis.xadd(KEYS.log, cast(Any, fields), id=entry_id)


async def lose_tail(bench: Bench, upto: int) -> None:
    """The log ends at this version, and the projection stays where it is."""
    entries = cast(list[Entry], await bench.log.redis.xrange(KEYS.log, max=f"{upto}-0"))
    await put_log(bench, entries)
    await bench.log.redis.unlink(KEYS.ids)


async def folded(bench: Bench, endorsers: int) -> None:
    await bench.desk.take(opening())
    await bench.endorsements(1, endorsers)
    await bench.folder.drain(CONTEST)


async def went_on_otherwise(bench: Bench, upto: int, to: int = 9) -> None:
    """The log lost its tail, and has other events in its place, up to another version."""
    await lose_tail(bench, upto)
    fields = cast(list[Entry], await bench.log.redis.xrange(KEYS.log, "5-0", "5-0"))[0][1]
    for version in range(upto + 1, to + 1):
        said = {**orjson.loads(fields[b"data"]), "endorsement": f"o{version}", "candidate": "bob"}
        said["endorser"] = {**said["endorser"], "id": f"q{version}"}
        other = {**fields, b"id": f"other-{version}".encode(), b"data": orjson.dumps(said)}
        await bench.log.redis.xadd(KEYS.log, cast(Any, other), id=f"{version}-0")


def test_ledger_and_changes_say_which_history_each_version_ends(any_redis_url: str) -> None:
    on(any_redis_url, lambda bench: folded(bench, 4))

    expected = of_log(any_redis_url)
    assert histories(any_redis_url, KEYS.ledger(1)) == expected
    subjects = [set(fields) & {"contest", "endorsement"} for _, fields in raw(any_redis_url, KEYS.ledger(1))]
    assert subjects == [{"contest"}] * 4 + [{"endorsement"}] * 4
    changes = raw(any_redis_url, KEYS.partition.changes)
    assert [fields["history"] for _, fields in changes] == expected
    assert [fields["follows"] for _, fields in changes] == [NOTHING, *expected[:-1]]


def test_a_history_is_the_same_in_every_generation(any_redis_url: str) -> None:
    async def work(bench: Bench) -> list[str]:
        await folded(bench, 3)
        before = histories(any_redis_url, KEYS.ledger(1))
        await Rebuild(bench.log, bench.projections, NOW).take_over(CONTEST)
        await bench.endorsements(4, 4)
        await bench.folder.drain(CONTEST)
        return before

    before = on(any_redis_url, work)
    assert histories(any_redis_url, KEYS.ledger(2)) == of_log(any_redis_url)
    assert before == of_log(any_redis_url)[:-1]


def test_a_projection_of_an_earlier_release_goes_on_with_the_logs_history(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 3)
        entries = cast(list[Entry], await bench.log.redis.xrange(KEYS.ledger(1)))
        await bench.log.redis.unlink(KEYS.ledger(1))
        for entry_id, fields in entries:
            without = {name: fields[name] for name in fields if name not in (b"history", b"chain")}
            await bench.log.redis.xadd(KEYS.ledger(1), cast(Any, without), id=entry_id)
        await cast(Any, bench.log.redis.hdel(KEYS.state(1), "history", "seal"))
        other = Bench(bench.log)
        await other.endorsements(4, 5)
        await other.folder.drain(CONTEST)

    on(any_redis_url, work)
    assert [fields.get("history") for _, fields in raw(any_redis_url, KEYS.ledger(1))] == [
        *[None] * 7,
        *of_log(any_redis_url)[-2:],
    ]


@pytest.mark.parametrize("kept", [True, False], ids=["a fold that is kept", "a fold that begins"])
@pytest.mark.parametrize("upto", [5, 6], ids=["two", "one"])
def test_a_projection_does_not_go_on_where_the_log_has_other_events(
    any_redis_url: str, kept: bool, upto: int
) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 3)
        await went_on_otherwise(bench, upto)
        other = bench if kept else Bench(bench.log)
        with pytest.raises(Unfoldable, match="has another event at version 7") as told:
            await other.folder.drain(CONTEST)
        assert f"standings rebuild {CONTEST}" in str(told.value)
        parked = await bench.projections.parking.of(CONTEST)
        assert parked is not None
        assert parked.version == 8
        with pytest.raises(UnreadableEvent, match="another event at version 7"):
            await Bench(bench.log).desk.take(announcement("e10", "p10", id="id-10"))

    on(any_redis_url, work)
    assert len(raw(any_redis_url, KEYS.ledger(1))) == 7


def test_a_projection_of_one_event_does_not_go_on_where_the_log_has_another(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.log.append(CONTEST, 0, [NewEvent("id-1", opened("A race"), "digest")])
        assert await bench.folder.drain(CONTEST) == 1
        await bench.log.redis.unlink(KEYS.log, KEYS.ids)
        await bench.log.append(CONTEST, 0, [NewEvent("id-1", opened("Another race"), "digest")])
        await bench.log.append(CONTEST, 1, [NewEvent("id-2", entered(), "digest")])
        with pytest.raises(Unfoldable, match="has another event at version 1"):
            await bench.folder.drain(CONTEST)

    on(any_redis_url, work)
    assert len(raw(any_redis_url, KEYS.ledger(1))) == 1


def test_a_fold_that_is_kept_goes_on_where_what_it_folded_was_archived(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 3)
        await bench.desk.take(announcement("e9", "p9", id="id-9"))
        await bench.log.redis.xtrim(KEYS.log, minid="8-0", approximate=False)
        assert await bench.folder.drain(CONTEST) == 8

    on(any_redis_url, work)


@pytest.mark.parametrize("kept", [True, False], ids=["a fold that is kept", "a fold that begins"])
def test_a_projection_beyond_its_log_is_parked_until_the_log_is_back(any_redis_url: str, kept: bool) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 3)
        whole = cast(list[Entry], await bench.log.redis.xrange(KEYS.log))
        await lose_tail(bench, 5)
        other = bench if kept else Bench(bench.log)
        with pytest.raises(Unfoldable, match="ends at version 5"):
            await other.folder.drain(CONTEST)
        await put_log(bench, whole)
        assert await other.folder.drain(CONTEST) == 7
        assert await bench.projections.parking.of(CONTEST) is None

    on(any_redis_url, work)


def test_a_rebuild_gives_up_what_the_log_lost(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 3)
        await lose_tail(bench, 5)
        with pytest.raises(Unfoldable):
            await bench.folder.drain(CONTEST)
        await Rebuild(bench.log, bench.projections, NOW).take_over(CONTEST)
        assert await bench.projections.parking.of(CONTEST) is None
        await bench.desk.take(announcement("e9", "p9", id="id-9"))
        assert await bench.folder.drain(CONTEST) == 6

    on(any_redis_url, work)
    assert histories(any_redis_url, KEYS.ledger(2)) == of_log(any_redis_url)


def published(url: str) -> list[tuple[str, str, str]]:
    """Of every entry of the changes stream: its version or its event's type, and the histories that it names."""
    return [
        (
            fields.get("version") or orjson.loads(fields["event"])["type"],
            fields["history"],
            fields.get("follows", "-"),
        )
        for _, fields in raw(url, KEYS.partition.changes)
    ]


def test_subscribers_are_told_what_a_rebuild_gave_up_before_the_next_change(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 3)
        await lose_tail(bench, 5)
        await Rebuild(bench.log, bench.projections, NOW).take_over(CONTEST)
        for _ in range(2):
            assert await bench.folder.drain(CONTEST) == 5
        await bench.desk.take(announcement("e9", "p9", id="id-9"))
        assert await bench.folder.drain(CONTEST) == 6

    on(any_redis_url, work)

    *before, reset, after = published(any_redis_url)
    now = of_log(any_redis_url)
    assert [version for version, _, _ in before] == [str(version) for version in range(1, 8)]
    assert reset == ("standings.contest.reset", now[4], "-")
    assert after == ("6", now[5], now[4])
    entry = raw(any_redis_url, KEYS.partition.changes)[7][1]
    assert set(entry) == {"contest", "event", "history"}
    assert {fields["contest"] for _, fields in raw(any_redis_url, KEYS.partition.changes)} == {CONTEST}
    told = orjson.loads(entry["event"])
    assert told["id"] == f"{CONTEST}/reset/7-{before[-1][1]}/5-{now[4]}"
    assert (told["data"]["version"], told["data"]["history"]) == (5, now[4])


@pytest.mark.parametrize("to", [6, 7, 9], ids=["shorter", "as long", "longer"])
def test_subscribers_are_told_that_a_rebuild_took_other_events(any_redis_url: str, to: int) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 3)
        await went_on_otherwise(bench, 5, to)
        await Rebuild(bench.log, bench.projections, NOW).take_over(CONTEST)
        for _ in range(2):
            assert await bench.folder.drain(CONTEST) == to

    on(any_redis_url, work)
    *before, reset = published(any_redis_url)
    assert len(before) == 7
    assert reset == ("standings.contest.reset", of_log(any_redis_url)[-1], "-")


def test_a_rebuild_wakes_a_scorer_once(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 3)
        for _ in range(2):
            await Rebuild(bench.log, bench.projections, NOW).take_over(CONTEST)

    on(any_redis_url, work)
    assert [fields["contest"] for _, fields in raw(any_redis_url, KEYS.partition.wake)][-1:] == [CONTEST]


@pytest.mark.parametrize(
    "noted", [7, 5, 0, None], ids=["all", "less, by an earlier release", "that it began anew", "nothing"]
)
def test_a_contest_that_goes_on_is_not_reset(any_redis_url: str, noted: int | None) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 3)
        await Rebuild(bench.log, bench.projections, NOW).take_over(CONTEST)
        key, ledger = KEYS.partition.published, histories(any_redis_url, KEYS.ledger(1))
        await bench.log.redis.unlink(key)
        if noted is not None:
            told = f"{noted} {ledger[noted - 1] if noted else ''}"
            await cast(Any, bench.log.redis.hset(key, CONTEST, told))
        await bench.desk.take(announcement("e9", "p9", id="id-9"))
        assert await bench.folder.drain(CONTEST) == 8

    on(any_redis_url, work)
    assert [version for version, _, _ in published(any_redis_url)] == [str(one) for one in range(1, 9)]


def test_a_contest_that_begins_anew_is_reset_also_where_all_its_own_keys_are_gone(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 3)
        async for key in bench.log.redis.scan_iter(f"standings:{{p00}}:c:{CONTEST}:*"):
            await bench.log.redis.unlink(key)
        await folded(Bench(bench.log), 1)

    on(any_redis_url, work)
    assert [version for version, _, _ in published(any_redis_url)] == [
        *[str(one) for one in range(1, 8)],
        "standings.contest.reset",
        *[str(one) for one in range(1, 6)],
    ]


def test_a_record_of_what_was_published_that_cannot_be_read_changes_nothing(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 3)
        await cast(Any, bench.log.redis.hset(KEYS.partition.published, CONTEST, "something else"))
        await bench.desk.take(announcement("e9", "p9", id="id-9"))
        assert await Bench(bench.log).folder.drain(CONTEST) == 8

    on(any_redis_url, work)
    assert len(published(any_redis_url)) == 8


def test_a_ledger_that_ends_before_its_state_is_parked(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await folded(bench, 3)
        await cast(Any, bench.log.redis.xdel(KEYS.ledger(1), "7-0"))
        with pytest.raises(Unfoldable, match="its state stands at version 7"):
            await Bench(bench.log).folder.drain(CONTEST)

    on(any_redis_url, work)
