"""The composition root of ingest: the only place where it connects, reads the clock or draws a random number."""

import os
import socket
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pydantic import BaseModel

from services.ingest.desk import Desk
from services.ingest.inbox import Inbox
from services.ingest.routes import TAGS, body_of, routes
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
from shared.storage.backlog import Backlog
from shared.storage.broker import broker, keep_reading
from shared.storage.preflight import check_replicas


class Ingest:
    """The service: its app, and the work that goes on beside it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.deployment = Deployment(settings)
        self.redis, log = self.deployment.redis, self.deployment.log
        desk = Desk(
            log,
            self.deployment.projections,
            now,
            lambda: str(uuid.uuid4()),
            settings.most_unfolded,
        )
        self.inbox = Inbox(self.redis, desk, f"{socket.gethostname()}-{os.getpid()}", settings.claim_after_ms)
        app = Described("ingest", "Takes endorsement commands.", TAGS, _models)
        problems.install(app)
        add_health(app, self.redis)
        app.include_router(routes(desk, self.inbox, Backlog(log)))
        self.app = Door(app, settings, body_of)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[None]:
        """Reads the inbox inside the block, once the server answers and is fit. Raises `RefusesToStart`."""
        await self.deployment.wait()
        await check_replicas(self.redis, self.settings)
        await self.inbox.prepare()
        stream = broker(self.settings)
        self.inbox.subscribe(stream)
        await stream.start()
        try:
            async with beside(keep_reading(stream, self.inbox.prepare)):
                yield
        finally:
            await stream.stop()
            await self.redis.aclose()


def _models() -> Sequence[type[BaseModel]]:
    from services.ingest.schemas import MODELS

    return MODELS


def create_app(settings: Settings) -> Ingest:
    """The service for these settings; it connects when it is first used."""
    return Ingest(settings)


def main() -> int:
    """Runs ingest with the settings of the environment until it is signalled; the exit code."""
    settings = settings_from_environment()
    ingest = create_app(settings)
    serving = serve(ingest.app, settings.ingest_host, settings.ingest_port, ingest.work, settings)
    return run(serving, settings.log_level)
