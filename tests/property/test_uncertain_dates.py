"""How far an endorsement's counts may be off for its dates: checked against what is in force under the true dates."""

from itertools import product

from hypothesis import assume, example, given
from hypothesis import strategies as st

from shared.domain.endorsement import Endorsement
from shared.domain.postings import Posting, may_stand_for, stands_for
from shared.domain.times import bounds_of, format_instant, is_certain, start_of
from tests.builders import ZONE, endorsement

MEMBERS = 700_000
DAY = 24 * 3_600_000_000

# Near each other, so that bounds meet, overlap and cross.
days = st.builds("{}-{:02d}".format, st.sampled_from(("2019-12", "2020-01", "2020-02")), st.integers(1, 29))
periods = days | st.sampled_from(("2019-11", "2019-12", "2020-01", "2020-02", "2019", "2020"))
instants = st.integers(start_of("2019-12-01", ZONE), start_of("2020-03-01", ZONE)).map(format_instant)
dates = st.builds("{}{}".format, periods, st.sampled_from(("", "~", "?", "%"))) | instants


@st.composite
def endorsements(draw: st.DrawFn) -> Endorsement:
    """One of a union with members, whose end does not nominally precede its beginning."""
    begins, ends = draw(dates), draw(st.none() | dates)
    assume(ends is None or start_of(begins, ZONE) <= start_of(ends, ZONE))
    return endorsement(announced_at=begins, retracted_at=ends, members=MEMBERS)


def moments_of(one: Endorsement) -> list[int]:
    """The instants at which something may change for it, and those beside them."""
    texts = [one.announced_at] + ([one.retracted_at] if one.retracted_at else [])
    changes = {at for text in texts for at in (start_of(text, ZONE), *bounds_of(text, ZONE))}
    return sorted(at + step for at in changes for step in (-1, 0, 1))


moments = st.integers(start_of("2018-11-01", ZONE), start_of("2022-02-01", ZONE))


def counted(postings: tuple[Posting, ...], valid_at: int) -> int:
    """The count at an instant, once it is seen that members go with it."""
    valid = [posting for posting in postings if posting.valid_at <= valid_at]
    assert all((posting.candidate, posting.category) == ("ann", "governor") for posting in valid)
    count = sum(posting.delta for posting in valid)
    assert sum(posting.members for posting in valid) == count * MEMBERS
    return count


def counts(one: Endorsement, valid_at: int) -> tuple[int, int, int]:
    """At least, nominally and at most."""
    doubt, possible = may_stand_for(one, ZONE)
    nominal = counted(stands_for(one, ZONE), valid_at)
    return nominal - counted(doubt, valid_at), nominal, nominal + counted(possible, valid_at)


def ends_of(one: Endorsement) -> tuple[int, int]:
    never = start_of("9998", ZONE)
    return (never, never) if one.retracted_at is None else bounds_of(one.retracted_at, ZONE)


@given(endorsements(), moments)
@example(endorsement(announced_at="2020-01", retracted_at="2020-01", members=MEMBERS), 0)
@example(endorsement(announced_at="2020-01~", retracted_at="2020-01-01", members=MEMBERS), 0)
@example(endorsement(announced_at="2020-01", retracted_at="2020-01-17", members=MEMBERS), 0)
@example(endorsement(announced_at="2020-01-01", retracted_at="2020-01-01~", members=MEMBERS), 0)
def test_at_every_moment_the_counts_are_those_of_the_certain_and_of_the_possible_interval(
    one: Endorsement, moment: int
) -> None:
    (begins_first, begins_last), (ends_first, ends_last) = bounds_of(one.announced_at, ZONE), ends_of(one)

    for valid_at in (*moments_of(one), moment):
        lower, nominal, upper = counts(one, valid_at)
        assert 0 <= lower <= nominal <= upper <= 1
        assert lower == (begins_last <= valid_at < ends_first)
        assert upper == (begins_first <= valid_at < ends_last)


@given(endorsements(), moments, st.data())
def test_whatever_the_true_dates_are_what_is_in_force_lies_between_and_some_reach_either_side(
    one: Endorsement, moment: int, data: st.DataObject
) -> None:
    begins, ends = bounds_of(one.announced_at, ZONE), ends_of(one)
    drawn = data.draw(st.integers(*begins)), data.draw(st.integers(*ends))

    for valid_at in (*moments_of(one), moment):
        lower, _, upper = counts(one, valid_at)
        in_force = [start <= valid_at < end for start, end in product((*begins, drawn[0]), (*ends, drawn[1]))]
        assert (lower, upper) == (min(in_force), max(in_force))


@given(endorsements())
def test_nothing_is_posted_where_every_date_is_certain_or_the_endorsement_never_was(one: Endorsement) -> None:
    if is_certain(one.announced_at) and (one.retracted_at is None or is_certain(one.retracted_at)):
        assert may_stand_for(one, ZONE) == ((), ())
    assert may_stand_for(None, ZONE) == ((), ())
    assert may_stand_for(endorsement(announced_at="2020", struck=True), ZONE) == ((), ())


@given(endorsements())
def test_a_posting_of_doubt_or_possibility_is_of_one_endorsement_and_no_two_cancel(one: Endorsement) -> None:
    for postings in may_stand_for(one, ZONE):
        assert all(posting.delta in (1, -1) for posting in postings)
        assert len({posting.valid_at for posting in postings}) == len(postings) <= 4
