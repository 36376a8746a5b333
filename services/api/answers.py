"""Answers to questions about one contest: values and rows, without HTTP."""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np
import orjson
from pydantic import Field, Strict, TypeAdapter

from services.api import evidence, series, views
from services.api.boards import Board
from services.api.calendar import ends_of
from services.api.contests import Contests
from services.api.documents import Document
from services.api.index import Counted, Index
from services.api.moments import Moment, moment, since, until
from services.api.questions import (
    DiffQuestion,
    EndorsementsQuestion,
    PolicyQuestion,
    RevisionsQuestion,
    RiskQuestion,
    StandingsQuestion,
    TimelineQuestion,
)
from services.api.series import Look
from services.api.states import Filter, digest
from shared.domain.contest import Contest
from shared.domain.errors import Invalid, UnknownCandidate, UnknownCategory
from shared.domain.policies import Policies, Policy, made_up
from shared.domain.times import format_instant

_BOARDS_KEPT = 1024


class Answers:
    """Answers questions. `clock` gives the present instant."""

    def __init__(self, contests: Contests, policies: Policies, clock: Callable[[], int]) -> None:
        self.contests = contests
        self.policies = policies
        self.clock = clock
        self._boards: dict[tuple[object, ...], Board] = {}

    def policy(self, question: PolicyQuestion) -> Policy:
        """The policy that a question is under. Raises `UnknownPolicy` and `Invalid`."""
        if question.weights is None:
            return self.policies.find(question.policy)
        if "policy" in question.model_fields_set:
            raise Invalid(
                "weights", question.weights, "weights and policy both say what counts", "give one of them"
            )
        return made_up(question.weights)

    def board(self, index: Index, contest: Contest, question: PolicyQuestion, policy: Policy) -> Board:
        """The policy laid out over the contest as it was known then."""
        categories = _names(question.category)
        if categories is not None:
            _refuse_unknown_categories(index, categories)
        key = index.serial, len(index.cells.names), id(contest), policy.id, policy.source, categories
        board = self._boards.get(key)
        if board is None:
            if len(self._boards) >= _BOARDS_KEPT:
                self._boards.clear()
            # The board holds the contest, so its identity stays its own.
            board = self._boards[key] = Board(contest, index, policy, categories)
        return board

    def standings(self, index: Index, question: StandingsQuestion) -> tuple[Document, Moment]:
        """Candidates by score at a moment."""
        at = moment(index, question.valid_at, question.known_at, question.version, self.clock())
        return self.standings_at(index, question, at), at

    def standings_at(self, index: Index, question: StandingsQuestion, at: Moment) -> Document:
        """Candidates by score at this moment."""
        policy = self.policy(question)
        contest = index.contest(at.version)
        board = self.board(index, contest, question, policy)
        counted = self._counted(index, at)
        points, lines = board.table(counted, at.valid_at.instant, candidates_asked(question, contest))
        return Document(
            {
                **views.moment(contest, index, at),
                "policy": views.policy_named(policy),
                "points": points,
                "available": board.available,
                "revised": index.changed_since(at.valid_at.instant, at.version, counted.counted),
                "foresees": at.foresees,
                "standings": lines,
            },
            "standings",
            views.times(at),
        )

    def _counted(self, index: Index, at: Moment) -> Counted:
        return index.at(at.valid_at.instant, at.version)

    async def timeline(self, index: Index, question: TimelineQuestion) -> Document:
        """Every candidate's score over time, along one axis."""
        now = self.clock()
        at = moment(index, question.valid_at, question.known_at, question.version, now)
        contest = index.contest(at.version)
        policy = self.policy(question)
        board = self.board(index, contest, question, policy)
        only = candidates_asked(question, contest)
        look = Look(question.axis, at.version, at.valid_at.instant)
        begin, end = self._range(index, contest, question, at)
        found = await asyncio.to_thread(_along, index, board, look, question, contest.timezone, begin, end)
        return Document(
            {
                **views.moment(contest, index, at),
                "policy": views.policy_named(policy),
                "axis": question.axis,
                "step": question.step,
                "from": format_instant(begin),
                "to": format_instant(end),
                "points": _points(index, board, found, question, contest.timezone, only),
            },
            "points",
            views.times(at),
        )

    def _range(
        self, index: Index, contest: Contest, question: TimelineQuestion, at: Moment
    ) -> tuple[int, int]:
        now, zone = self.clock(), contest.timezone
        first = index.earliest_valid_at if question.axis == "valid" else index.known_at(1)
        latest = (
            min(now, max(index.latest_valid_at, first)) if question.axis == "valid" else at.known_at.instant
        )
        begin = max(first, since(question.since, zone, now, "from")) if question.since else first
        end = until(question.until, zone, now, "to") if question.until else latest
        if begin > end:
            raise Invalid("from", question.since, "from lies after to", "swap them")
        return begin, end

    async def diff(self, index: Index, question: DiffQuestion) -> Document:
        """Who gained and who lost between two moments, and which events did it."""
        now = self.clock()
        before = moment(
            index, question.from_valid_at, question.from_known_at, question.from_version, now, "from_"
        )
        after = moment(index, question.to_valid_at, question.to_known_at, question.to_version, now, "to_")
        contest = index.contest(max(before.version, after.version))
        policy = self.policy(question)
        board = self.board(index, contest, question, policy)
        only = candidates_asked(question, contest)
        lines = [
            {
                one["candidate"]: one
                for one in board.table(self._counted(index, at), at.valid_at.instant, only)[1]
            }
            for at in (before, after)
        ]
        effects = await asyncio.to_thread(
            evidence.between,
            index,
            board,
            evidence.Moment(before.valid_at.instant, before.version),
            evidence.Moment(after.valid_at.instant, after.version),
            question.limit + 1,
        )
        return Document(
            {
                "contest": contest.id,
                "title": contest.title,
                "clock": contest.clock,
                "generation": index.generation,
                "policy": views.policy_named(policy),
                "from": views.when(before),
                "to": views.when(after),
                "changes": _changes(lines[0], lines[1]),
                "events": await self._named(index, board, effects[: question.limit]),
                "more_events": len(effects) > question.limit,
            },
            "changes",
        )

    async def revisions(self, index: Index, question: RevisionsQuestion) -> Document:
        """How the picture of one day changed as more was learned, event by event."""
        now = self.clock()
        at = moment(index, question.valid_at, None, None, now)
        contest = index.contest(index.version)
        policy = self.policy(question)
        board = self.board(index, contest, question, policy)
        effects = await asyncio.to_thread(
            evidence.about, index, board, at.valid_at.instant, question.after, question.limit + 1
        )
        page = effects[: question.limit]
        running = _running(board, index, at.valid_at.instant, min(question.after, index.version))
        revisions = await self._named(index, board, page)
        for one, effect in zip(revisions, page, strict=True):
            for candidate, units in effect.units.items():
                running[candidate] += units
            one["scores"] = {board.candidates[n].id: board.points(running[n]) for n in effect.units}
        return Document(
            {
                **views.moment(contest, index, at),
                "policy": views.policy_named(policy),
                "published_version": index.version_at(at.valid_at.instant) or None,
                "revisions": revisions,
                "next_after": page[-1].version if len(effects) > question.limit else None,
            },
            "revisions",
            views.times(at),
        )

    async def risk(self, index: Index, question: RiskQuestion) -> Document:
        """How far the figure published on each day moved later, and how long it took to settle."""
        now = self.clock()
        contest = index.contest(index.version)
        zone, policy = contest.timezone, self.policy(question)
        board = self.board(index, contest, question, policy)
        first, last = index.known_at(1), now
        begin = max(first, since(question.since, zone, now, "from")) if question.since else first
        end = min(last, until(question.until, zone, now, "to")) if question.until else last
        days = np.array(_no_more(ends_of("day", begin, end, zone), "from"), np.int64)
        published, final, settled = await asyncio.to_thread(_risk, index, board, days)
        only = candidates_asked(question, contest)
        lines = [
            views.risk(board, day, zone, was, becomes, at, only)
            for day, was, becomes, at in zip(days.tolist(), published, final, settled, strict=True)
        ]
        return Document(
            {
                "contest": contest.id,
                "title": contest.title,
                "clock": contest.clock,
                "version": index.version,
                "generation": index.generation,
                "policy": views.policy_named(policy),
                "summary": views.risk_summary(lines),
                "days": lines,
            },
            "days",
        )

    async def endorsements(self, index: Index, question: EndorsementsQuestion) -> Document:
        """A page of the endorsements at a moment; the next one sees the same moment."""
        at, after = self._page(index, question)
        contest = index.contest(at.version)
        wanted = Filter(self._cells(index, contest, question), question.endorser, question.state == "active")
        found = index.states.versions(at.version, at.valid_at.instant, wanted, after, question.limit + 1)
        page = found[: question.limit]
        states = await self.contests.endorsements(index, [version for _, version in page])
        more = len(found) > question.limit
        return Document(
            {
                **views.moment(contest, index, at),
                "endorsements": [views.endorsement(one) for one in states],
                "next": _cursor(at, page[-1][0], question) if more else None,
            },
            "endorsements",
            views.times(at),
        )

    def _page(self, index: Index, question: EndorsementsQuestion) -> tuple[Moment, int]:
        now = self.clock()
        if question.cursor is None:
            return moment(index, question.valid_at, question.known_at, question.version, now), 0
        valid_at, version, after, filters = _read_cursor(question.cursor)
        if filters != _filters(question):
            raise Invalid(
                "cursor", question.cursor, "this cursor is of another question", "ask as for the first page"
            )
        return moment(index, format_instant(valid_at), None, version, now), after

    def _cells(self, index: Index, contest: Contest, question: EndorsementsQuestion) -> frozenset[int] | None:
        candidates, categories = candidates_asked(question, contest), _names(question.category)
        if categories is not None:
            _refuse_unknown_categories(index, categories)
        if candidates is None and categories is None:
            return None
        return frozenset(
            number
            for number, (candidate, category) in enumerate(index.cells.names)
            if (candidates is None or candidate in candidates)
            and (categories is None or category in categories)
        )

    async def _named(
        self, index: Index, board: Board, effects: Sequence[evidence.Effect]
    ) -> list[dict[str, Any]]:
        """What each of these versions recorded, and what it did."""
        versions = [effect.version for effect in effects]
        events = await self.contests.recorded(index, versions)
        about = await self.contests.endorsements(index, versions)
        return [
            {
                **views.event(recorded),
                "endorsement": views.endorsement(endorsement),
                "effect": {board.candidates[n].id: board.points(units) for n, units in effect.units.items()},
            }
            for effect, recorded, endorsement in zip(effects, events, about, strict=True)
        ]


