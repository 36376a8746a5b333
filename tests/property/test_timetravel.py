"""The engine, the index and the board agree with reading every event again, on made-up logs."""

import asyncio
import threading
from itertools import product
from typing import Any, cast

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.api.engine import attribution, runs, sums
from services.api.engine.boards import Board
from services.api.engine.columns import Ints
from services.api.engine.index import Index, LedgerEntry
from services.api.engine.states import Filter
from services.api.engine.states import versions as versions_of
from services.api.engine.sums import SumRow, Sums
from services.api.live.ledgers import Ledgers
from shared.domain.book import Cell, Totals
from shared.domain.contest import Contest
from shared.domain.endorsement import Endorsement
from shared.domain.events import Recorded, Version
from shared.domain.policies import Policy
from shared.domain.policy_texts import made_up
from shared.domain.postings import Posting
from shared.domain.times import Instant, end_of
from shared.projection.projections import Projections
from shared.storage.codec import encode_state
from shared.storage.log import Log
from shared.values.policies import Policies
from tests.builders import NOW, ZONE, Everything
from tests.oracle import as_of, rank
from tests.property.test_fold import days, folded, histories, posted, reread

FIVETHIRTYEIGHT_2020 = Policies().find("fivethirtyeight-2020")
HEADCOUNT = Policies().find("headcount")
UNION_MEMBERS = Policies().find("union-members")

POLICIES = (
    FIVETHIRTYEIGHT_2020,
    HEADCOUNT,
    UNION_MEMBERS,
    made_up("governor:2.5,senator:-1,labor-union/member:0.001"),
)


