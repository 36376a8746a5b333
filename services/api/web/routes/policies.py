"""Routes about policies."""

from fastapi import APIRouter, Request, Response

from services.api.answers import views
from services.api.answers.documents import Document
from services.api.web import examples
from services.api.web.routes.parameters import PolicyName, RawCsv
from services.api.web.routes.replier import Replier


def policy_routes(replier: Replier) -> APIRouter:
    """The routes tagged `policies`."""
    router = APIRouter(tags=["policies"])
    known = replier.answers.policies

    @router.get("/policies", responses=examples.rows("Policies"))
    async def policies(request: Request, raw: RawCsv = False) -> Response:
        """The weightings, each with its version and source."""
        value = {"policies": [views.policy(policy) for policy in known]}
        return await replier.reply(request, Document(value, "policies"), raw=raw)

    @router.get("/policies/{policy}", responses=examples.rows("Policy"))
    async def one_policy(request: Request, policy: PolicyName, raw: RawCsv = False) -> Response:
        """One weighting."""
        return await replier.reply(request, Document(views.policy(known.find(policy)), ""), raw=raw)

    return router
