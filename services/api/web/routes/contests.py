"""Routes about contests: which there are, who runs, and how their projections were rebuilt."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.api.answers import views
from services.api.answers.documents import Document
from services.api.answers.questions import ContestQuestion, ContestsQuestion
from services.api.live.catalog import Listing, listed
from services.api.web import examples
from services.api.web.routes.parameters import ContestId
from services.api.web.routes.replier import Replier


def contest_routes(replier: Replier) -> APIRouter:
    """The routes tagged `contests`."""
    router = APIRouter(tags=["contests"])
    contests = replier.contests
    listing = Listing(contests)

    @router.get("/contests", responses=examples.rows("Contests"))
    async def all_contests(request: Request, question: Annotated[ContestsQuestion, Query()]) -> Response:
        """Contests by id, page by page; `next` is the cursor of the next page, and the id of this one's last."""
        page = await listing.page(question.cursor or "", question.limit)
        value = {"contests": [views.contest(contest) for contest in page.contests], "next": page.next}
        return await replier.reply(request, Document(value, "contests"), question.format, raw=question.raw)

    @router.get("/contests/{contest}", responses=examples.rows("Contest"))
    async def one_contest(
        request: Request, contest: ContestId, question: Annotated[ContestQuestion, Query()]
    ) -> Response:
        """One contest with its candidates."""
        index = await replier.index(contest, question)
        shown = views.contest(listed(index, await contests.parked(contest)))
        return await replier.reply(request, Document(shown, "candidates"), raw=question.raw)

    @router.get("/contests/{contest}/certificates", responses=examples.rows("Certificates"))
    async def certificates(
        request: Request, contest: ContestId, question: Annotated[ContestQuestion, Query()]
    ) -> Response:
        """Every rebuild of the contest's projection, and where the new generation differed from the one before."""
        index = await replier.index(contest, question)
        written = await contests.projections.certificates(contest)
        value = {"contest": contest, "generation": index.generation, "certificates": written}
        return await replier.reply(request, Document(value, "certificates"), raw=question.raw)

    @router.get("/contests/{contest}/candidates", responses=examples.rows("Candidates"))
    async def candidates(
        request: Request, contest: ContestId, question: Annotated[ContestQuestion, Query()]
    ) -> Response:
        """A contest's candidates, in the order of their entry."""
        index = await replier.index(contest, question)
        entered = views.candidates(index.contest(index.version))
        value = {"contest": contest, "version": index.version, "candidates": entered}
        return await replier.reply(request, Document(value, "candidates"), raw=question.raw)

    return router
