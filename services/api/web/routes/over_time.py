"""Routes over time: scores along either axis, and what changed between moments or was learned later."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.api.answers.differences import Differences
from services.api.answers.over_time import OverTime
from services.api.answers.questions import DiffQuestion, RevisionsQuestion, RiskQuestion, TimelineQuestion
from services.api.web import examples
from services.api.web.routes.parameters import ContestId
from services.api.web.routes.replier import Replier


def over_time_routes(replier: Replier) -> APIRouter:
    """The routes tagged `over time`."""
    router = APIRouter(prefix="/contests/{contest}", tags=["over time"])
    over_time, differences = OverTime(replier.answers), Differences(replier.answers, replier.turns)

    @router.get("/timeline", responses=examples.rows("Timeline"))
    async def timeline(
        request: Request, contest: ContestId, question: Annotated[TimelineQuestion, Query()]
    ) -> Response:
        """Every candidate's score over time, along either axis."""
        return await replier.worked_out(request, contest, question, over_time.timeline, question.format)

    @router.get("/diff", responses=examples.rows("Diff"))
    async def diff(
        request: Request, contest: ContestId, question: Annotated[DiffQuestion, Query()]
    ) -> Response:
        """Who gained and who lost between two moments, and which events did it."""
        return await replier.worked_out(request, contest, question, differences.diff)

    @router.get("/revisions", responses=examples.rows("Revisions"))
    async def revisions(
        request: Request, contest: ContestId, question: Annotated[RevisionsQuestion, Query()]
    ) -> Response:
        """How the picture of one day changed as more was learned, event by event."""
        return await replier.worked_out(request, contest, question, differences.revisions, question.format)

    @router.get("/revision-risk", responses=examples.rows("RevisionRisk"))
    async def revision_risk(
        request: Request, contest: ContestId, question: Annotated[RiskQuestion, Query()]
    ) -> Response:
        """How far the figure published on each day moved later, and how long it took to settle."""
        return await replier.worked_out(request, contest, question, over_time.risk, question.format)

    return router
