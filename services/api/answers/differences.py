"""Answers that say which events made a difference: between two moments, and to the picture of one day."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from services.api.answers import records, views
from services.api.answers.answers import Answers, candidates_asked
from services.api.answers.documents import Document, Row
from services.api.answers.moments import Moment, moment
from services.api.answers.questions import DiffQuestion, RevisionsQuestion
from services.api.answers.turns import Turns
from services.api.engine import attribution
from services.api.engine.attribution import VersionEffect
from services.api.engine.boards import Board
from services.api.engine.index import Index
from shared.domain.decimals import difference
from shared.domain.events import Version


class Differences:
    """Answers questions about differences."""

    def __init__(self, answers: Answers, turns: Turns) -> None:
        self.answers = answers
        self.turns = turns

    async def diff(self, index: Index, question: DiffQuestion) -> Document:
        """Who gained and who lost between two moments, and which events did it."""
        now = self.answers.clock()
        before = moment(
            index, question.from_valid_at, question.from_known_at, question.from_version, now, "from_"
        )
        after = moment(index, question.to_valid_at, question.to_known_at, question.to_version, now, "to_")
        contest = index.contest(max(before.version, after.version))
        policy = self.answers.policy(question)
        board = self.answers.board(index, contest, question, policy)
        only = candidates_asked(question, contest)
        lines = [
            await self.turns.take(partial(_by_candidate, index, board, at, only)) for at in (before, after)
        ]
        effects = await asyncio.to_thread(
            attribution.between,
            index.seen(),
            board,
            attribution.SeenMoment(before.valid_at.instant, before.version),
            attribution.SeenMoment(after.valid_at.instant, after.version),
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
                "events": records.effects(self.answers.contests, index, board, effects[: question.limit]),
                "more_events": len(effects) > question.limit,
            },
            "changes",
        )

    async def revisions(self, index: Index, question: RevisionsQuestion) -> Document:
        """How the picture of one day changed as more was learned, event by event."""
        now = self.answers.clock()
        at = moment(index, question.valid_at, None, None, now)
        contest = index.contest(index.version)
        policy = self.answers.policy(question)
        board = self.answers.board(index, contest, question, policy)
        effects = await asyncio.to_thread(
            attribution.about, index.seen(), board, at.valid_at.instant, question.after, question.limit + 1
        )
        page = effects[: question.limit]
        start = board.scores(index.at(at.valid_at.instant, Version(min(question.after, index.version))))

        def adding_up() -> Callable[[VersionEffect], Row]:
            running = list(start)

            def scores(effect: VersionEffect) -> Row:
                for candidate, units in effect.units.items():
                    running[candidate] += units
                return {"scores": {board.candidates[n].id: board.points(running[n]) for n in effect.units}}

            return scores

        return Document(
            {
                **views.moment(contest, index, at),
                "policy": views.policy_named(policy),
                "published_version": index.version_at(at.valid_at.instant) or None,
                "revisions": records.effects(self.answers.contests, index, board, page, adding_up),
                "next_after": page[-1].version if len(effects) > question.limit else None,
            },
            "revisions",
            views.times(at),
        )


def _by_candidate(
    index: Index, board: Board, at: Moment, only: frozenset[str] | None
) -> dict[str, dict[str, Any]]:
    """The lines of the standings at a moment."""
    counted = index.at(at.valid_at.instant, at.version)
    lines = board.table(counted, at.valid_at.instant, only)[1]
    return {line["candidate"]: line for line in lines}


def _changes(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    lines = [
        {
            "candidate": name,
            "name": line["name"],
            "from_score": before[name]["score"],
            "to_score": line["score"],
            "change": difference(line["score"], before[name]["score"]),
            "from_rank": before[name]["rank"],
            "to_rank": line["rank"],
        }
        for name, line in after.items()
    ]
    lines.sort(key=lambda line: (line["to_rank"], line["candidate"]))
    # Sorting is stable. The change is not negated: that would round it.
    return sorted(lines, key=lambda line: line["change"], reverse=True)
