"""The composition root of webhooks: the only place where they connect, read the clock or look names up."""

import os
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
from pydantic import BaseModel

from services.webhooks.attempt import Sender
from services.webhooks.deliveries import Deliveries
from services.webhooks.lookups import Addresses, look_up
from services.webhooks.registry import Registry
from services.webhooks.routes import FORMS, TAGS, routes
from services.webhooks.source import ChangeSource
from services.webhooks.store import Store
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

_API_TIMEOUT_SECONDS = 30


class Webhooks:
    """The service: its app, and the deliveries beside it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.deployment = Deployment(settings)
        self.redis = self.deployment.redis
        self.http = httpx.AsyncClient(timeout=_API_TIMEOUT_SECONDS, trust_env=False)
        addresses = Addresses(look_up, settings.webhooks_development, time.monotonic)
        self.sender = Sender(addresses, settings.webhook_timeout_seconds, now)
        store = Store(self.redis, f"{socket.gethostname()}-{os.getpid()}")
        source = ChangeSource(settings.api_url, self.http, self.deployment.log)
        self.deliveries = Deliveries(store, source, self.sender, settings.webhook_retry_seconds, now)
        registry = Registry(store, source, self.sender, self.deliveries, addresses, now)
        app = Described("webhooks", "Sends changes to receivers.", TAGS, _models)
        problems.install(app, forms=FORMS)
        add_health(app, self.redis)
        app.include_router(routes(registry))
        self.app = Door(app, settings)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[None]:
        """Delivers inside the block, once the server answers and is fit. Raises `RefusesToStart`."""
        await self.deployment.wait()
        try:
            async with beside(self.deliveries.run()):
                yield
        finally:
            await self.sender.aclose()
            await self.http.aclose()
            await self.redis.aclose()


def _models() -> Sequence[type[BaseModel]]:
    from services.webhooks.schemas import MODELS

    return MODELS


def main() -> int:
    """Runs webhooks with the settings of the environment until it is signalled; the exit code."""
    settings = settings_from_environment()

    async def service() -> None:
        webhooks = Webhooks(settings)
        await serve(webhooks.app, settings.webhooks_host, settings.webhooks_port, webhooks.work, settings)

    return run(service(), settings.log_level)
