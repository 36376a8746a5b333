"""What made a difference, when it was last learned and where a day ends: as a plain reading of the postings says."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.api.engine import attribution, seen, series, sums
from services.api.engine.attribution import SeenMoment, VersionEffect
from services.api.engine.boards import Board
from services.api.engine.calendar import Step, ends_of
from services.api.engine.index import Index, LedgerEntry
from services.api.engine.seen import Reset, Seen, seen_at
from services.api.engine.series import Look
from shared.domain.book import Cell, Totals
from shared.domain.contest import Candidate, Contest
from shared.domain.events import Version
from shared.domain.policies import Policy
from shared.domain.policy_texts import made_up
from shared.domain.postings import Posting
from shared.domain.times import Instant, instant
from shared.storage.codec import encode_state

CANDIDATES = ("ann", "bob", "cy")
CATEGORIES = ("governor", "mayor", "union")
CONTEST = Contest(
    "race",
    "Race",
    "UTC",
    "server",
    "1970-01-01",
    {one: Candidate(one, one.title(), "", "1970-01-01") for one in CANDIDATES},
)
WEIGHTED = [
    made_up("governor:10,mayor:0,union/member:0.5,default:1"),
    made_up("mayor:-2,union/member:1000000000000"),
]

postings = st.builds(
    Posting,
    st.integers(1, 30),
    st.sampled_from(CANDIDATES),
    st.sampled_from(CATEGORIES),
    st.sampled_from((-1, 1)),
    st.sampled_from((0, 0, 7)),
)
logs = st.lists(st.tuples(st.integers(0, 4), st.lists(postings, max_size=4)), max_size=25)
policies = st.sampled_from(WEIGHTED)


def drawn(seed: int) -> list[tuple[int, list[Posting]]]:
    """A log of more than a few examples hit upon."""
    draw = Random(seed)
    return [
        (
            draw.randint(0, 2),
            [
                Posting(
                    Instant(draw.randint(1, 30)),
                    draw.choice(CANDIDATES),
                    draw.choice(CATEGORIES),
                    draw.choice((-1, 1)),
                    draw.choice((0, 0, 7)),
                )
                for _ in range(draw.randint(0, 3))
            ],
        )
        for _ in range(25)
    ]


LONG, OTHER = drawn(1), drawn(2)
EVERY_DAY = list(range(41))


class Known(NamedTuple):
    """A posting with the version that posted it and when that became known."""

    version: int
    known_at: int
    posting: Posting


def filled(log: list[tuple[int, list[Posting]]]) -> tuple[Index, list[Known]]:
    """The index after a contest was opened and these were posted, and a plain list of the same."""
    index, known_at, known = Index("race", 1), 1, []
    totals: dict[Cell, Totals] = {}
    index.append(LedgerEntry(Version(1), Instant(known_at), (), encode_state(CONTEST), None, _history(1)))
    for version, (later, posted) in enumerate(log, start=2):
        known_at += later
        for one in posted:
            count, members = totals.get((one.candidate, one.category), (0, 0))
            totals[one.candidate, one.category] = count + one.delta, members + one.members
        after = tuple((one, totals[one.candidate, one.category]) for one in posted)
        index.append(LedgerEntry(Version(version), Instant(known_at), after, None, None, _history(version)))
        known += [Known(version, known_at, one) for one in posted]
    return index, known


def _history(version: int) -> str:
    """Sixteen digits, of which the first is above 7 too: they are held as signed numbers."""
    return f"{(version * 0x1F2E3D4C5B6A7988) % 2**64:016x}"


def units_of(policy: Policy, posting: Posting) -> int:
    each, for_each_member = policy.worth(posting.category)
    return each * posting.delta + for_each_member * posting.members


def effects(
    policy: Policy, known: list[Known], sign_of: Callable[[Known], int], limit: int
) -> list[VersionEffect]:
    """What versions did to scores, by adding up their postings one by one."""
    found: dict[int, dict[int, int]] = {}
    for one in known:
        units = found.setdefault(one.version, {})
        place = CANDIDATES.index(one.posting.candidate)
        units[place] = units.get(place, 0) + sign_of(one) * units_of(policy, one.posting)
    moved = [
        VersionEffect(Version(version), {n: one for n, one in by.items() if one})
        for version, by in found.items()
    ]
    return [one for one in moved if one.units][:limit]


@given(logs, policies, st.tuples(*[st.integers(0, 32)] * 2), st.tuples(*[st.integers(0, 27)] * 2))
@example(LONG, WEIGHTED[0], (20, 10), (12, 24))
@example(OTHER, WEIGHTED[1], (8, 28), (26, 9))
@example(LONG, WEIGHTED[1], (30, 30), (0, 26))
def test_the_events_between_two_moments_are_those_that_count_at_one_of_them(
    log: list[tuple[int, list[Posting]]],
    policy: Policy,
    valid_ats: tuple[int, int],
    versions: tuple[int, int],
) -> None:
    index, known = filled(log)
    board = Board(CONTEST, index, policy)
    before, after = (
        SeenMoment(Instant(at), Version(version)) for at, version in zip(valid_ats, versions, strict=True)
    )

    def counts(one: Known, moment: SeenMoment) -> bool:
        return one.version <= moment.version and one.posting.valid_at <= moment.valid_at

    def sign_of(one: Known) -> int:
        return counts(one, after) - counts(one, before)

    for limit in (1, 3, 100):
        found = attribution.between(index.seen(), board, before, after, limit)
        assert found == effects(policy, known, sign_of, limit)


@given(logs, policies, st.integers(0, 32), st.integers(0, 27))
@example(LONG, WEIGHTED[0], 20, 8)
@example(OTHER, WEIGHTED[1], 30, 0)
@example(OTHER, WEIGHTED[0], 15, 1)
def test_the_events_about_a_day_are_those_learned_later_that_moved_a_score_of_it(
    log: list[tuple[int, list[Posting]]], policy: Policy, valid_at: int, after: int
) -> None:
    index, known = filled(log)
    board = Board(CONTEST, index, policy)

    def sign_of(one: Known) -> int:
        return one.version > after and one.posting.valid_at <= valid_at

    for limit in (1, 3, 100):
        found = attribution.about(index.seen(), board, Instant(valid_at), after, limit)
        assert found == effects(policy, known, sign_of, limit)


@pytest.mark.parametrize("limit", [1, 25, 26, 50, 51])
def test_events_are_looked_at_until_there_are_enough(limit: int) -> None:
    """More of them than are looked at before it is seen whether they were enough; every second one cancels itself."""
    up, down = (Posting(Instant(5), "ann", "governor", delta, 0) for delta in (1, -1))
    index, known = filled([(1, [up] if number % 2 else [up, down]) for number in range(400)])
    board = Board(CONTEST, index, WEIGHTED[0])

    found = attribution.about(index.seen(), board, Instant(5), 0, limit)

    assert found == effects(WEIGHTED[0], known, lambda _: 1, limit)
    assert len(found) == limit


@given(logs, st.lists(st.integers(0, 40), max_size=12, unique=True), policies)
@example(LONG, EVERY_DAY, WEIGHTED[0])
@example(OTHER, EVERY_DAY[::5], WEIGHTED[1])
@example([], EVERY_DAY, WEIGHTED[0])
def test_a_day_is_settled_when_something_about_it_was_last_learned_after_it(
    log: list[tuple[int, list[Posting]]], ends: list[int], policy: Policy
) -> None:
    index, known = filled(log)
    board = Board(CONTEST, index, policy)
    days = sorted(ends)

    found = series.settled_at(index.seen(), board, np.array(days, np.int64))

    def about(one: Known, day: int) -> bool:
        each, for_each_member = policy.worth(one.posting.category)
        counts = each or (for_each_member and one.posting.members)
        return bool(counts) and one.posting.valid_at <= day < one.known_at

    assert found == [max((one.known_at for one in known if about(one, day)), default=None) for day in days]


@given(logs, st.sampled_from(("valid", "known", "both")), *[st.integers(0, 32)] * 3, st.integers(0, 27))
@example(LONG, "both", 5, 28, 12, 20)
@example(OTHER, "known", 3, 30, 12, 22)
@example(OTHER, "valid", 0, 30, 0, 26)
def test_a_look_changes_where_a_posting_of_it_begins_to_count(
    log: list[tuple[int, list[Posting]]], axis: series.Axis, begin: int, end: int, valid_at: int, version: int
) -> None:
    index, known = filled(log)

    found = series.changes(index.seen(), Look(axis, Version(version), Instant(valid_at)), begin, end)

    starts = {since for since, _ in looked_at(known, Look(axis, Version(version), Instant(valid_at)))}
    assert found.tolist() == sorted(since for since in starts if begin <= since <= end)


AXES = st.sampled_from(("valid", "known", "both"))
instants = st.lists(st.integers(0, 40), max_size=12, unique=True).map(sorted)


def looked_at(known: list[Known], look: Look) -> list[tuple[int, Posting]]:
    """The postings of a look, each with the instant from which it counts."""
    return [
        (
            {"valid": one.posting.valid_at, "known": one.known_at}.get(
                look.axis, max(one.known_at, one.posting.valid_at)
            ),
            one.posting,
        )
        for one in known
        if one.version <= look.version and (look.axis != "known" or one.posting.valid_at <= look.valid_at)
    ]


def summed(known: list[Known], look: Look, policy: Policy, at: int) -> list[int]:
    """Every candidate's units at an instant, by adding up."""
    counting = [posting for since, posting in looked_at(known, look) if since <= at]
    return [
        sum(units_of(policy, one) for one in counting if one.candidate == candidate)
        for candidate in CANDIDATES
    ]


