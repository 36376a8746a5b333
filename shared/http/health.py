"""Whether a service is healthy."""

from typing import Any

from fastapi import FastAPI, Response
from redis.asyncio import Redis

_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_UNREADY: dict[int | str, dict[str, Any]] = {
    503: {"description": "it cannot, and why", "content": {"application/json": {"schema": _TEXTS}}}
}


def add_health(app: FastAPI, redis: Redis) -> None:
    """`/healthz` (the process runs) and `/readyz` (it can do its work now, or why not)."""

    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"], responses=_UNREADY)
    async def readyz(response: Response) -> dict[str, str]:
        reason = await _unreachable(redis)
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
