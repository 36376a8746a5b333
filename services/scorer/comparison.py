"""Two folds of one log beside each other: where, over a grid of valid and known times, their counts differ. Pure."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

from shared.domain.book import Cell, Totals
from shared.domain.events import Version
from shared.domain.postings import Posting
from shared.domain.times import Instant

Posted = tuple[int, Posting]

_ALONG = 24

N = TypeVar("N")
MOST_DIFFERENCES = 100


class CountDifference(NamedTuple):
    """A count that differs at a moment."""

    valid_at: Instant
    version: Version
    cell: Cell
    before: Totals
    after: Totals


class Comparison(NamedTuple):
    """What was compared, and what differs: the moments that do, and the first so many counts."""

    valid_ats: list[Instant]
    versions: list[Version]
    differing: int
    differences: list[CountDifference]

    @property
    def moments(self) -> int:
        """How many moments were compared."""
        return len(self.valid_ats) * len(self.versions)


def compare(before: Sequence[Posted], after: Sequence[Posted], version: Version) -> Comparison:
    """Compares two lists of (version, posting), each in version order, up to a version.

    The grid has at most 24 valid times (spread over those where anything counts from, with the last) and 24 versions.
    Costs one pass over the postings, and the cells at each moment of the grid.
    """
    valid_ats: list[Instant] = _spread(sorted({posting.valid_at for _, posting in (*before, *after)}))
    versions = _spread([Version(n) for n in range(1, version + 1)])
    differing = 0
    differences: list[CountDifference] = []
    grids = zip(_grid(before, valid_ats, versions), _grid(after, valid_ats, versions), strict=True)
    for number, (old, new) in enumerate(grids):
        at_moment = _differences(
            valid_ats[number % len(valid_ats)], versions[number // len(valid_ats)], old, new
        )
        differing += bool(at_moment)
        differences += at_moment[: MOST_DIFFERENCES - len(differences)]
    return Comparison(valid_ats, versions, differing, differences)


def _spread(values: list[N]) -> list[N]:
    """At most so many of the values, evenly, with the first and the last."""
    if len(values) <= _ALONG:
        return values
    return [values[round(n * (len(values) - 1) / (_ALONG - 1))] for n in range(_ALONG)]


def _grid(
    posted: Sequence[Posted], valid_ats: list[Instant], versions: list[Version]
) -> Iterator[dict[Cell, Totals]]:
    """The totals at each version of the grid, for each of its valid times in order."""
    # What counts from after one valid time of the grid and up to the next.
    steps: list[dict[Cell, Totals]] = [{} for _ in valid_ats]
    position = 0
    for version in versions:
        while position < len(posted) and posted[position][0] <= version:
            posting = posted[position][1]
            position += 1
            step = bisect_left(valid_ats, posting.valid_at)
            if step < len(steps):
                _add(steps[step], (posting.candidate, posting.category), (posting.delta, posting.members))
        totals: dict[Cell, Totals] = {}
        for each in steps:
            for cell, counted in each.items():
                _add(totals, cell, counted)
            yield dict(totals)


def _add(totals: dict[Cell, Totals], cell: Cell, counted: Totals) -> None:
    count, members = totals.get(cell, (0, 0))
    totals[cell] = count + counted[0], members + counted[1]


def _differences(
    valid_at: Instant, version: Version, before: dict[Cell, Totals], after: dict[Cell, Totals]
) -> list[CountDifference]:
    nothing = (0, 0)
    return [
        CountDifference(valid_at, version, cell, before.get(cell, nothing), after.get(cell, nothing))
        for cell in sorted(before.keys() | after.keys())
        if before.get(cell, nothing) != after.get(cell, nothing)
    ]