@pytest.fixture(autouse=True)
def _small_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs so short that a small log has several levels of them."""
    monkeypatch.setattr(sums, "RUN", 4)
    monkeypatch.setattr(sums, "_FAN_OUT", 2)
    monkeypatch.setattr(runs, "_STRIDE", 2)


# The fixture patches the module for the whole test, which is what every example wants.
small = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)

rows = st.builds(SumRow, st.integers(0, 40), st.integers(0, 9), st.sampled_from((-1, 1, 700_000)))
versions = st.lists(st.tuples(st.integers(0, 3), st.lists(rows, max_size=4), st.booleans()), max_size=60)


class Naive:
    """Every posting as (version, known at, valid at, channel, weight)."""

    def __init__(self) -> None:
        self.postings: list[tuple[int, int, int, int, int]] = []

    def sums(self, width: int, counts: Any) -> list[int]:
        sums = [0] * width
        for version, known_at, valid_at, channel, weight in self.postings:
            if counts(version, known_at, valid_at):
                sums[channel] += weight
        return sums


def filled(log: list[tuple[int, list[SumRow], bool]]) -> tuple[Sums, Naive, int]:
    """The engine and the naive list after the same log, sealed wherever the log says so; the last version."""
    sums, naive, known_at = Sums(), Naive(), 0
    for version, (later, posted_rows, sealed) in enumerate(log, start=1):
        known_at += later
        sums.append(Version(version), Instant(known_at), posted_rows)
        naive.postings += [(version, known_at, *row) for row in posted_rows]
        if sealed:
            _ = sums.rows
            sums.seal()
    return sums, naive, len(log)


@given(versions, st.integers(-1, 45), st.integers(0, 61))
@small
def test_every_question_to_the_engine_is_answered_as_by_adding_up(
    log: list[tuple[int, list[SumRow], bool]], at: int, version: int
) -> None:
    sums, naive, _ = filled(log)
    width = sums.width

    assert sums.at(Instant(at), Version(version)).tolist() == naive.sums(
        width, lambda v, _, t: v <= version and t <= at
    )
    assert (
        sums.scanned(Instant(at), Version(version)).tolist()
        == sums.at(Instant(at), Version(version)).tolist()
    )
    assert sums.latest(Instant(at)).tolist() == naive.sums(width, lambda _, __, t: t <= at)
    assert sums.all_time(Version(version)).tolist() == naive.sums(width, lambda v, _, __: v <= version)


@given(versions, st.integers(-1, 45), st.integers(0, 61))
@small
def test_the_engine_tells_whether_later_versions_changed_a_moment(
    log: list[tuple[int, list[SumRow], bool]], at: int, version: int
) -> None:
    sums, naive, last = filled(log)
    then = naive.sums(sums.width, lambda v, _, t: v <= version and t <= at)
    now = naive.sums(sums.width, lambda v, _, t: v <= last and t <= at)

    assert sums.differs(Instant(at), Version(version), np.array(then, np.int64)) == (then != now)


def test_what_is_sealed_in_another_thread_is_answered_right_meanwhile() -> None:
    sums, naive = Sums(), Naive()
    draw = np.random.default_rng(1)
    for version in range(1, 1500):
        row = SumRow(
            Instant(int(draw.integers(0, 1000))), int(draw.integers(0, 40)), int(draw.integers(-5, 6))
        )
        sums.append(Version(version), Instant(version), [row])
        naive.postings.append((version, version, *row))
        if version % 50 == 0:
            _ = sums.rows
            sealing = threading.Thread(target=sums.seal)
            sealing.start()
            at, upto = int(draw.integers(0, 1000)), int(draw.integers(0, version + 1))
            while sealing.is_alive():
                assert (sums.at(Instant(at), Version(upto)) == sums.scanned(Instant(at), Version(upto))).all()
                assert (sums.latest(Instant(at)) == sums.scanned(Instant(at), Version(version))).all()
            sealing.join()
    assert sums.at(Instant(500), Version(1000)).tolist() == naive.sums(
        sums.width, lambda v, _, t: v <= 1000 and t <= 500
    )


def _grown(index: Index, versions: range) -> None:
    """Appends versions that post one endorsement each."""
    for version in versions:
        posting = Posting(Instant(version), "ann", "mayor", 1, 0)
        index.append(LedgerEntry(Version(version), Instant(version), ((posting, (version, 0)),), None, None))


def test_a_seal_whose_caller_was_cancelled_is_not_done_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    index, begun, may_end = Index("a-race", 1), threading.Event(), threading.Event()
    _grown(index, range(1, 10))

    class SlowRun(runs.Run):
        def __init__(self, *parts: Any) -> None:
            begun.set()
            may_end.wait()
            super().__init__(*parts)

    async def seal_twice() -> None:
        ledgers = Ledgers(cast(Log, None), cast(Projections, None))
        taken = [(b"9-0", {b"history": b""})]
        first = asyncio.create_task(ledgers.take_in(index, taken))
        await asyncio.to_thread(begun.wait)
        first.cancel()
        await asyncio.wait([first])
        second = asyncio.create_task(ledgers.take_in(index, taken))
        await asyncio.sleep(0.05)
        may_end.set()
        await second

    monkeypatch.setattr(sums, "Run", SlowRun)
    asyncio.run(seal_twice())  # which waits for its threads
    _grown(index, range(10, 40))
    index.settle()
    index.seal()

    for valid_at, version in product(range(40), repeat=2):
        assert index.sums.at(Instant(valid_at), Version(version)).tolist() == [min(valid_at, version), 0]


def totals(index: Index, counted: Ints) -> dict[Cell, Totals]:
    """The totals of every cell that is not empty."""
    pairs = zip(index.cells.names, counted.reshape(-1, 2).tolist(), strict=False)
    return {cell: (pair[0], pair[1]) for cell, pair in pairs if any(pair)}


def indexed(events: list[Recorded]) -> Index:
    """The index of a contest with these events."""
    index = Index("a-race", 1)
    for one in folded(events):
        postings = tuple((p, one.totals[p.candidate, p.category]) for p in one.postings)
        about = encode_state(one.subject)
        is_contest = isinstance(one.subject, Contest)
        # Several postings of one event touch a cell: the ledger has the totals after all of them.
        entry = LedgerEntry(
            one.recorded.version,
            one.recorded.known_at,
            postings,
            about if is_contest else None,
            None if is_contest else about,
        )
        index.append(entry)
        if index.due:
            index.settle()
            index.seal()
    return index


@given(histories(), days, st.data())
@small
def test_the_index_agrees_with_a_naive_reading_of_the_events(
    events: list[Recorded], day: str, data: st.DataObject
) -> None:
    index, valid_at = indexed(events), end_of(day, ZONE)
    version = data.draw(st.integers(1, len(events)))

    counted = totals(index, index.at(valid_at, Version(version)).counted)

    assert counted == reread(events, valid_at, version) == as_of(posted(events), valid_at, version)


@given(histories(), days, st.data(), st.sampled_from(POLICIES))
@small
def test_the_board_ranks_as_the_domain_does(
    events: list[Recorded], day: str, data: st.DataObject, policy: Any
) -> None:
    index, valid_at = indexed(events), end_of(day, ZONE)
    version = data.draw(st.integers(1, len(events)))
    contest = index.contest(Version(version))

    _, lines = Board(contest, index, policy).table(index.at(valid_at, Version(version)), valid_at)

    placed = rank(contest.candidates, as_of(posted(events), valid_at, version), policy)
    assert [(one["candidate"], one["rank"], one["score"]) for one in lines] == [
        (one.candidate.id, one.rank, one.score) for one in placed
    ]
    assert [one["counts"] for one in lines] == [
        {category: {"count": count, "members": members} for category, (count, members) in one.counts.items()}
        for one in placed
    ]


@given(histories(), days, st.data(), st.sampled_from(POLICIES))
@small
def test_the_bounds_hold_a_score_between_them_and_meet_where_every_date_is_certain(
    events: list[Recorded], day: str, data: st.DataObject, policy: Any
) -> None:
    index, valid_at = indexed(events), end_of(day, ZONE)
    version = data.draw(st.integers(1, len(events)))
    board = Board(index.contest(Version(version)), index, policy)

    _, lines = board.table(index.at(valid_at, Version(version)), valid_at)

    certain = not any(mark in orjson.dumps(one.event).decode() for one in events for mark in "~?%")
    for line in lines:
        assert line["low"] <= line["score"] <= line["high"]
        if certain and all(_is_a_day(one) for one in events):
            assert line["low"] == line["high"]


def _told(index: Index, policy: Policy, valid_at: Instant, version: int, now: int) -> list[Any]:
    """What version `now` tells of a valid time in the lines that `version` has: its scores, bounds and withdrawals."""
    candidates = index.contest(Version(version)).candidates
    board = Board(index.contest(Version(now)), index, policy)
    _, lines = board.table(index.at(valid_at, Version(now)), valid_at, frozenset(candidates))
    told = ("candidate", "score", "low", "high", "withdrew_at")
    return sorted([line[name] for name in told] for line in lines)


@given(histories(), days, st.data(), st.sampled_from(POLICIES))
@small
def test_a_correction_is_the_first_version_that_changes_a_line(
    events: list[Recorded], day: str, data: st.DataObject, policy: Policy
) -> None:
    index, valid_at = indexed(events), end_of(day, ZONE)
    version = data.draw(st.integers(1, len(events)))
    board = Board(index.contest(Version(version)), index, policy)
    told = [_told(index, policy, valid_at, version, now) for now in range(version, len(events) + 1)]

    changed = [at for at in range(1, len(told)) if told[at] != told[at - 1]]
    first = version + changed[0] if changed else None

    assert attribution.corrected_by(index, board, valid_at, Version(version)) == first
    if told[-1] != told[0]:
        assert index.changed_since(valid_at, Version(version), index.at(valid_at, Version(version)))


def _is_a_day(one: Recorded) -> bool:
    dates = [getattr(one.event, name, None) for name in ("announced_at", "retracted_at")]
    return all(not isinstance(date, str) or len(date) >= len("2020-06-01") for date in dates)


@given(histories(), days, st.data())
@small
def test_the_states_name_the_endorsements_in_force(
    events: list[Recorded], day: str, data: st.DataObject
) -> None:
    index, valid_at = indexed(events), end_of(day, ZONE)
    version = data.draw(st.integers(1, len(events)))
    book = Everything()
    for one in events[:version]:
        book.take(one)
    known = [one for one in book.endorsements.values() if isinstance(one, Endorsement) and not one.struck]
    known.sort(key=lambda one: one.first_version)

    every = versions_of(index.states.table(), Version(version), valid_at, Filter(in_force=False), 0, 1000)
    active = versions_of(index.states.table(), Version(version), valid_at, Filter(), 0, 1000)
    paged = [
        found
        for after in [0, *(f for f, _ in active[:-1])]
        for found in versions_of(index.states.table(), Version(version), valid_at, Filter(), after, 1)
    ]

    assert every == [(one.first_version, one.version) for one in known]
    assert paged == active
    assert len(active) == sum(count for count, _ in reread(events, valid_at, version).values())


def test_the_runs_of_these_tests_have_several_levels() -> None:
    sums = Sums()
    for version in range(1, 40):
        sums.append(Version(version), Instant(NOW + version), [SumRow(Instant(version), 0, 1)])
    _ = sums.rows

    sums.seal()

    assert [len(level) for level in sums._levels] == [9, 4, 2, 1]
    assert sums.at(Instant(20), Version(39)).tolist() == [20, 0]
