"""Routes of standings to cite, and of what became of them."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from services.api.engine import seen
from services.api.web import examples
from services.api.web.citations import Citations
from services.api.web.routes.parameters import Cited, CitedPolicy, CitedTime, ContestId, RawCsv
from services.api.web.routes.replier import AS_IT_IS, Replier


@dataclass(frozen=True, slots=True)
class Citation:
    """The standings that an address names."""

    contest: ContestId
    version: Cited
    policy: CitedPolicy
    valid_at: CitedTime
    raw: RawCsv = False


def citing_routes(replier: Replier) -> APIRouter:
    """The routes tagged `citing`."""
    router = APIRouter(prefix="/contests/{contest}/standings/{version}/{policy}", tags=["citing"])
    citations = Citations(replier.answers)

    @router.get("/{valid_at}", responses=examples.rows("CitedStandings"))
    async def cited_standings(request: Request, of: Annotated[Citation, Depends()]) -> Response:
        """Standings to cite: the same bytes for ever. `Standings-Corrected-At` says since when they are outdated."""
        index = await replier.index(of.contest, AS_IT_IS)
        version = seen.read(of.version)
        return await replier.at_once(
            request,
            lambda wants: citations.reply(index, version, of.policy, of.valid_at, wants, raw=of.raw),
        )

    @router.get("/{valid_at}/corrections", responses=examples.rows("Corrections"))
    async def corrections(request: Request, of: Annotated[Citation, Depends()]) -> Response:
        """Whether cited standings were corrected since, when, and what they are now."""
        index = await replier.index(of.contest, AS_IT_IS)
        version = seen.read(of.version)
        document = await replier.turns.take(
            lambda: citations.corrections(index, version, of.policy, of.valid_at)
        )
        return await replier.reply(request, document, raw=of.raw)

    return router
