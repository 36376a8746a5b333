"""Every route that answers from a contest's index, or from what the API knows without one."""

from fastapi import APIRouter, Response

from services.api.answers.answers import Answers
from services.api.answers.turns import Turns
from services.api.web.routes.citing import citing_routes
from services.api.web.routes.contests import contest_routes
from services.api.web.routes.endorsements import endorsement_routes
from services.api.web.routes.events import event_routes
from services.api.web.routes.over_time import over_time_routes
from services.api.web.routes.parameters import REFUSALS
from services.api.web.routes.policies import policy_routes
from services.api.web.routes.replier import Replier
from services.api.web.routes.standings import standings_routes
from shared.http.parameters import KNOWN_ONLY

_BY_TAG = (
    contest_routes,
    policy_routes,
    standings_routes,
    citing_routes,
    over_time_routes,
    endorsement_routes,
    event_routes,
)


def table_routes(answers: Answers, turns: Turns) -> APIRouter:
    """Every route but those of subscriptions."""
    router = APIRouter(
        prefix="/v1", responses=REFUSALS, default_response_class=Response, dependencies=[KNOWN_ONLY]
    )
    replier = Replier(answers, turns)
    for routes in _BY_TAG:
        router.include_router(routes(replier))
    return router
