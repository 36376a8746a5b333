"""What an event does to the counts.

An endorsement stands for at most two postings: +1 when it begins, -1 when it ends. An event posts the difference
between what the endorsement stood for before and after it; so a correction posts the reverse of what it corrects,
and the postings of a struck endorsement sum to nothing.

A date that is uncertain counts from its nominal start. How far the counts may be off for that, `may_stand_for` tells.
"""

from typing import NamedTuple

from shared.domain.endorsement import Endorsement
from shared.domain.times import Instant, bounds_of, is_certain, start_of


class Posting(NamedTuple):
    """At instant `valid_at`, `delta` endorsements (±1) and `members` (±) for one candidate in one category."""

    valid_at: Instant
    candidate: str
    category: str
    delta: int
    members: int


def stands_for(endorsement: Endorsement | None, zone: str) -> tuple[Posting, ...]:
    """The postings whose sum the endorsement is."""
    if endorsement is None or endorsement.struck:
        return ()
    return _between(endorsement, *_nominal(endorsement, zone))


def may_stand_for(
    endorsement: Endorsement | None, zone: str
) -> tuple[tuple[Posting, ...], tuple[Posting, ...]]:
    """How far its counts may be off because of uncertain dates: postings of doubt (down) and of possibility (up).

    Summed up to any valid time, as postings are, what it stands for less its doubt is what counts whatever the true
    dates are, and what it stands for with its possibility is what counts under some true dates. Both are empty where
    every date is certain. Where its end may come before it surely began, nothing is sure.
    """
    if endorsement is None or endorsement.struck or _has_certain_dates(endorsement):
        return (), ()
    begins_first, begins_last = bounds_of(endorsement.announced_at, zone, "announced_at")
    ends_first, ends_last = _bounds_of_end(endorsement, zone)
    sure = _during(endorsement, begins_last, ends_first)
    nominal = _during(endorsement, *_nominal(endorsement, zone))
    possible = _during(endorsement, begins_first, ends_last)
    return _change(sure, nominal), _change(nominal, possible)


def difference(before: Endorsement | None, after: Endorsement | None, zone: str) -> tuple[Posting, ...]:
    """What leads from one state of an endorsement to the next, reversals first."""
    becomes = stands_for(after, zone)
    return becomes if before is None else _change(stands_for(before, zone), becomes)


def _change(was: tuple[Posting, ...], becomes: tuple[Posting, ...]) -> tuple[Posting, ...]:
    reversals = tuple(
        posting._replace(delta=-posting.delta, members=-posting.members)
        for posting in was
        if posting not in becomes
    )
    return reversals + tuple(posting for posting in becomes if posting not in was)


def _has_certain_dates(endorsement: Endorsement) -> bool:
    ends = endorsement.retracted_at
    return is_certain(endorsement.announced_at) and (ends is None or is_certain(ends))


def _nominal(endorsement: Endorsement, zone: str) -> tuple[Instant, Instant | None]:
    """From and until when it counts."""
    begins = start_of(endorsement.announced_at, zone, "announced_at")
    ends = endorsement.retracted_at
    return begins, None if ends is None else start_of(ends, zone, "retracted_at")


def _bounds_of_end(endorsement: Endorsement, zone: str) -> tuple[Instant, Instant] | tuple[None, None]:
    ends = endorsement.retracted_at
    return (None, None) if ends is None else bounds_of(ends, zone, "retracted_at")


def _during(endorsement: Endorsement, begins: Instant, ends: Instant | None) -> tuple[Posting, ...]:
    """As `_between`, but an end at or before the beginning leaves nothing."""
    return () if ends is not None and ends <= begins else _between(endorsement, begins, ends)


def _between(endorsement: Endorsement, begins: Instant, ends: Instant | None) -> tuple[Posting, ...]:
    cell = endorsement.candidate, endorsement.category
    begun = Posting(begins, *cell, 1, endorsement.members)
    return (begun,) if ends is None else (begun, Posting(ends, *cell, -1, -endorsement.members))
