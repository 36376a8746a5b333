"""A board: a policy laid out over the cells of one contest, so that sums become ranked lines in one pass. Pure."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.api.index import Counted, Index
from services.api.timetravel import Ints
from shared.domain.contest import Candidate, Contest
from shared.domain.policies import Policy
from shared.domain.times import start_of

Points = int | Decimal
_SHARE_PLACES = 6


class _Cell(NamedTuple):
    """What one cell is worth: for each endorsement and for each member, in the policy's units."""

    channel: int
    candidate: int
    category: str
    weight: int
    member_weight: int


class Score(NamedTuple):
    """A candidate's points, and between which points the truth lies where dates are uncertain; in units."""

    units: int
    low: int
    high: int


class Board:
    """Ranks the candidates of a contest under a policy; `categories` limits what counts."""

    def __init__(
        self, contest: Contest, index: Index, policy: Policy, categories: frozenset[str] | None = None
    ) -> None:
        self.contest = contest
        self.policy = policy
        self.candidates: Sequence[Candidate] = list(contest.candidates.values())
        numbers = {one.id: number for number, one in enumerate(self.candidates)}
        self._cells = sorted(
            _Cell(2 * number, numbers[candidate], category, *policy.worth(category))
            for number, (candidate, category) in enumerate(index.cells.names)
            if candidate in numbers and (categories is None or category in categories)
        )
        self._cells.sort(key=lambda cell: (cell.candidate, cell.category))
        self._names = [(one.name, one.id) for one in self.candidates]
        self._withdrawals = [
            None if one.withdrew_at is None else start_of(one.withdrew_at, contest.timezone, "withdrew_at")
            for one in self.candidates
        ]
        self._available = policy.available_units(categories)
        self.points: Callable[[int], Points] = policy.points

    def scores(self, counted: Counted) -> list[Score]:
        """Every candidate's score, in the order of `candidates`."""
        counts = counted.counted.tolist()
        units = [0] * len(self.candidates)
        for channel, candidate, _, weight, member_weight in self._within(len(counts)):
            units[candidate] += counts[channel] * weight + counts[channel + 1] * member_weight
        if counted.doubt is None and counted.possible is None:
            return [Score(one, one, one) for one in units]
        low, high = self._bounds(counted, list(units), list(units))
        return [Score(*three) for three in zip(units, low, high, strict=True)]

    def units(self, sums: Ints) -> list[list[int]]:
        """Every candidate's score in units for each row of sums by channel, exactly."""
        width = sums.shape[1]
        largest = max((abs(w) for cell in self._cells for w in (cell.weight, cell.member_weight)), default=0)
        # Python's own integers where 64 bits might not hold a product.
        fits = largest * int(np.abs(sums).sum(axis=1).max(initial=0)) < 2**62
        weights: NDArray[Any] = np.zeros((width, len(self.candidates)), np.int64 if fits else np.object_)
        for channel, candidate, _, *both in self._within(width):
            weights[channel : channel + 2, candidate] = both
        found: list[list[int]] = (sums.astype(weights.dtype) @ weights).tolist()
        return found

    def worth(self, width: int) -> NDArray[np.bool_]:
        """By channel, whether it counts for anything."""
        found = np.zeros(width, np.bool_)
        for cell in self._within(width):
            found[cell.channel : cell.channel + 2] = cell.weight != 0, cell.member_weight != 0
        return found

    def places(self, width: int) -> dict[int, tuple[int, int]]:
        """By channel, whose score it counts for and how much."""
        return {
            cell.channel + n: (cell.candidate, weight)
            for cell in self._within(width)
            for n, weight in enumerate((cell.weight, cell.member_weight))
        }

    def lines(
        self, counted: Counted, valid_at: int, only: frozenset[str] | None = None
    ) -> list[dict[str, Any]]:
        """A line for every candidate, or for `only` these, best first; equal scores share a rank (1, 2, 2, 4)."""
        scores = self.scores(counted)
        counts = self._counts(counted.counted.tolist())
        total = sum(score.units for score in scores)
        order = sorted(range(len(scores)), key=lambda n: (-scores[n].units, self._names[n]))
        lines: list[dict[str, Any]] = []
        rank = before = 0
        for position, n in enumerate(order, start=1):
            units, low, high = scores[n]
            if position == 1 or units != before:
                rank, before = position, units
            one = self.candidates[n]
            if only is not None and one.id not in only:
                continue
            withdrew = self._withdrawals[n]
            lines.append(
                {
                    "rank": rank,
                    "candidate": one.id,
                    "name": one.name,
                    "party": one.party,
                    "score": self.points(units),
                    "low": self.points(low),
                    "high": self.points(high),
                    "share": _share(units, total),
                    "share_of_available": _share(units, self._available),
                    "counts": counts[n],
                    "withdrew_at": one.withdrew_at if withdrew is not None and withdrew <= valid_at else None,
                }
            )
        return lines

    def total(self, counted: Counted) -> Points:
        """The points of all candidates together."""
        return self.points(sum(score.units for score in self.scores(counted)))

    @property
    def available(self) -> Points | None:
        """The points that could be had, where the policy knows how many endorsers there are."""
        return None if self._available is None else self.points(self._available)

    def _within(self, width: int) -> Sequence[_Cell]:
        """The cells that sums of this width have; a board is kept while its contest grows."""
        return self._cells if len(self._cells) * 2 <= width else [c for c in self._cells if c.channel < width]

    def _counts(self, counts: list[int]) -> list[dict[str, dict[str, int]]]:
        result: list[dict[str, dict[str, int]]] = [{} for _ in self.candidates]
        for channel, candidate, category, _, _ in self._within(len(counts)):
            count, members = counts[channel], counts[channel + 1]
            if count or members:
                result[candidate][category] = {"count": count, "members": members}
        return result

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


def _share(units: int, of: int | None) -> float | None:
    return round(units / of, _SHARE_PLACES) if of else None
