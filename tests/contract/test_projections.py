"""What folding and committing promise, on every kind of server."""

import asyncio
from typing import Any, cast

import orjson
import pytest

from services.ingest.decision.submission import Taken
from services.ingest.desk import BatchRefused
from services.scorer import folder
from services.scorer.folder import Folder, Unfoldable
from services.scorer.rebuild import Rebuild
from shared.domain.book import Book, first_needs
from shared.domain.errors import AlreadyEndorsed, EventIdReused
from shared.domain.times import Instant
from shared.projection.commits import Trail
from shared.projection.parking import Parked
from shared.projection.projections import Begun, Projections, Stale
from shared.values.policies import Policies
from tests.bench import Bench, on, raw
from tests.builders import CONTEST, NOW, announcement, command, opening

LEDGER = f"standings:{{p00}}:c:{CONTEST}:g1:ledger"
GROUP = ("standings:{p00}:wake", "scorers")


def begun(found: Begun) -> tuple[Book, Trail]:
    """Where a fold begins."""
    assert found.history is not None
    return found.book, Trail(found.chain, found.history)


def first_postings(url: str) -> list[list[Any]]:
    """The first posting of each version after the opening's four."""
    return [orjson.loads(fields["postings"])[0] for _, fields in raw(url, LEDGER)[4:]]


def totals(url: str) -> list[int]:
    """What the candidate of each version's first posting has after it."""
    return [posting[5] for posting in first_postings(url)]


def test_the_ledger_has_an_entry_for_every_version_with_its_postings_and_the_totals_after(
    any_redis_url: str,
) -> None:
    async def work(bench: Bench) -> None:
        await bench.desk.take(opening())
        await bench.endorsements(1, 2)
        await bench.desk.take(command("retract", endorsement="e1", retracted_at="2020-06-02"))
        assert await bench.folder.drain(CONTEST) == 7

    on(any_redis_url, work)

    entries = raw(any_redis_url, LEDGER)
    assert [entry_id for entry_id, _ in entries] == [f"{n}-0" for n in range(1, 8)]
    june = 1_590_984_000_000_000
    assert [orjson.loads(fields["postings"]) for _, fields in entries[4:]] == [
        [[june, "ann", "governor", 1, 0, 1, 0]],
        [[june, "ann", "governor", 1, 0, 2, 0]],
        [[june + 86_400_000_000, "ann", "governor", -1, 0, 1, 0]],
    ]
    assert set(entries[4][1]) == {"known_at", "postings", "endorsement", "history", "chain"}
    changes = [orjson.loads(fields["event"]) for _, fields in raw(any_redis_url, "standings:{p00}:changes")]
    assert [change["data"]["version"] for change in changes] == list(range(1, 8))
    assert [change["type"] for change in changes[3:5]] == [
        "standings.contest.changed",
        "standings.scores.changed",
    ]