@given(
    logs,
    AXES,
    instants,
    policies,
    st.integers(0, 32),
    st.integers(0, 27),
    st.sampled_from([None, [1], [2, 0]]),
)
@example(LONG, "both", EVERY_DAY, WEIGHTED[0], 12, 24, None)
@example(OTHER, "known", EVERY_DAY[::3], WEIGHTED[1], 12, 26, [1])
@example(OTHER, "valid", EVERY_DAY, WEIGHTED[0], 12, 20, [2, 0])
def test_a_series_has_every_score_at_every_instant(
    log: list[tuple[int, list[Posting]]],
    axis: series.Axis,
    ats: list[int],
    policy: Policy,
    valid_at: int,
    version: int,
    shown: list[int] | None,
) -> None:
    index, known = filled(log)
    board, look = Board(CONTEST, index, policy), Look(axis, Version(version), Instant(valid_at))

    places = None if shown is None else np.array(shown)
    found = series.series(index.seen(), board, look, np.array(ats, np.int64), places)

    expected = [summed(known, look, policy, at) for at in ats]
    assert found.instants.tolist() == ats
    assert found.units.tolist() == [[row[n] for n in shown or range(3)] for row in expected]


@given(logs, AXES, instants, policies, st.integers(0, 32), st.integers(0, 27))
@example(LONG, "both", EVERY_DAY, WEIGHTED[0], 12, 24)
@example(OTHER, "known", EVERY_DAY[::3], WEIGHTED[1], 12, 26)
@example(OTHER, "valid", EVERY_DAY, WEIGHTED[0], 12, 20)
def test_scores_change_at_the_instants_at_which_some_score_does(
    log: list[tuple[int, list[Posting]]],
    axis: series.Axis,
    ats: list[int],
    policy: Policy,
    valid_at: int,
    version: int,
) -> None:
    index, known = filled(log)
    board, look = Board(CONTEST, index, policy), Look(axis, Version(version), Instant(valid_at))

    found = series.changing(index.seen(), board, look, np.array(ats, np.int64))

    rows = [summed(known, look, policy, at) for at in ats]
    assert found.tolist() == [at for n, at in enumerate(ats) if n == 0 or rows[n] != rows[n - 1]]


