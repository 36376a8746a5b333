"""Which events make the difference between two moments, or changed the picture of one day. Pure."""

from typing import NamedTuple

import numpy as np

from services.api.engine.boards import Board
from services.api.engine.columns import Ints
from services.api.engine.index import IndexView
from shared.domain.events import Version
from shared.domain.times import Instant

# By channel, whose score it counts for and how much.
Places = dict[int, tuple[int, int]]


class VersionEffect(NamedTuple):
    """What one version does to the scores, in the policy's units by the candidate's place on the board."""

    version: Version
    units: dict[int, int]


class SeenMoment(NamedTuple):
    """What is compared: the postings of versions up to `version` that count at `valid_at`."""

    valid_at: Instant
    version: Version


def between(
    seen: IndexView, board: Board, before: SeenMoment, after: SeenMoment, limit: int
) -> list[VersionEffect]:
    """The first `limit` versions whose postings count at one moment only, and change a score by that."""
    rows = seen.rows
    was, becomes = (
        (rows.versions <= moment.version) & (rows.valid_ats <= moment.valid_at) for moment in (before, after)
    )
    rows_between = (was != becomes).nonzero()[0]
    return _first(seen, board, rows_between, np.where(becomes[rows_between], 1, -1), limit)


def about(seen: IndexView, board: Board, valid_at: Instant, after: int, limit: int) -> list[VersionEffect]:
    """The first `limit` versions after one that changed a score of a valid time."""
    rows = seen.rows
    begin = rows.upto(Version(after))
    rows_about = begin + (rows.valid_ats[begin:] <= valid_at).nonzero()[0]
    return _first(seen, board, rows_about, np.ones(len(rows_about), np.int64), limit)


def _first(seen: IndexView, board: Board, numbers: Ints, signs: Ints, limit: int) -> list[VersionEffect]:
    """Their effects, version by version, until there are `limit`."""
    places = board.places(seen.width)
    counts = np.zeros(seen.width, np.bool_)
    counts[[channel for channel, (_, weight) in places.items() if weight]] = True
    signs = signs[counts[seen.rows.channels[numbers]]]
    numbers = numbers[counts[seen.rows.channels[numbers]]]
    versions = seen.rows.versions[numbers]
    effects: list[VersionEffect] = []
    begin = 0
    while begin < len(numbers) and len(effects) < limit:
        # Up to the end of a version: its postings may cancel each other.
        last = versions[min(begin + max(4 * limit, _AT_LEAST), len(numbers)) - 1]
        end = int(versions.searchsorted(last, "right"))
        effects += _effects(seen, places, numbers[begin:end], signs[begin:end])
        begin = end
    return effects[:limit]


# Postings that are looked at one by one before it is seen whether they were enough.
_AT_LEAST = 100


def _effects(seen: IndexView, places: Places, numbers: Ints, signs: Ints) -> list[VersionEffect]:
    rows = seen.rows
    effects: dict[int, dict[int, int]] = {}
    for version, channel, weight, sign in zip(
        rows.versions[numbers].tolist(),
        rows.channels[numbers].tolist(),
        rows.weights[numbers].tolist(),
        signs.tolist(),
        strict=True,
    ):
        place = places.get(channel)
        if place is not None:
            units = effects.setdefault(version, {})
            units[place[0]] = units.get(place[0], 0) + sign * weight * place[1]
    return [
        VersionEffect(Version(version), changed)
        for version, units in effects.items()
        if (changed := {candidate: delta for candidate, delta in units.items() if delta})
    ]