def test_a_change_is_a_cloud_event_whatever_the_id_of_its_event(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.desk.take(opening())
        await bench.desk.take(announcement(id='"\\/%s'))
        await bench.folder.drain(CONTEST)

    on(any_redis_url, work)

    known_at = raw(any_redis_url, LEDGER)[4][1]["known_at"]
    valid_at = "2020-06-01T04:00:00.000000Z"
    governor = {
        "fivethirtyeight-2016": 10,
        "fivethirtyeight-2020": 8,
        "fivethirtyeight-2024": 8,
        "headcount": 1,
    }
    assert orjson.loads(raw(any_redis_url, "standings:{p00}:changes")[4][1]["event"]) == {
        "specversion": "1.0",
        "id": f"{CONTEST}/5",
        "source": f"/v1/contests/{CONTEST}",
        "type": "standings.scores.changed",
        "time": known_at,
        "datacontenttype": "application/json",
        "data": {
            "contest": CONTEST,
            "version": 5,
            "known_at": known_at,
            "valid_at": valid_at,
            "rewrites_since": valid_at,
            "cause": {
                "event": '"\\/%s',
                "type": "endorsement.announced",
                "endorsement": "e",
                "endorser": {"id": "jane", "name": "Jane"},
                "recorded_by": "test",
                "source": {"url": "", "title": "a newspaper", "quote": "", "published": ""},
            },
            "postings": [
                {"valid_at": valid_at, "candidate": "ann", "category": "governor", "delta": 1, "members": 0}
            ],
            "scores": [
                {
                    "policy": policy,
                    "policy_version": 1,
                    "candidate": candidate,
                    "before": {"score": 0, "rank": 1},
                    "after": {
                        "score": points if candidate == "ann" else 0,
                        "rank": 1 if candidate == "ann" else 2,
                    },
                }
                for policy, points in governor.items()
                for candidate in ("ann", "bob", "cy")
            ],
        },
    }


def test_a_commit_from_elsewhere_than_where_the_projection_stands_does_nothing(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.desk.take(opening())
        book, trail = begun(await bench.projections.begin(CONTEST, 1))
        folded = [book.fold(one) for one in await bench.log.read(CONTEST, 0)]
        commit = bench.projections.commit_of(CONTEST, 1, book, trail, folded, [b"{}"] * len(folded), "0-0")
        await bench.folder.drain(CONTEST)
        with pytest.raises(Stale):
            await bench.projections.commit(commit)

    on(any_redis_url, work)

    assert len(raw(any_redis_url, LEDGER)) == 4


@pytest.mark.parametrize("publishes", [True, False])
@pytest.mark.parametrize("since", ["it is held", "another generation answers", "nothing"])
def test_only_who_publishes_nothing_commits_for_a_contest_that_is_held_or_is_answered_by_another_generation(
    any_redis_url: str, since: str, publishes: bool
) -> None:
    async def work(bench: Bench) -> int:
        await bench.desk.take(opening())
        book, trail = begun(await bench.projections.begin(CONTEST, 1))
        folded = [book.fold(one) for one in await bench.log.read(CONTEST, 0)]
        oldest = "0-0" if publishes else ""
        commit = bench.projections.commit_of(CONTEST, 1, book, trail, folded, [b"{}"] * len(folded), oldest)
        if since == "it is held":
            await bench.projections.parking.park(Parked(CONTEST, 1, "damaged", NOW, held=True))
        if since == "another generation answers":
            await bench.log.redis.set(bench.log.keys(CONTEST).generation, 2)
        if publishes and since != "nothing":
            with pytest.raises(Stale):
                await bench.projections.commit(commit)
        else:
            assert await bench.projections.commit(commit) == (4, 4)
        parked = await bench.projections.parking.of(CONTEST)
        assert (parked is not None) == (since == "it is held"), "only a check lets it go on"
        awake: Any = await cast(Any, bench.log.redis.hkeys("standings:{p00}:awake"))
        assert awake == ([] if publishes and since == "nothing" else [CONTEST.encode()])
        return len(raw(any_redis_url, "standings:{p00}:changes"))

    changes = on(any_redis_url, work)
    assert changes == (4 if publishes and since == "nothing" else 0)
    assert len(raw(any_redis_url, LEDGER)) == (0 if publishes and since != "nothing" else 4)


@pytest.mark.parametrize(
    ("recorded", "folded", "goes_on"),
    [(1, 0, False), (2, 1, True), (0, 0, True), (1, 1, True)],
    ids=["no further", "further", "already there", "to the end"],
)
def test_a_contest_stays_parked_where_a_commit_brings_it_no_further(
    any_redis_url: str, recorded: int, folded: int, goes_on: bool
) -> None:
    async def work(bench: Bench) -> None:
        await bench.desk.take(opening())
        await bench.folder.drain(CONTEST)
        if recorded:
            await bench.endorsements(1, recorded)
        await bench.projections.parking.park(Parked(CONTEST, 5, "a reason", NOW))
        begin = await bench.projections.begin(CONTEST, 1)
        assert begin.history is not None
        trail = Trail(begin.chain, begin.history, begin.stock)
        left = (await bench.log.read(CONTEST, 4))[:folded]
        await bench.projections.load(CONTEST, 1, begin.book, first_needs(one.event for one in left))
        events = [begin.book.fold(one) for one in left]
        changes = [b"{}"] * folded
        commit = bench.projections.commit_of(CONTEST, 1, begin.book, trail, events, changes, "0-0")
        assert await bench.projections.commit(commit) == (4 + folded, 4 + recorded)
        assert (await bench.projections.parking.of(CONTEST) is None) == goes_on
        awake: Any = await cast(Any, bench.log.redis.hkeys("standings:{p00}:awake"))
        assert awake == ([] if folded == recorded else [CONTEST.encode()])

    on(any_redis_url, work)


def test_changes_are_kept_from_an_age_on(any_redis_url: str) -> None:
    """About: the server drops whole stretches of them."""

    async def work(bench: Bench) -> tuple[int, int]:
        await bench.desk.take(opening())
        await bench.endorsements(1, 996)
        await bench.folder.drain(CONTEST)
        kept = await bench.log.redis.xlen("standings:{p00}:changes")
        await bench.endorsements(997, 997)
        fold = folder.Fold(bench.log, bench.projections, CONTEST, 1, lambda: "99999999999999-0", Policies())
        await fold.to_the_end()
        return kept, await bench.log.redis.xlen("standings:{p00}:changes")

    before, after = on(any_redis_url, work)
    assert before == 1000
    assert after < 300


def test_a_fold_that_is_kept_does_not_go_on_where_the_same_version_came_another_way(
    any_redis_url: str,
) -> None:
    """As after a failover that lost the last events, and others taken in their place."""

    async def work(bench: Bench) -> None:
        await bench.desk.take(opening())
        await bench.endorsements(1, 3)
        await bench.folder.drain(CONTEST)
        keys = bench.log.keys(CONTEST)
        left = cast(Any, await bench.log.redis.xrange(keys.log, max="6-0"))
        await bench.log.redis.unlink(keys.log)
        for entry_id, fields in left:
            await bench.log.redis.xadd(keys.log, fields, id=entry_id)
        await bench.log.redis.hdel(keys.ids, "id-3")
        await bench.log.redis.unlink(keys.ledger(1), keys.state(1))
        other = Bench(bench.log)
        await other.desk.take(announcement("e9", "p9", id="id-9", candidate="bob"))
        await other.folder.drain(CONTEST)

        await other.desk.take(announcement("e4", "p4", id="id-4", candidate="bob"))
        await bench.folder.drain(CONTEST)

    on(any_redis_url, work)

    assert [posting[1] for posting in first_postings(any_redis_url)] == ["ann", "ann", "bob", "bob"]
    assert totals(any_redis_url) == [1, 2, 1, 2]


def test_a_fold_that_is_kept_does_not_go_on_with_a_generation_that_was_replaced(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.desk.take(opening())
        await bench.endorsements(1, 2)
        await bench.folder.drain(CONTEST)
        await Rebuild(bench.log, bench.projections, NOW).take_over(CONTEST)
        await bench.endorsements(3, 3)
        assert await bench.folder.drain(CONTEST) == 7
        assert await bench.projections.version(CONTEST, 2) == 7

    on(any_redis_url, work)

    assert len(raw(any_redis_url, LEDGER)) == 6, "kept for readers, as it was"


def test_folds_are_kept_up_to_a_bound(any_redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "_KEPT", 3)

    async def work(bench: Bench) -> None:
        await bench.desk.take(opening())
        for n in range(1, 6):
            await bench.endorsements(n, n)
            assert await bench.folder.drain(CONTEST) == 4 + n

    on(any_redis_url, work)

    assert totals(any_redis_url) == [1, 2, 3, 4, 5]


def test_the_wake_is_acknowledged_only_when_the_log_is_folded_to_its_end(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.desk.take(opening())
        await bench.log.redis.xgroup_create(*GROUP, id="0")
        read: Any = await bench.log.redis.xreadgroup("scorers", "one", {GROUP[0]: ">"})
        delivered = read[0][1][0][0].decode()
        book, trail = begun(await bench.projections.begin(CONTEST, 1))
        part = [book.fold(one) for one in await bench.log.read(CONTEST, 0, 2)]
        await bench.projections.commit(
            bench.projections.commit_of(CONTEST, 1, book, trail, part, [b"{}"] * len(part), "0-0", delivered)
        )
        assert (await bench.log.redis.xpending(*GROUP))["pending"] == 1
        await bench.folder.turn(CONTEST, delivered)
        assert (await bench.log.redis.xpending(*GROUP))["pending"] == 0
        assert await bench.log.redis.xlen(GROUP[0]) == 0
        await bench.endorsements(1, 1)
        assert await bench.log.redis.xlen(GROUP[0]) == 1

    on(any_redis_url, work)


def test_a_contest_that_goes_on_for_long_lets_the_others_have_their_turn(
    any_redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "TURN", 1000)

    async def work(bench: Bench) -> list[str]:
        redis = bench.log.redis
        await redis.xgroup_create(*GROUP, id="0", mkstream=True)
        await bench.desk.take(opening())
        await bench.endorsements(1, 3500)
        await redis.xadd(GROUP[0], {"contest": "another"})
        turns = []
        while read := cast(Any, await redis.xreadgroup(GROUP[1], "one", {GROUP[0]: ">"}, count=1)):
            delivered, fields = read[0][1][0]
            turns.append(fields[b"contest"].decode())
            await bench.folder.turn(turns[-1], delivered.decode())
        assert await bench.projections.version(CONTEST, 1) == 3504
        assert await redis.xlen(GROUP[0]) == 0
        return turns

    assert on(any_redis_url, work) == [CONTEST, "another", CONTEST, CONTEST, CONTEST]


def test_two_scorers_on_one_contest_commit_what_one_does(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.desk.take(opening())
        await bench.endorsements(1, 2500)
        other = Folder(
            bench.log, Projections(bench.log.redis, bench.log), lambda: Instant(NOW), 1, Policies()
        )
        await asyncio.gather(bench.folder.drain(CONTEST), other.drain(CONTEST), bench.folder.drain(CONTEST))

    on(any_redis_url, work)

    entries = raw(any_redis_url, LEDGER)
    assert [entry_id for entry_id, _ in entries] == [f"{n}-0" for n in range(1, 2505)]
    assert totals(any_redis_url) == list(range(1, 2501))


def test_events_about_what_was_folded_while_its_commit_was_on_its_way_fold_as_any_other(
    any_redis_url: str,
) -> None:
    async def work(bench: Bench) -> None:
        await bench.desk.take(opening())
        await bench.endorsements(1, 1500)
        retractions = [
            command("retract", endorsement=f"e{n}", retracted_at="2020-06-02") for n in range(1, 1501)
        ]
        await bench.desk.take_all(CONTEST, retractions)
        assert await bench.folder.drain(CONTEST) == 3004

    on(any_redis_url, work)

    assert totals(any_redis_url) == [*range(1, 1501), *range(1499, -1, -1)]


@pytest.mark.parametrize("data", ["{}", '{"endorsement":"none","recorded_by":"test"}'])
def test_all_that_comes_before_an_event_that_cannot_be_folded_is_committed(
    any_redis_url: str, data: str
) -> None:
    async def work(bench: Bench) -> None:
        await bench.desk.take(opening())
        await bench.endorsements(1, 2400)
        fields: Any = {"id": "bad", "type": "endorsement.struck.v1", "known_at": "2100-01-01", "data": data}
        await bench.log.redis.xadd(bench.log.keys(CONTEST).log, fields, id="2405-0")
        with pytest.raises(Unfoldable, match="version 2405"):
            await bench.folder.drain(CONTEST)
        parked = await bench.projections.parking.of(CONTEST)
        assert parked is not None
        assert parked.version == 2405

    on(any_redis_url, work)

    assert len(raw(any_redis_url, LEDGER)) == 2404


def test_a_rebuild_gives_the_same_postings_and_takes_over_in_one_step(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.desk.take(opening())
        await bench.endorsements(1, 1500)
        await bench.folder.drain(CONTEST)

    on(any_redis_url, work)
    before = raw(any_redis_url, LEDGER)

    async def again(bench: Bench) -> int:
        return (await Rebuild(bench.log, bench.projections, NOW).take_over(CONTEST)).after

    assert on(any_redis_url, again) == 2
    assert raw(any_redis_url, LEDGER.replace(":g1:", ":g2:")) == before
    assert raw(any_redis_url, LEDGER) == before, "for those who still read it"


def test_a_command_sent_twice_is_recorded_once_and_answered_as_the_first_time(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.desk.take(opening())
        first = await bench.desk.take(announcement(id="once"))
        assert await bench.desk.take(announcement(id="once")) == first
        assert await bench.new_desk().take(announcement(id="once")) == first
        together = await bench.desk.take_all(
            CONTEST, [announcement("x", "px", id="t"), announcement("x", "px", id="t")]
        )
        assert [outcome.version for outcome in together if isinstance(outcome, Taken)] == [6, 6]
        with pytest.raises(EventIdReused) as refused:
            await bench.desk.take(announcement(id="once", category="senator"))
        assert refused.value.value == "once"
        assert await bench.log.version(CONTEST) == 6

    on(any_redis_url, work)


def test_one_command_sent_to_several_ingests_at_a_time_has_one_answer(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.desk.take(opening())
        for n in range(10):
            same, others = (
                announcement(f"s{n}", f"ps{n}", id=f"same-{n}"),
                [announcement(f"o{n}-{m}", f"po{n}-{m}", id=f"o{n}-{m}") for m in range(6)],
            )
            outcomes = await asyncio.gather(
                *(bench.new_desk().take_all(CONTEST, [*others[:m], same]) for m in range(6))
            )
            answers = {one[-1].version for one in outcomes if isinstance(one[-1], Taken)}
            recorded = {one.version for one in await bench.log.read(CONTEST, 0) if one.id == f"same-{n}"}
            assert answers == recorded

    on(any_redis_url, work)


def test_of_two_ingests_that_take_the_same_endorsement_one_refuses_it(any_redis_url: str) -> None:
    async def work(bench: Bench) -> list[Any]:
        await bench.desk.take(opening())
        desks = [bench.new_desk() for _ in range(8)]
        return await asyncio.gather(
            *(desk.take(announcement(f"e{n}", "jane")) for n, desk in enumerate(desks)),
            return_exceptions=True,
        )

    outcomes = on(any_redis_url, work)

    assert sum(isinstance(outcome, Taken) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, AlreadyEndorsed) for outcome in outcomes) == 7


def test_ingest_decides_by_what_is_recorded_whether_or_not_it_is_folded(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.desk.take(opening())
        await bench.endorsements(1, 30)
        await bench.folder.drain(CONTEST)
        await bench.endorsements(31, 60)
        fresh = bench.new_desk()
        for n in (7, 45):
            await fresh.take(command("retract", endorsement=f"e{n}", retracted_at="2020-06-09"))
            with pytest.raises(AlreadyEndorsed):
                await fresh.take(announcement(f"again-{n}", f"p{n}", announced_at="2020-06-08"))

    on(any_redis_url, work)


def test_a_batch_that_is_taken_whole_leaves_nothing_when_one_is_refused(any_redis_url: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.desk.take(opening())
        commands = [announcement("e1", "p1"), announcement("e2", "p1"), announcement("e3", "p3")]
        with pytest.raises(BatchRefused) as refused:
            await bench.desk.take_all(CONTEST, commands, whole=True)
        assert [position for position, _ in refused.value.refusals] == [1]
        assert await bench.log.version(CONTEST) == 4
        outcomes = await bench.desk.take_all(CONTEST, commands)
        assert [isinstance(outcome, Taken) for outcome in outcomes] == [True, False, True]

    on(any_redis_url, work)