def candidates_asked(
    question: PolicyQuestion | EndorsementsQuestion, contest: Contest
) -> frozenset[str] | None:
    """The candidates that a question is limited to. Raises `UnknownCandidate`."""
    names = _names(question.candidate)
    for name in sorted(names or ()):
        if name not in contest.candidates:
            raise UnknownCandidate(name, contest.id, list(contest.candidates))
    return names


def _names(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(text.split(","))


def _refuse_unknown_categories(index: Index, categories: frozenset[str]) -> None:
    known = sorted({category for _, category in index.cells.names})
    for category in sorted(categories):
        if category not in known:
            raise UnknownCategory(category, index.contest_id, known)


def _along(
    index: Index, board: Board, look: Look, question: TimelineQuestion, zone: str, begin: int, end: int
) -> series.Series:
    if question.step != "change":
        instants = _no_more(ends_of(question.step, begin, end, zone), "step")
        return series.series(index, board, look, np.array(instants, np.int64))
    instants = series.changes(index, look, begin, end)
    _no_more(instants, "step")
    return series.only_changes(series.series(index, board, look, instants))


def _no_more(instants: Any, field: str) -> Any:
    if len(instants) > series.MOST_POINTS:
        raise Invalid(
            field,
            len(instants),
            f"that is {len(instants)} points, of at most {series.MOST_POINTS}",
            "take a wider step, or a narrower range with from and to",
        )
    return instants


def _points(
    index: Index,
    board: Board,
    found: series.Series,
    question: TimelineQuestion,
    zone: str,
    only: frozenset[str] | None,
) -> list[dict[str, Any]]:
    shown = [(n, one.id) for n, one in enumerate(board.candidates) if only is None or one.id in only]
    points: list[dict[str, Any]] = []
    for at, units in zip(found.instants.tolist(), found.units, strict=True):
        point = views.point(at, zone, question.step)
        if question.axis != "valid":
            point["version"] = index.version_at(at)
        point["scores"] = {name: board.points(units[n]) for n, name in shown}
        points.append(point)
    return points


def _changes(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    lines = [
        {
            "candidate": name,
            "name": line["name"],
            "from_score": before[name]["score"],
            "to_score": line["score"],
            "change": line["score"] - before[name]["score"],
            "from_rank": before[name]["rank"],
            "to_rank": line["rank"],
        }
        for name, line in after.items()
    ]
    return sorted(lines, key=lambda line: (-line["change"], line["to_rank"], line["candidate"]))


def _running(board: Board, index: Index, valid_at: int, version: int) -> list[int]:
    return board.scores(index.at(valid_at, version))


def _risk(index: Index, board: Board, days: Any) -> tuple[list[list[int]], list[list[int]], list[int | None]]:
    published = series.series(index, board, Look("both", index.version, 0), days)
    final = series.series(index, board, Look("valid", index.version, 0), days)
    return published.units, final.units, series.settled_at(index, board, days)


def _filters(question: EndorsementsQuestion) -> int:
    return digest(repr((question.candidate, question.category, question.endorser, question.state)))


def _cursor(at: Moment, after: int, question: EndorsementsQuestion) -> str:
    said = orjson.dumps([at.valid_at.instant, at.version, after, _filters(question)])
    return urlsafe_b64encode(said).decode().rstrip("=")


# The instant and the version that a page is of, the version that it begins after, and a digest of the filters.
_Version = Annotated[int, Strict(), Field(ge=0, le=2**53)]
_CURSOR = TypeAdapter(tuple[Annotated[int, Strict()], _Version, _Version, Annotated[int, Strict()]])


def _read_cursor(cursor: str) -> tuple[int, int, int, int]:
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        found = _CURSOR.validate_json(urlsafe_b64decode(padded))
        format_instant(found[0])
        return found
    except (ValueError, OverflowError):
        raise Invalid("cursor", cursor, "this is no cursor", "take `next` of the page before") from None
