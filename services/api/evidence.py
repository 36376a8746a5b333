"""Which events make the difference between two moments, or changed the picture of one day. Pure."""

from typing import NamedTuple

import numpy as np

from services.api.boards import Board
from services.api.index import Index
from services.api.timetravel import Ints


class Effect(NamedTuple):
    """What one version does to the scores, in the policy's units by the candidate's place on the board."""

    version: int
    units: dict[int, int]


class Moment(NamedTuple):
    """What is compared: the postings of versions up to `version` that count at `valid_at`."""

    valid_at: int
    version: int


def between(index: Index, board: Board, before: Moment, after: Moment, limit: int) -> list[Effect]:
    """The first `limit` versions whose postings count at one moment only, and change a score by that."""
    rows = index.sums.rows
    was, becomes = (
        (rows.versions <= one.version) & (rows.valid_ats <= one.valid_at) for one in (before, after)
    )
    found = (was != becomes).nonzero()[0]
    return _first(index, board, found, np.where(becomes[found], 1, -1), limit)


def about(index: Index, board: Board, valid_at: int, after: int, limit: int) -> list[Effect]:
    """The first `limit` versions after one that changed a score of a valid time."""
    rows = index.sums.rows
    begin = rows.upto(after)
    found = begin + (rows.valid_ats[begin:] <= valid_at).nonzero()[0]
    return _first(index, board, found, np.ones(len(found), np.int64), limit)


def _first(index: Index, board: Board, found: Ints, signs: Ints, limit: int) -> list[Effect]:
    """Their effects, version by version, until there are `limit`."""
    versions = index.sums.rows.versions[found]
    effects: list[Effect] = []
    begin = 0
    while begin < len(found) and len(effects) < limit:
        # Up to the end of a version: its postings may cancel each other.
        last = versions[min(begin + 4 * limit, len(found)) - 1]
        end = int(versions.searchsorted(last, "right"))
        effects += _effects(index, board, found[begin:end], signs[begin:end])
        begin = end
    return effects[:limit]


def _effects(index: Index, board: Board, found: Ints, signs: Ints) -> list[Effect]:
    rows = index.sums.rows
    places = board.places(index.sums.width)
    effects: dict[int, dict[int, int]] = {}
    for version, channel, weight, sign in zip(
        rows.versions[found].tolist(),
        rows.channels[found].tolist(),
        rows.weights[found].tolist(),
        signs.tolist(),
        strict=True,
    ):
        place = places.get(channel)
        if place is not None:
            units = effects.setdefault(version, {})
            units[place[0]] = units.get(place[0], 0) + sign * weight * place[1]
    return [
        Effect(version, changed)
        for version, units in effects.items()
        if (changed := {candidate: one for candidate, one in units.items() if one})
    ]
