"""Routes of standings: at any moment, and the days on which something was learned."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.api.answers.questions import StandingsQuestion, TimeMapQuestion
from services.api.web import examples
from services.api.web.fast_path import StandingsReplies
from services.api.web.mementos import time_map
from services.api.web.routes.parameters import ContestId
from services.api.web.routes.replier import Replier

_LINKS = "application/link-format"


def standings_routes(replier: Replier) -> APIRouter:
    """The routes tagged `standings`."""
    router = APIRouter(tags=["standings"])
    replies = StandingsReplies(replier.answers)

    @router.get("/contests/{contest}/standings", responses=examples.rows("Standings"))
    async def standings(
        request: Request, contest: ContestId, question: Annotated[StandingsQuestion, Query()]
    ) -> Response:
        """Candidates by score: now, or at any valid time, as known at any known time or version.

        `Accept-Datetime` (RFC 7089) asks for what was shown then.
        """
        index = await replier.index(contest, question)
        return await replier.at_once(request, lambda wants: replies.reply(index, question, wants))

    @router.get(
        "/contests/{contest}/timemap",
        responses={200: {"description": "the TimeMap", "content": {_LINKS: examples.TEXT}}},
    )
    async def timemap(contest: ContestId, question: Annotated[TimeMapQuestion, Query()]) -> Response:
        """Every day on which something was learned, as a TimeMap (RFC 7089)."""
        index = await replier.index(contest, question)
        body = await replier.turns.take(lambda: time_map(index, question.after))
        return Response(body, media_type=_LINKS)

    return router
