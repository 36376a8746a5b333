"""Whether a service is healthy, and the work that it needs beside its answering."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from fastapi import FastAPI, Response
from redis.asyncio import Redis

log = logging.getLogger("standings")


class Beside:
    """Work that goes on beside answering; `ended` says what it means that it does no more."""

    def __init__(self, ended: str) -> None:
        self._ended = ended
        self._task: asyncio.Task[None] | None = None

    @property
    def goes_on(self) -> bool:
        """Whether it does its work."""
        return self._task is not None and not self._task.done()

    @property
    def complaint(self) -> str:
        """Why the service is not ready where it does not go on."""
        return f"{self._ended}: restart the service, its log says why"

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begins. Should it end by an error, that is logged."""
        self._task = asyncio.create_task(work)
        self._task.add_done_callback(self._say_why)

    async def end(self) -> None:
        """Cancels it, and returns when it has ended."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _say_why(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()):
            log.critical(self._ended, exc_info=error)


def add_health(app: FastAPI, redis: Redis, beside: Beside | None = None) -> None:
    """`/healthz` (the process runs) and `/readyz` (it can do its work now, or why not)."""

    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"])
    async def readyz(response: Response) -> dict[str, str]:
        reason = beside.complaint if beside and not beside.goes_on else await _unreachable(redis)
        if reason is None:
            return {"status": "ready"}
        response.status_code = 503
        return {"status": "not ready", "reason": reason}


async def _unreachable(redis: Redis) -> str | None:
    try:
        await redis.ping()
    except Exception as error:
        return f"the Redis server does not answer: {error}"
    return None
