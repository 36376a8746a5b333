"""A board: a policy laid out over the cells of one contest, so that sums become ranked lines in one pass. Pure."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from services.api.engine.index import Counted, Index
from services.api.engine.states import NEVER
from shared.domain.contest import Candidate, Contest
from shared.domain.decimals import fit_64_bits
from shared.domain.policies import Policy
from shared.domain.scoreboard import ranks
from shared.domain.times import Instant, start_of

Points = int | Decimal

# What Python's objects take, nearly: of a board without anything, a cell, a candidate, and a weight of its policy.
_EMPTY_BYTES, _CELL_BYTES, _CANDIDATE_BYTES, _WEIGHT_BYTES = 2500, 150, 200, 450


class _Cell(NamedTuple):
    """What one cell is worth: for each endorsement and for each member, in the policy's units."""

    channel: int
    candidate: int
    category: str
    weight: int
    member_weight: int


class Board:
    """Ranks the candidates of a contest under a policy; `categories` limits what counts."""

    def __init__(
        self, contest: Contest, index: Index, policy: Policy, categories: frozenset[str] | None = None
    ) -> None:
        self.contest = contest
        self.policy = policy
        self.candidates: Sequence[Candidate] = list(contest.candidates.values())
        numbers = {each.id: number for number, each in enumerate(self.candidates)}
        self._cells = [
            _Cell(2 * number, numbers[candidate], category, *policy.worth(category))
            for number, (candidate, category) in enumerate(index.cells.names)
            if candidate in numbers and (categories is None or category in categories)
        ]
        self._cells.sort(key=lambda cell: (cell.candidate, cell.category))
        self._width = max((cell.channel + 2 for cell in self._cells), default=0)
        names = [(each.name, each.id) for each in self.candidates]
        self._by_name = sorted(range(len(names)), key=names.__getitem__)
        self._withdrawals = [
            NEVER if each.withdrew_at is None else start_of(each.withdrew_at, contest.timezone, "withdrew_at")
            for each in self.candidates
        ]
        self._available = policy.available_units(categories)
        self.points: Callable[[int], Points] = policy.points

    @property
    def nbytes(self) -> int:
        """Bytes held, nearly, with the contest's version and the policy: nothing else may hold them any more."""
        policy = self.policy
        weights = len(policy.weights) + len(policy.member_weights)
        return (
            _EMPTY_BYTES
            + _CELL_BYTES * len(self._cells)
            + _CANDIDATE_BYTES * len(self.candidates)
            + _WEIGHT_BYTES * weights
            + len(policy.source)
        )

    def scores(self, counted: Counted) -> list[int]:
        """Every candidate's score in units, in the order of `candidates`."""
        return self._read(counted)[0]

    def table(
        self, counted: Counted, valid_at: Instant, only: frozenset[str] | None = None
    ) -> tuple[Points, list[dict[str, Any]]]:
        """All candidates' points together, and a line for each candidate or for `only` these, best first.

        Equal scores share a rank (1, 2, 2, 4), and stand by name.
        """
        units, counts = self._read(counted)
        total = sum(units)
        scores = self._points(units)
        low, high = self._points_between(counted, units, scores)
        shares, of_available = _shares(units, total), _shares(units, self._available)
        lines: list[dict[str, Any]] = []
        rank_of = ranks(units)
        # Sorting is stable, so equal scores stay by name.
        for n in sorted(self._by_name, key=units.__getitem__, reverse=True):
            candidate, withdrew_at = self.candidates[n], self._withdrawals[n]
            if only is None or candidate.id in only:
                # Written out here, and not by a function for each: this is where an answer spends its time.
                lines.append(
                    {
                        "rank": rank_of[units[n]],
                        "candidate": candidate.id,
                        "name": candidate.name,
                        "party": candidate.party,
                        "score": scores[n],
                        "low": low[n],
                        "high": high[n],
                        "share": shares[n],
                        "share_of_available": of_available[n],
                        "counts": counts[n],
                        "withdrew_at": candidate.withdrew_at if withdrew_at <= valid_at else None,
                    }
                )
        return self.points(total), lines

    def _points(self, units: list[int]) -> Sequence[Points]:
        if self.policy.places == 0 and fit_64_bits(units):
            return units
        return [self.points(each) for each in units]

    def _points_between(
        self, counted: Counted, units: list[int], scores: Sequence[Points]
    ) -> tuple[Sequence[Points], Sequence[Points]]:
        if counted.doubt is None and counted.possible is None:
            return scores, scores
        low, high = self._bounds(counted, list(units), list(units))
        return self._points(low), self._points(high)

    def _read(self, counted: Counted) -> tuple[list[int], list[dict[str, dict[str, int]]]]:
        """Every candidate's units, and what they are made of by category."""
        sums: list[int] = counted.counted.tolist()
        units = [0] * len(self.candidates)
        counts: list[dict[str, dict[str, int]]] = [{} for _ in self.candidates]
        for channel, candidate, category, weight, member_weight in self._within(len(sums)):
            count, members = sums[channel], sums[channel + 1]
            if count or members:
                units[candidate] += count * weight + members * member_weight
                counts[candidate][category] = {"count": count, "members": members}
        return units, counts

    def places(self, width: int) -> dict[int, tuple[int, int]]:
        """By channel, whose score it counts for and how much."""
        return {
            cell.channel + n: (cell.candidate, weight)
            for cell in self._within(width)
            for n, weight in enumerate((cell.weight, cell.member_weight))
        }

    @property
    def available(self) -> Points | None:
        """The points that could be had, where the policy knows how many endorsers there are."""
        return None if self._available is None else self.points(self._available)

    def _within(self, width: int) -> Sequence[_Cell]:
        """The cells that sums of this width have: sums of an earlier time may have fewer."""
        return self._cells if self._width <= width else [c for c in self._cells if c.channel < width]

    def _bounds(self, counted: Counted, low: list[int], high: list[int]) -> tuple[list[int], list[int]]:
        """What doubt takes from and possibility adds to each score; the other way round where a weight is negative."""
        width = len(counted.counted)
        doubt = [] if counted.doubt is None else counted.doubt.tolist()
        possible = [] if counted.possible is None else counted.possible.tolist()
        doubt += [0] * (width - len(doubt))
        possible += [0] * (width - len(possible))
        for channel, candidate, _, *weights in self._within(width):
            for at, weight in zip((channel, channel + 1), weights, strict=True):
                less, more = doubt[at] * weight, possible[at] * weight
                low[candidate] -= less if weight >= 0 else -more
                high[candidate] += more if weight >= 0 else -less
        return low, high


def _shares(units: list[int], of: int | None) -> Sequence[float | None]:
    """Shares rounded to six places, by whole numbers alone."""
    if not of:
        return [None] * len(units)
    return [(2_000_000 * each + of) // (2 * of) / 1_000_000 for each in units]