@pytest.mark.parametrize("postings_each", [1, 2, 3, 4, 5])
def test_sums_that_64_bits_do_not_hold_are_exact(postings_each: int) -> None:
    """Each posting is worth 3 * 10^18 units; 2^62 is about 4.6, and 2^63 about 9.2 of them."""
    policy = made_up("union/member:1000000000000")
    index, known = filled([(1, [Posting(Instant(5), "ann", "union", 1, 3_000_000)])] * postings_each)
    board, look = Board(CONTEST, index, policy), Look("valid", index.version, Instant(0))

    found = series.series(index.seen(), board, look, np.array([4, 5]))

    assert found.units.tolist() == [[0, 0, 0], [3 * 10**18 * postings_each, 0, 0]]
    assert found.units.tolist()[1] == summed(known, look, policy, 5)
    assert series.changing(index.seen(), board, look, np.array([4, 5])).tolist() == [4, 5]


@given(logs, st.integers(0, 60))
def test_versions_are_known_from_when_they_were_learned(
    log: list[tuple[int, list[Posting]]], at: int
) -> None:
    index, _ = filled(log)
    known_ats = [1]
    for later, _ in log:
        known_ats.append(known_ats[-1] + later)

    assert index.version_at(Instant(at)) == sum(known_at <= at for known_at in known_ats)
    assert [index.known_at(Version(version)) for version in range(1, index.version + 1)] == known_ats
    assert index.known_ats(np.arange(1, index.version + 1)).tolist() == known_ats


@given(logs)
def test_every_version_ends_its_own_history(log: list[tuple[int, list[Posting]]]) -> None:
    index, _ = filled(log)

    expected = ["", _history(1), *(_history(one) for one in range(2, index.version + 1))]
    assert [index.history_at(Version(version)) for version in range(index.version + 1)] == expected
    assert index.history_at(index.version) == index.history


@given(logs, st.integers(0, 32), st.integers(0, 27))
@example(LONG, 20, 10)
@example(OTHER, 3, 24)
def test_a_moment_changed_where_a_later_version_moved_a_sum_of_it(
    log: list[tuple[int, list[Posting]]], valid_at: int, version: int
) -> None:
    index, known = filled(log)
    version = min(version, index.version)
    then = index.at(Instant(valid_at), Version(version))
    later: dict[tuple[str, str], tuple[int, int]] = {}
    for one in known:
        if one.version > version and one.posting.valid_at <= valid_at:
            cell = one.posting.candidate, one.posting.category
            count, members = later.get(cell, (0, 0))
            later[cell] = count + one.posting.delta, members + one.posting.members

    changed = any(moved != (0, 0) for moved in later.values())
    assert index.changed_since(Instant(valid_at), Version(version), then) == changed


