"""The route of the log's events."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.api.answers import records
from services.api.answers.documents import Document
from services.api.answers.questions import EventsQuestion
from services.api.engine.index import Index
from services.api.web import examples
from services.api.web.routes.parameters import ContestId
from services.api.web.routes.replier import Replier


def event_routes(replier: Replier) -> APIRouter:
    """The routes tagged `events`."""
    router = APIRouter(prefix="/contests/{contest}/events", tags=["events"])
    contests = replier.contests

    async def answer(index: Index, question: EventsQuestion) -> Document:
        contest = index.contest_id
        there = max(index.version, await contests.events.version(contest))
        last = min(question.after + question.limit, there)
        logged = records.events(contests, index, range(question.after + 1, last + 1))
        return Document({"contest": contest, "version": index.version, "events": logged}, "events")

    @router.get("", responses=examples.rows("Events"))
    async def events(
        request: Request, contest: ContestId, question: Annotated[EventsQuestion, Query()]
    ) -> Response:
        """The log by version."""
        return await replier.worked_out(request, contest, question, answer)

    return router
