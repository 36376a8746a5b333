"""Answers to questions over time: timelines, and how far published figures moved."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.api.answers import views
from services.api.answers.answers import Answers, candidates_asked
from services.api.answers.documents import Document, Row, Rows
from services.api.answers.moments import Moment, moment, since, until
from services.api.answers.questions import RiskQuestion, TimelineQuestion
from services.api.engine import series
from services.api.engine.boards import Board
from services.api.engine.calendar import ends_of
from services.api.engine.columns import Ints
from services.api.engine.index import Index, IndexView
from services.api.engine.series import MOST_POINTS, MOST_SCORES, Look, Units
from shared.domain.contest import Contest
from shared.domain.errors import Invalid
from shared.domain.events import Version
from shared.domain.times import Instant, format_instant

# Scores that become rows at a time, and points that are looked at without letting others go on.
_AT_A_TIME, _POINTS_AT_A_TIME = 500, 20


class _Asked(NamedTuple):
    """What a series is asked of: the postings, who is shown (by place on the board), in which time zone, from when to
    when."""

    seen: IndexView
    board: Board
    shown: Ints
    zone: str
    begin: int
    end: int

    @property
    def most(self) -> int:
        """The points that an answer may have."""
        return min(MOST_POINTS, MOST_SCORES // max(len(self.shown), 1))


class _Line(NamedTuple):
    """A timeline: instants, the version known at each, and the scores in units; `digest` tells it from others."""

    instants: Ints
    versions: Ints
    units: Units
    digest: bytes


class _Moved(NamedTuple):
    """Day ends, what was published of each and is known now, in units, when that was settled, and a digest of it."""

    days: Ints
    published: Units
    final: Units
    settled: list[Instant | None]
    digest: bytes


class OverTime:
    """Answers questions over time."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers

    async def timeline(self, index: Index, question: TimelineQuestion) -> Document:
        """Every candidate's score over time, along one axis. Raises `Refused`."""
        now = self.answers.clock()
        at = moment(index, question.valid_at, question.known_at, question.version, now)
        contest = index.contest(at.version)
        policy = self.answers.policy(question)
        board = self.answers.board(index, contest, question, policy)
        begin, end = _range(index, contest, question, at, now)
        look = Look(question.axis, at.version, at.valid_at.instant)
        asked = _Asked(index.seen(), board, _shown(question, board), contest.timezone, begin, end)
        line = await asyncio.to_thread(_along, asked, look, question.step)
        return Document(
            {
                **views.moment(contest, index, at),
                "policy": views.policy_named(policy),
                "axis": question.axis,
                "step": question.step,
                "from": format_instant(begin),
                "to": format_instant(end),
                "points": _rows(asked, line, lambda part: _points(asked, line, question, part)),
            },
            "points",
            views.times(at),
        )

    async def risk(self, index: Index, question: RiskQuestion) -> Document:
        """How far the figure published on each day moved later, and how long it took to settle. Raises `Refused`."""
        now = self.answers.clock()
        contest = index.contest(index.version)
        zone, policy = contest.timezone, self.answers.policy(question)
        board = self.answers.board(index, contest, question, policy)
        first = index.first_known_at
        begin = max(first, since(question.since, zone, now, "from")) if question.since else first
        end = min(now, until(question.until, zone, now, "to")) if question.until else now
        _refuse_backwards(question, begin, end)
        asked = _Asked(index.seen(), board, _shown(question, board), zone, begin, end)
        moved = await asyncio.to_thread(_moved, asked, index.version)
        return Document(
            {
                "contest": contest.id,
                "title": contest.title,
                "clock": contest.clock,
                "version": index.version,
                "generation": index.generation,
                "policy": views.policy_named(policy),
                "summary": _summary(asked, moved),
                "days": _rows(asked, moved, lambda part: _days(asked, moved, part)),
            },
            "days",
        )


def _range(
    index: Index, contest: Contest, question: TimelineQuestion, at: Moment, now: Instant
) -> tuple[int, int]:
    zone = contest.timezone
    first = index.earliest_valid_at if question.axis == "valid" else index.first_known_at
    latest = min(now, max(index.latest_valid_at, first)) if question.axis == "valid" else at.known_at.instant
    begin = max(first, since(question.since, zone, now, "from")) if question.since else first
    end = until(question.until, zone, now, "to") if question.until else latest
    _refuse_backwards(question, begin, end)
    return begin, end


def _refuse_backwards(question: TimelineQuestion | RiskQuestion, begin: int, end: int) -> None:
    """Returns if a range begins before it ends. Raises `Invalid`."""
    if begin > end:
        field, asked = ("to", question.until) if question.since is None else ("from", question.since)
        what = f"from ({format_instant(begin)}) lies after to ({format_instant(end)})"
        raise Invalid(field, asked, what, "swap them, or leave one of them out")