@pytest.mark.parametrize(("valid_at", "changed"), [(10, True), (11, False)])
def test_a_moment_changes_where_a_cell_counts_that_was_not_there_when_it_was_asked_about(
    valid_at: int, changed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sums, "RUN", 1)  # as where many postings follow
    index, _ = filled([(1, [Posting(Instant(5), "ann", "mayor", 1, 0)])])
    then = index.at(Instant(10), Version(2))
    posting = Posting(Instant(valid_at), "bob", "union", 1, 0)
    index.append(LedgerEntry(Version(3), Instant(9), ((posting, (1, 0)),), None, None, _history(3)))

    assert index.changed_since(Instant(10), Version(2), then) == changed


ZONES = ("UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "America/Sao_Paulo")
moments = st.integers(0, 14_000).map(
    lambda hours: datetime(1995, 1, 1, tzinfo=UTC) + timedelta(hours=25 * hours)
)


@given(st.sampled_from(("day", "week", "month")), moments, st.integers(0, 400), st.sampled_from(ZONES))
@example("day", datetime(2011, 12, 28, tzinfo=UTC), 5, "Pacific/Apia")
@example("month", datetime(2026, 1, 31, 12, tzinfo=UTC), 100, "UTC")
@example("month", datetime(2026, 1, 1, 2, tzinfo=UTC), 70, "America/New_York")
@example("week", datetime(2026, 1, 5, 2, tzinfo=UTC), 30, "America/New_York")
def test_days_weeks_and_months_end_where_the_next_one_begins(
    step: Step, begin: datetime, days: int, zone: str
) -> None:
    place, end = ZoneInfo(zone), begin + timedelta(days=days, hours=5)
    first = begin.astimezone(place).date()

    def starts(day: date) -> bool:
        return step == "day" or (day.weekday() == 0 if step == "week" else day.day == 1)

    following = [first + timedelta(days=n) for n in range(1, days + 45)]
    midnights = [datetime(day.year, day.month, day.day, tzinfo=place) for day in following if starts(day)]
    expected = sorted({instant(midnight.astimezone(UTC)) - 1 for midnight in midnights})
    until = instant(end)

    found = ends_of(step, instant(begin), until, zone, 1000)

    assert found == [*(one for one in expected if one < until), until]


def test_an_end_that_a_day_has_too_is_there_once() -> None:
    begin, end = instant(datetime(2026, 1, 1, tzinfo=UTC)), instant(datetime(2026, 1, 3, tzinfo=UTC)) - 1

    assert len(ends_of("day", begin, end, "UTC", 10)) == 2


@pytest.mark.parametrize(("most", "ends"), [(0, 2), (3, 5), (4, 5), (5, 5)])
def test_no_more_days_are_counted_than_tell_that_there_are_too_many(most: int, ends: int) -> None:
    begin, end = instant(datetime(2026, 1, 1, tzinfo=UTC)), instant(datetime(2026, 1, 5, 12, tzinfo=UTC))

    found = ends_of("day", begin, end, "UTC", most)

    assert (len(found), found[-1]) == (ends, end)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("103", Seen(Version(103))),
        ("103-1f2e3d4c5b6a7988", Seen(Version(103), "1f2e3d4c5b6a7988")),
        ("0", Seen(Version(0))),
        ("007", Seen(Version(7))),
    ],
)
def test_a_version_is_read_with_its_history(text: str, read: Seen) -> None:
    assert seen.read(text) == read
    assert str(read) == (text.lstrip("0") or "0")


def test_a_version_that_was_seen_is_of_another_history_only_where_that_can_be_told() -> None:
    index, _ = filled([(1, []), (1, [])])
    mine = seen_at(index, Version(2))

    assert mine == Seen(Version(2), index.history_at(Version(2)))
    assert not mine.is_other(index)
    assert not seen_at(index, Version(3)).is_other(index)
    assert not Seen(Version(2)).is_other(index), "nobody said"
    assert not Seen(Version(4), "1f2e3d4c5b6a7988").is_other(index), "it is not there yet"
    mine.refuse_other("version", index)
    for version in (1, 2, 3):
        with pytest.raises(Reset) as refused:
            Seen(Version(version), "0123456789abcdef").refuse_other("version", index)
        assert refused.value.field == "version"
        assert str(refused.value).startswith("the log of contest 'race' was lost or replaced: it has another")
        assert refused.value.way_out == "forget what you have of this contest and begin anew"
        assert refused.value.value == f"{version}-0123456789abcdef"
        assert refused.value.more == {"contest": "race", "version": 3, "history": index.history}
