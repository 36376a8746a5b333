"""Serving HTTP: an app beside the work of its service, and whether it is healthy."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI, Response
from granian.constants import Interfaces
from granian.server.embed import Server

from shared.process import until_signalled

log = logging.getLogger("standings")


async def serve(
    app: FastAPI, host: str, port: int, work: Callable[[], AbstractAsyncContextManager[None]]
) -> None:
    """Serves an app inside its own work until signalled."""
    async with until_signalled() as asked, work():
        server = Server(app, host, port, interface=Interfaces.ASGINL, log_enabled=False, websockets=False)
        serving = asyncio.create_task(server.serve())
        log.info("listening on http://%s:%d", host, port)
        ended = asyncio.create_task(asked.wait())
        await asyncio.wait({serving, ended}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done() and not ended.done():
            serving.result()
            raise RuntimeError("the HTTP server ended by itself")
        server.stop()  # type: ignore[no-untyped-call]
        await serving


def add_health(app: FastAPI, ready: Callable[[], Awaitable[str | None]]) -> None:
    """`/healthz` (the process runs) and `/readyz` (`ready` gives None, or why it cannot work now)."""

    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"])
    async def readyz(response: Response) -> dict[str, str]:
        reason = await ready()
        if reason is None:
            return {"status": "ready"}
        response.status_code = 503
        return {"status": "not ready", "reason": reason}