def _shown(question: TimelineQuestion | RiskQuestion, board: Board) -> Ints:
    """The places of the candidates that are asked for."""
    only = candidates_asked(question, board.contest)
    shown = [n for n, candidate in enumerate(board.candidates) if only is None or candidate.id in only]
    return np.array(shown, np.int64)


def _along(asked: _Asked, look: Look, step: str) -> _Line:
    seen, board = asked.seen, asked.board
    if step == "change":
        # All instants at which something begins to count; at some of them no score changes.
        instants = series.changes(seen, look, asked.begin, asked.end)
        _no_more(len(instants), MOST_POINTS, asked, "step")
        instants = series.changing(seen, board, look, instants)
        _no_more(len(instants), asked.most, asked, "step")
    else:
        instants = _ends(asked, step, "step")
    points = series.series(seen, board, look, instants, asked.shown)
    told = instants, seen.known_ats.searchsorted(instants, "right"), points.units
    return _Line(*told, _digest(asked, *told))


def _moved(asked: _Asked, version: Version) -> _Moved:
    days = _ends(asked, "day", "from")
    published, final = (
        series.series(asked.seen, asked.board, Look(axis, version, Instant(0)), days, asked.shown).units
        for axis in ("both", "valid")
    )
    settled = series.settled_at(asked.seen, asked.board, days)
    return _Moved(days, published, final, settled, _digest(asked, days, published, final, settled))


def _ends(asked: _Asked, step: Any, field: str) -> Ints:
    ends = ends_of(step, asked.begin, asked.end, asked.zone, asked.most)
    _no_more(len(ends), asked.most, asked, field)
    return np.array(ends, np.int64)


def _no_more(points: int, most: int, asked: _Asked, field: str) -> None:
    """Refuses more points than an answer may have. `points` is exact only up to one more."""
    if points > most:
        raise Invalid(
            field,
            points,
            f"that is more than {most} points: an answer has at most {MOST_POINTS} points and {MOST_SCORES} scores, "
            f"and {len(asked.shown)} candidates are shown",
            "take a wider step, a narrower range with from and to, or fewer candidates with candidate",
        )


def _rows(asked: _Asked, columns: _Line | _Moved, made: Callable[[slice], list[Row]]) -> Rows:
    """What was found as rows, made a few at a time."""
    size, each = len(columns[0]), max(_AT_A_TIME // max(len(asked.shown), 1), 1)

    async def blocks() -> AsyncIterator[Sequence[Row]]:
        for begin in range(0, size, each):
            yield made(slice(begin, begin + each))

    return Rows(blocks, columns.digest)


def _digest(asked: _Asked, *arrays: NDArray[Any] | list[Instant | None]) -> bytes:
    """What was found, of whom."""
    names = [asked.board.candidates[n].id for n in asked.shown.tolist()]
    made = blake2b(repr(names).encode(), digest_size=16)
    for part in arrays:
        for begin in range(0, len(part), _POINTS_AT_A_TIME):
            some = part[begin : begin + _POINTS_AT_A_TIME]
            if isinstance(some, list) or some.dtype == np.object_:
                made.update(repr(list(some)).encode())
            else:
                made.update(some.tobytes())
    return made.digest()


def _points(asked: _Asked, line: _Line, question: TimelineQuestion, part: slice) -> list[Row]:
    names = [asked.board.candidates[n].id for n in asked.shown.tolist()]
    points: list[Row] = []
    told = (line.instants, line.versions, line.units)
    for at, version, units in zip(*(column[part].tolist() for column in told), strict=True):
        point = views.point(at, asked.zone, question.step)
        if question.axis != "valid":
            point["version"] = version
        point["scores"] = dict(zip(names, map(asked.board.points, units), strict=True))
        points.append(point)
    return points


def _days(asked: _Asked, moved: _Moved, part: slice) -> list[Row]:
    shown = [asked.board.candidates[n].id for n in asked.shown.tolist()]
    told = (moved.days[part].tolist(), moved.published[part].tolist(), moved.final[part].tolist())
    return [
        views.risk(asked.board.points, day, asked.zone, settled, zip(shown, was, becomes, strict=True))
        for day, was, becomes, settled in zip(*told, moved.settled[part], strict=True)
    ]


def _summary(asked: _Asked, moved: _Moved) -> Row:
    furthest = np.abs(moved.final - moved.published).max(axis=1, initial=0).tolist()
    points = [asked.board.points(units) if units else 0 for units in furthest]
    return views.risk_summary(
        sorted(points),
        [views.days_between(day, at) for day, at in zip(moved.days.tolist(), moved.settled, strict=True)],
    )
