"""The composition root of the API: the only place where it connects or reads the clock."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import Request, Response
from pydantic import BaseModel

from services.api.answers.answers import Answers
from services.api.answers.formats import Unwritable
from services.api.answers.turns import Turns
from services.api.engine import seen
from services.api.live.account import Account
from services.api.live.contests import Contests
from services.api.live.hub import Hub
from services.api.subscriptions.replay import Past
from services.api.subscriptions.seats import Seats
from services.api.subscriptions.subscriptions import Subscriptions
from services.api.web.cors import AnyOrigin
from services.api.web.examples import TAGS
from services.api.web.fast_path import ThinPath
from services.api.web.routes.changes import change_routes
from services.api.web.routes.stream import stream_routes
from services.api.web.routes.tables import table_routes
from shared.domain.errors import Refused
from shared.http import problems
from shared.http.door import Door
from shared.http.health import add_health
from shared.http.openapi import Described
from shared.http.server import serve
from shared.projection.deployment import Deployment
from shared.runtime.present import now
from shared.runtime.process import run, settings_from_environment
from shared.runtime.settings import Settings
from shared.runtime.tasks import beside
from shared.storage.policy_store import policies_of, refuse_changed

# Of what the API may hold; answers and boards have as much.
_ARCHIVE_SHARE = _HUB_SHARE = 1 / 16


class Api:
    """The service: its app, and the work that goes on beside it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        account = Account(settings.api_memory_mb << 20)
        self.deployment = Deployment(settings, int(account.most_bytes * _ARCHIVE_SHARE))
        self.redis = self.deployment.redis
        self.hub = Hub(int(account.most_bytes * _HUB_SHARE))
        self.contests = Contests(self.deployment.log, self.deployment.projections, account, self.hub)
        self.policies = policies_of(settings)
        turns = Turns()
        answers = Answers(self.contests, self.policies, now)
        app = Described("api", "Who stood where, at any point in time.", TAGS, _models)
        problems.install(app, heads=True, forms=seen.FORMS)
        app.add_exception_handler(Unwritable, _unwritable)
        add_health(app, self.redis)
        app.include_router(table_routes(answers, turns))
        app.include_router(stream_routes())
        subscriptions = Subscriptions(self.hub, self.contests, Past(self.contests, list(self.policies)))
        seats = Seats(settings.subscribers)
        app.include_router(change_routes(subscriptions, settings.subscription_seconds, seats))
        account.add(self.deployment.archive)
        account.add(self.hub)
        self.thin_path = ThinPath(AnyOrigin(app), answers, turns)
        self.app = Door(self.thin_path, settings)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[None]:
        """Follows the changes inside the block, once the server answers and is fit. Raises `RefusesToStart`."""
        await self.deployment.wait()
        await refuse_changed(self.policies, self.redis)
        try:
            async with beside(self.contests.follow()):
                yield
        finally:
            await self.redis.aclose()


def _models() -> Sequence[type[BaseModel]]:
    from services.api.web.schemas import MODELS

    return MODELS


class FormatNotInstalled(Refused):
    """This deployment lacks what the format is written with."""

    code = "format-not-installed"
    title = "Format not installed"

    def __init__(self, missing: Unwritable) -> None:
        super().__init__(
            "format",
            missing.format,
            f"this deployment does not write {missing.format}: {missing.package} is not installed",
            "ask for csv or ndjson",
        )


async def _unwritable(_: Request, error: Exception) -> Response:
    assert isinstance(error, Unwritable)  # noqa: S101 - registered for this class only
    return problems.answer(problems.problem_of(FormatNotInstalled(error)) | {"status": 501})


def create_app(settings: Settings) -> Api:
    """The service for these settings; it connects when first used. Raises `RefusesToStart` on unusable policies."""
    return Api(settings)


def main() -> int:
    """Runs the API with the settings of the environment until it is signalled; the exit code."""
    settings = settings_from_environment()

    async def service() -> None:
        api = create_app(settings)
        await serve(api.app, settings.api_host, settings.api_port, api.work, settings, api.hub.close)

    return run(service(), settings.log_level)
