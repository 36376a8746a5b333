"""Standings: candidates by score, at a point of valid time and of known time."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from shared.domain.book import Cell, Totals
from shared.domain.contest import Candidate
from shared.domain.policies import Policy, scores
from shared.domain.postings import Posting


class Placed(NamedTuple):
    """One candidate's place. Equal scores share a rank, and the next rank is skipped (1, 2, 2, 4)."""

    candidate: Candidate
    rank: int
    score: int | Decimal
    counts: dict[str, Totals]


def as_of(postings: Iterable[tuple[int, Posting]], valid_at: int, version: int) -> dict[Cell, Totals]:
    """The totals of every cell: the sum of the postings of versions up to `version` valid at or before `valid_at`.

    `postings` are (version, posting) pairs in version order. Cells whose sums are nothing are left out.
    """
    totals: dict[Cell, Totals] = {}
    for posted, posting in postings:
        if posted > version:
            break
        if posting.valid_at <= valid_at:
            cell = posting.candidate, posting.category
            count, members = totals.get(cell, (0, 0))
            totals[cell] = count + posting.delta, members + posting.members
    return {cell: counted for cell, counted in totals.items() if counted != (0, 0)}


def rank(candidates: Mapping[str, Candidate], totals: Mapping[Cell, Totals], policy: Policy) -> list[Placed]:
    """Every candidate, best first; those of equal score by name."""
    by_candidate: dict[str, dict[str, Totals]] = {candidate: {} for candidate in candidates}
    for (name, category), counted in sorted(totals.items()):
        by_candidate[name][category] = counted
    units = dict.fromkeys(candidates, 0) | scores(policy, totals)
    ordered = sorted(candidates.values(), key=lambda c: (-units[c.id], c.name, c.id))
    placed: list[Placed] = []
    for position, candidate in enumerate(ordered, start=1):
        tied = placed and units[placed[-1].candidate.id] == units[candidate.id]
        place = placed[-1].rank if tied else position
        score = policy.points(units[candidate.id])
        placed.append(Placed(candidate, place, score, by_candidate[candidate.id]))
    return placed
