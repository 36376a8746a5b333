"""The comparison of two generations says what summing their postings at each moment says."""

from hypothesis import given
from hypothesis import strategies as st

from services.scorer.comparison import Posted, compare
from shared.domain.events import Version
from shared.domain.postings import Posting
from shared.domain.times import Instant
from tests.oracle import as_of

postings = st.builds(
    Posting,
    st.integers(0, 40),
    st.sampled_from(["ann", "bob"]),
    st.sampled_from(["mayor", "governor"]),
    st.sampled_from([1, -1]),
    st.integers(-3, 3),
)
logs = st.lists(st.tuples(st.integers(1, 60), postings), max_size=60).map(
    lambda pairs: sorted(pairs, key=lambda pair: pair[0])
)


def disagreeing(
    before: list[Posted], after: list[Posted], valid_ats: list[Instant], versions: list[Version]
) -> int:
    return sum(
        as_of(before, valid_at, version) != as_of(after, valid_at, version)
        for version in versions
        for valid_at in valid_ats
    )


@given(logs, logs)
def test_moments_that_differ_are_those_whose_sums_differ(before: list[Posted], after: list[Posted]) -> None:
    found = compare(before, after, Version(60))

    assert found.differing == disagreeing(before, after, found.valid_ats, found.versions)
    for one in found.differences:
        assert as_of(before, one.valid_at, one.version).get(one.cell, (0, 0)) == one.before
        assert as_of(after, one.valid_at, one.version).get(one.cell, (0, 0)) == one.after
        assert one.before != one.after


@given(logs)
def test_a_generation_does_not_differ_from_itself(log: list[Posted]) -> None:
    found = compare(log, list(log), Version(60))

    assert found.differing == 0
    assert found.differences == []


@given(logs.filter(bool), st.data())
def test_one_posting_that_is_missing_is_found_at_the_last_moment(
    log: list[Posted], data: st.DataObject
) -> None:
    missing = data.draw(st.integers(0, len(log) - 1))

    found = compare(log, log[:missing] + log[missing + 1 :], Version(60))

    assert found.versions[-1] == 60
    assert found.differing > 0


def test_the_grid_has_the_first_and_the_last_of_many() -> None:
    log = [(n, Posting(Instant(n), "ann", "mayor", 1, 0)) for n in range(1, 1001)]

    found = compare(log, log, Version(1000))

    assert (found.valid_ats[0], found.valid_ats[-1], found.versions[0], found.versions[-1]) == (
        1,
        1000,
        1,
        1000,
    )
    assert found.moments == 24 * 24
