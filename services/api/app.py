"""The composition root of the API: the only place where it connects or reads the clock."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from hashlib import blake2b
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from redis.asyncio import Redis

from services.api.answers import Answers
from services.api.contests import Contests, NotThereYet
from services.api.documents import Unwritable
from services.api.routes import routes
from services.api.standings import ThinPath
from shared import problems
from shared.archive import Archive
from shared.connections import connect
from shared.domain.errors import Refused
from shared.domain.policies import Policies, Policy, read_policies
from shared.keys import POLICIES
from shared.log import Log
from shared.process import run, settings_from_environment
from shared.projections import Projections
from shared.server import UnfitServer, check, wait_for
from shared.serving import add_health, serve
from shared.settings import Settings

_CANCEL_AGAIN_SECONDS = 1.0


class Api:
    """The service: its app, and the work that goes on beside it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.redis = connect(settings)
        self._following: asyncio.Task[None] | None = None
        log = Log(self.redis, settings.partitions, archive=Archive(settings.archive))
        self.contests = Contests(log, Projections(self.redis, log), settings.api_memory_mb << 20)
        self.policies = _policies(settings)
        answers = Answers(self.contests, self.policies, lambda: time.time_ns() // 1000)
        app = FastAPI(
            title="Standings: api", version="1", description="Who stood where, at any point in time."
        )
        problems.install(app)
        app.add_exception_handler(NotThereYet, _not_there_yet)
        app.add_exception_handler(Unwritable, _unwritable)
        add_health(app, self._ready)
        app.include_router(routes(answers))
        self.app = ThinPath(app, answers)

    async def _ready(self) -> str | None:
        if self._following is None or self._following.done():
            return "the changes are not followed: restart the service, its log says why"
        try:
            await self.redis.ping()
        except Exception as error:
            return f"the Redis server does not answer: {error}"
        return None

    @asynccontextmanager
    async def work(self) -> AsyncIterator[None]:
        """Follows the changes inside the block, once the server answers and is fit. Raises `UnfitServer`."""
        await wait_for(self.redis)
        await check(self.redis, self.settings)
        await _refuse_changed(self.policies, self.redis)
        self._following = asyncio.create_task(self.contests.follow())
        self._following.add_done_callback(_say_why)
        try:
            yield
        finally:
            await _end(self._following)
            await self.redis.aclose()


def _policies(settings: Settings) -> Policies:
    if settings.policies is None:
        return Policies()
    try:
        return Policies(read_policies(settings.policies.read_text(encoding="utf-8")))
    except OSError as error:
        raise UnfitServer(f"STANDINGS_POLICIES: {error}") from None
    except Refused as refusal:
        raise UnfitServer(f"{settings.policies}: {refusal.detail}; {refusal.way_out}") from None


async def _refuse_changed(policies: Policies, redis: Redis) -> None:
    """Returns if every policy is what it was when its version was first served. Raises `UnfitServer`.

    What was cited names the policy's version, and stays the same to the byte.
    """
    changed = []
    for policy in policies:
        name = f"{policy.id}@{policy.version}"
        digest = blake2b(repr(_content(policy)).encode(), digest_size=16).hexdigest()
        await cast(Any, redis.hsetnx(POLICIES, name, digest))
        if await cast(Any, redis.hget(POLICIES, name)) != digest.encode():
            changed.append(name)
    if changed:
        raise UnfitServer(
            f"{', '.join(changed)}: not what it was when it was first served, and what was cited under it would "
            "change: give the changed policy the next version, or bring back what it was"
        )


def _content(policy: Policy) -> object:
    """All that answers under a policy depend on."""
    weights = (policy.weights, policy.member_weights, {"default": policy.default}, policy.available)
    return (
        policy.title,
        policy.source,
        [sorted((k, str(Decimal(v).normalize())) for k, v in one.items()) for one in weights],
    )


async def _end(task: "asyncio.Task[None]") -> None:
    """Cancels a task until it has ended: a cancellation may be lost in a time-out of the Redis client."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_CANCEL_AGAIN_SECONDS)


def _say_why(following: "asyncio.Task[None]") -> None:
    if not following.cancelled() and (error := following.exception()):
        logging.getLogger("standings").critical("the changes are no longer followed", exc_info=error)


async def _not_there_yet(_: Request, error: Exception) -> Response:
    assert isinstance(error, NotThereYet)  # noqa: S101 - registered for this class only
    return problems.answer(
        {
            "type": "/problems/not-there-yet",
            "title": "Not there yet",
            "status": 503,
            "detail": f"contest {error.contest!r} stands at version {error.version} after {error.wait_ms} ms",
            "field": "min_version",
            "value": error.wanted,
            "way_out": "ask again shortly, or wait longer with wait_ms",
            "version": error.version,
        },
        {"Retry-After": "1"},
    )


async def _unwritable(_: Request, error: Exception) -> Response:
    assert isinstance(error, Unwritable)  # noqa: S101 - registered for this class only
    return problems.answer(
        {
            "type": "/problems/format-not-installed",
            "title": "Format not installed",
            "status": 501,
            "detail": f"this deployment does not write {error.format}: {error.package} is not installed",
            "field": "format",
            "value": error.format,
            "way_out": "ask for csv or ndjson",
        }
    )


def create_app(settings: Settings) -> Api:
    """The service for these settings; it connects when it is first used. Raises `UnfitServer` on unusable policies."""
    return Api(settings)


def main() -> int:
    """Runs the API with the settings of the environment until it is signalled; the exit code."""
    settings = settings_from_environment()

    async def service() -> None:
        api = create_app(settings)
        await serve(api.app, settings.api_host, settings.api_port, api.work)

    return run(service(), settings.log_level)
