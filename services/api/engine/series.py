"""Sums of postings at many times at once: timelines, and how far published figures moved. Pure, on arrays.

Every sum here is of one candidate's points and not of a cell's counts, so what is held grows with the answer and not
with the categories behind it; and every step over the postings is taken a stretch at a time, so that a thread that
does this lets others go on.
"""

from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.api.engine.boards import Board
from services.api.engine.columns import Ints
from services.api.engine.index import IndexView
from shared.domain.events import Version
from shared.domain.times import Instant

Axis = Literal["valid", "known", "both"]
MOST_POINTS: Final = 5000
# Points times candidates of one answer.
MOST_SCORES: Final = 100_000
# So many postings are taken at a time: about a millisecond's work.
_STRETCH: Final = 50_000
# Sums that stay below are exact in 64 bits; beyond, they are Python's own integers.
_FITS: Final = 2**62

Units = NDArray[Any]


class Look(NamedTuple):
    """What a series runs along: the postings of versions up to `version` that count, keyed by when they do.

    Along `valid` a posting counts from its valid time; along `known` from when it was known, of those valid at
    `valid_at`; along `both` from the later of the two, which is what was published on each day.
    """

    axis: Axis
    version: Version
    valid_at: Instant


class Series(NamedTuple):
    """Scores in the policy's units, an array of (times, candidates), at instants that rise."""

    instants: Ints
    units: Units


class _Stretch(NamedTuple):
    """Some postings of a look: from when each counts, its channel and its weight."""

    keys: Ints
    channels: Ints
    weights: Ints


def _stretches(seen: IndexView, look: Look) -> Iterator[_Stretch]:
    """The postings of a look, a stretch at a time, in the order of their versions."""
    rows = seen.rows
    for begin in range(0, rows.upto(look.version), _STRETCH):
        part = slice(begin, min(begin + _STRETCH, rows.upto(look.version)))
        channels, weights = rows.channels[part], rows.weights[part]
        if look.axis == "valid":
            yield _Stretch(rows.valid_ats[part], channels, weights)
        elif look.axis == "both":
            yield _Stretch(rows.settled[part], channels, weights)
        else:
            counts = (rows.valid_ats[part] <= look.valid_at).nonzero()[0]
            known_ats = seen.known_ats[rows.versions[part][counts] - 1]
            yield _Stretch(known_ats, channels[counts], weights[counts])


def changes(seen: IndexView, look: Look, begin: int, end: int) -> Ints:
    """Every instant from `begin` to `end` at which a posting of a look begins to count."""
    changed: list[Ints] = [np.empty(0, np.int64)]
    for keys, _, _ in _stretches(seen, look):
        changed.append(np.unique(keys[(keys >= begin) & (keys <= end)]))
    return np.unique(np.concatenate(changed))


def series(seen: IndexView, board: Board, look: Look, instants: Ints, shown: Ints | None = None) -> Series:
    """The score of each candidate, or of these by their places on the board, at each instant."""
    places = np.arange(len(board.candidates)) if shown is None else shown
    column = np.full(len(board.candidates) + 1, -1, np.int64)
    column[places] = np.arange(len(places))
    candidates, worth = _worths(seen, board)
    columns = column[candidates]
    units = np.zeros(len(instants) * len(places), worth.dtype)
    for bins, channels, weights in _binned(seen, look, instants):
        counted = (columns[channels] >= 0).nonzero()[0]
        of = channels[counted]
        np.add.at(units, bins[counted] * len(places) + columns[of], weights[counted] * worth[of])
    return Series(instants, np.cumsum(units.reshape(len(instants), len(places)), axis=0))


def changing(seen: IndexView, board: Board, look: Look, instants: Ints) -> Ints:
    """Those of these instants at which some score differs from the one at the instant before; always the first."""
    candidates, worth = _worths(seen, board)
    size = len(board.candidates)
    moves, by = [np.empty(0, np.int64)], [np.empty(0, worth.dtype)]
    for bins, channels, weights in _binned(seen, look, instants):
        counted = ((candidates[channels] >= 0) & (worth[channels] != 0)).nonzero()[0]
        of = channels[counted]
        moves.append(bins[counted] * size + candidates[of])
        by.append(weights[counted] * worth[of])
    moved, which = np.unique(np.concatenate(moves), return_inverse=True)
    sums = np.zeros(len(moved), worth.dtype)
    np.add.at(sums, which, np.concatenate(by))
    changed = np.unique(moved[sums != 0] // max(size, 1))
    changing_at: Ints = instants[np.union1d(changed, np.zeros(min(len(instants), 1), np.int64))]
    return changing_at


def settled_at(seen: IndexView, board: Board, days: Ints) -> list[Instant | None]:
    """For each of these day ends, when something about it was last learned after it; None if nothing was."""
    worth = _worths(seen, board)[1] != 0
    rows = seen.rows
    # By the first day that a posting is about, the last posting of those that were learned late.
    latest = np.full(len(days), -1, np.int64)
    for begin in range(0, rows.size, _STRETCH):
        part = slice(begin, begin + _STRETCH)
        first = np.searchsorted(days, rows.valid_ats[part], "left")
        last = np.searchsorted(days, seen.known_ats[rows.versions[part] - 1], "left")
        late = ((first < last) & worth[rows.channels[part]]).nonzero()[0]
        np.maximum.at(latest, first[late], begin + late)
    # What was learned last was learned after most days: of two postings the later one reaches at least as far.
    latest = np.maximum.accumulate(latest)
    known_ats = np.where(latest < 0, -1, seen.known_ats[rows.versions[latest] - 1] if rows.size else -1)
    return [
        known_at if known_at > day else None
        for known_at, day in zip(known_ats.tolist(), days.tolist(), strict=True)
    ]


def _binned(seen: IndexView, look: Look, instants: Ints) -> Iterator[tuple[Ints, Ints, Ints]]:
    """The postings that count at one of the instants, with the first at which each does."""
    for keys, channels, weights in _stretches(seen, look):
        bins = np.searchsorted(instants, keys, "left")
        within = (bins < len(instants)).nonzero()[0]
        yield bins[within], channels[within], weights[within]


def _worths(seen: IndexView, board: Board) -> tuple[Ints, Units]:
    """By channel, whose score it counts for (-1: nobody's) and what a posting of 1 is worth."""
    width = seen.width
    candidates = np.full(width, -1, np.int64)
    worth: list[int] = [0] * width
    for channel, (candidate, units) in board.places(width).items():
        candidates[channel], worth[channel] = candidate, units
    largest = max(map(abs, worth), default=0)
    return candidates, np.array(worth, np.int64 if largest * max(_weight_of(seen), 1) < _FITS else np.object_)


def _weight_of(seen: IndexView) -> int:
    """The weights of all postings together: no sum of them is larger."""
    weights = seen.rows.weights
    return sum(
        int(np.abs(weights[begin : begin + _STRETCH]).sum()) for begin in range(0, len(weights), _STRETCH)
    )
