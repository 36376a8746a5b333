"""Sums of postings at many times at once: timelines, and how far published figures moved. Pure, on arrays."""

from typing import Final, Literal, NamedTuple

import numpy as np

from services.api.boards import Board
from services.api.index import Index
from services.api.timetravel import Ints

Axis = Literal["valid", "known", "both"]
MOST_POINTS: Final = 5000


class Look(NamedTuple):
    """What a series runs along: the postings of versions up to `version` that count, keyed by when they do.

    Along `valid` a posting counts from its valid time; along `known` from when it was known, of those valid at
    `valid_at`; along `both` from the later of the two, which is what was published on each day.
    """

    axis: Axis
    version: int
    valid_at: int


class Series(NamedTuple):
    """Scores in the policy's units, (times, candidates), at instants that rise."""

    instants: Ints
    units: list[list[int]]


def keys(index: Index, look: Look) -> tuple[Ints, Ints, Ints]:
    """The key, channel and weight of every posting of a look."""
    rows = index.sums.rows
    upto = rows.upto(look.version)
    if look.axis == "valid":
        return rows.valid_ats[:upto], rows.channels[:upto], rows.weights[:upto]
    if look.axis == "both":
        return rows.settled[:upto], rows.channels[:upto], rows.weights[:upto]
    counts = (rows.valid_ats[:upto] <= look.valid_at).nonzero()[0]
    known_ats = index.known_ats(rows.versions[:upto][counts])
    return known_ats, rows.channels[:upto][counts], rows.weights[:upto][counts]


def changes(index: Index, look: Look, begin: int, end: int) -> Ints:
    """Every instant from `begin` to `end` at which a posting of a look begins to count."""
    when = keys(index, look)[0]
    return np.unique(when[(when >= begin) & (when <= end)])


def series(index: Index, board: Board, look: Look, instants: Ints) -> Series:
    """Every candidate's score at each instant."""
    when, channels, weights = keys(index, look)
    width = index.sums.width
    bins = np.searchsorted(instants, when, "left")
    within = (bins < len(instants)).nonzero()[0]
    steps = np.zeros(len(instants) * width, np.int64)
    np.add.at(steps, bins[within] * width + channels[within], weights[within])
    sums = np.cumsum(steps.reshape(len(instants), width), axis=0)
    return Series(instants, board.units(sums))


def only_changes(found: Series) -> Series:
    """The series without the times at which no score differs from the one before."""
    kept = [n for n, units in enumerate(found.units) if n == 0 or units != found.units[n - 1]]
    return Series(found.instants[kept], [found.units[n] for n in kept])


def settled_at(index: Index, board: Board, days: Ints) -> list[int | None]:
    """For each of these day ends, when something about it was last learned after it; None if nothing was."""
    rows = index.sums.rows
    counts = board.worth(index.sums.width)[rows.channels] if rows.size else np.zeros(0, np.bool_)
    known_ats = index.known_ats(rows.versions)
    first = np.searchsorted(days, rows.valid_ats, "left")
    last = np.searchsorted(days, known_ats, "left")
    late = ((first < last) & counts).nonzero()[0]
    settled = np.full(len(days), -1, np.int64)
    # In the order of known time, so that what was learned last stays.
    for row in late.tolist():
        settled[first[row] : last[row]] = known_ats[row]
    return [None if at < 0 else at for at in settled.tolist()]
