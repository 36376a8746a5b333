"""Routes about endorsements."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.api.answers import records, views
from services.api.answers.documents import Document
from services.api.answers.questions import ContestQuestion, EndorsementsQuestion
from services.api.engine.index import Index
from services.api.web import examples
from services.api.web.routes.parameters import ContestId, EndorsementId
from services.api.web.routes.replier import Replier
from shared.domain.errors import UnknownEndorsement


def endorsement_routes(replier: Replier) -> APIRouter:
    """The routes tagged `endorsements`."""
    router = APIRouter(prefix="/contests/{contest}/endorsements", tags=["endorsements"])
    answers, contests = replier.answers, replier.contests

    @router.get("", responses=examples.rows("Endorsements"))
    async def endorsements(
        request: Request, contest: ContestId, question: Annotated[EndorsementsQuestion, Query()]
    ) -> Response:
        """The endorsements at a moment, page by page; `next` is the cursor of the next page, of the same moment."""
        return await replier.worked_out(request, contest, question, answers.endorsements, question.format)

    @router.get("/{endorsement}", responses=examples.rows("OneEndorsement"))
    async def one_endorsement(
        request: Request,
        contest: ContestId,
        endorsement: EndorsementId,
        question: Annotated[ContestQuestion, Query()],
    ) -> Response:
        """One endorsement as it reads now, and every event that made it so."""

        async def answer(index: Index, _: ContestQuestion) -> Document:
            versions = index.states.history(endorsement, index.version)
            if not versions:
                raise UnknownEndorsement(endorsement, contest)
            state = (await contests.endorsements(index, versions[-1:]))[0]
            value = {
                "contest": contest,
                # `version` is the endorsement's.
                "as_of_version": index.version,
                "generation": index.generation,
                **views.endorsement(state),
                "history": records.events(contests, index, versions),
            }
            return Document(value, "history")

        return await replier.worked_out(request, contest, question, answer)

    return router
