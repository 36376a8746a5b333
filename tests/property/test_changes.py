"""What changes tell of scores and ranks is what counting from the beginning gives, before and after."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.policies import Policy, scores
from shared.domain.postings import Posting
from shared.domain.scoreboard import Place, Scoreboard, rewrites_since
from shared.domain.times import Instant, start_of
from shared.values.policies import BUILT_IN

CANDIDATES = ("ann", "bob", "cy", "dee")
OWN = Policy("own", 1, "Own", "test", {"mayor": Decimal("-0.5"), "governor": Decimal("1.25")})
POLICIES = (*BUILT_IN, OWN)

postings = st.builds(
    Posting,
    st.just(0),
    st.sampled_from(CANDIDATES),
    st.sampled_from(["governor", "mayor", "labor-union", "astronaut"]),
    st.sampled_from([-1, 1]),
    st.sampled_from([-100, 0, 100]),
)


def counted(listed: list[Posting]) -> dict[tuple[str, str], tuple[int, int]]:
    totals: dict[tuple[str, str], tuple[int, int]] = {}
    for one in listed:
        count, members = totals.get((one.candidate, one.category), (0, 0))
        totals[one.candidate, one.category] = count + one.delta, members + one.members
    return totals


def places(policy: Policy, listed: list[Posting]) -> dict[str, Place]:
    """Counted from the beginning."""
    units = dict.fromkeys(CANDIDATES, 0) | scores(policy, counted(listed))
    return {
        candidate: Place(own, 1 + sum(other > own for other in units.values()))
        for candidate, own in units.items()
    }


@given(st.lists(postings, max_size=20), st.lists(st.lists(postings, max_size=4), max_size=10))
def test_every_move_and_no_other_is_told(before: list[Posting], versions: list[list[Posting]]) -> None:
    scoreboard = Scoreboard(POLICIES, CANDIDATES, counted(before))
    known = list(before)
    for version in versions:
        told = {(one.policy.id, one.candidate): (one.before, one.after) for one in scoreboard.move(version)}
        expected = {}
        for policy in POLICIES:
            was, becomes = places(policy, known), places(policy, known + version)
            for candidate in CANDIDATES:
                if was[candidate] != becomes[candidate]:
                    expected[policy.id, candidate] = was[candidate], becomes[candidate]
        assert told == expected
        known += version


def test_a_candidate_that_enters_stands_at_nothing() -> None:
    scoreboard = Scoreboard([BUILT_IN[0]], ["ann"], {})
    scoreboard.enter(["ann", "bob"])

    moves = scoreboard.move([Posting(Instant(0), "bob", "governor", 1, 0)])

    assert [(one.candidate, one.before, one.after) for one in moves] == [
        ("ann", Place(0, 1), Place(0, 2)),
        ("bob", Place(0, 1), Place(10, 1)),
    ]


@pytest.mark.parametrize(
    ("valid_at", "known_at", "rewrites"),
    [
        ("2025-07-01T04:00:00Z", "2025-07-01T18:00:00Z", False),
        ("2025-07-01T04:00:00Z", "2025-07-02T03:59:59Z", False),
        ("2025-07-01T04:00:00Z", "2025-07-02T04:00:00Z", True),
        ("2025-07-01T04:00:00Z", "2025-08-02T04:00:00Z", True),
        ("2025-07-03T04:00:00Z", "2025-07-02T04:00:00Z", False),
    ],
)
def test_the_past_reads_otherwise_when_a_day_that_was_over_changes(
    valid_at: str, known_at: str, rewrites: bool
) -> None:
    at, known = start_of(valid_at, "UTC"), start_of(known_at, "UTC")
    later = Posting(Instant(known + 1), "ann", "mayor", -1, 0)

    found = rewrites_since([later, Posting(at, "ann", "mayor", 1, 0)], known, "America/New_York")

    assert found == (at if rewrites else None)
    assert rewrites_since([], known, "UTC") is None
