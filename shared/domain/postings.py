"""What an event does to the counts.

An endorsement stands for at most two postings: +1 when it begins, -1 when it ends. An event posts the difference
between what the endorsement stood for before and after it; so a correction posts the reverse of what it corrects,
and the postings of a struck endorsement sum to nothing.
"""

from typing import NamedTuple

from shared.domain.endorsement import Endorsement
from shared.domain.times import start_of


class Posting(NamedTuple):
    """At instant `valid_at`, `delta` endorsements (±1) and `members` (±) for one candidate in one category."""

    valid_at: int
    candidate: str
    category: str
    delta: int
    members: int


def stands_for(endorsement: Endorsement | None, zone: str) -> tuple[Posting, ...]:
    """The postings whose sum the endorsement is."""
    if endorsement is None or endorsement.struck:
        return ()
    cell = endorsement.candidate, endorsement.category
    begins = Posting(start_of(endorsement.announced_at, zone, "announced_at"), *cell, 1, endorsement.members)
    if endorsement.retracted_at is None:
        return (begins,)
    ends = Posting(start_of(endorsement.retracted_at, zone, "retracted_at"), *cell, -1, -endorsement.members)
    return begins, ends


def difference(before: Endorsement | None, after: Endorsement | None, zone: str) -> tuple[Posting, ...]:
    """What leads from one state of an endorsement to the next, reversals first."""
    becomes = stands_for(after, zone)
    if before is None:
        return becomes
    was = stands_for(before, zone)
    reversals = tuple(
        posting._replace(delta=-posting.delta, members=-posting.members)
        for posting in was
        if posting not in becomes
    )
    return reversals + tuple(posting for posting in becomes if posting not in was)
