"""Refusals and failures as RFC 9457 problems: one table for every service that speaks HTTP."""

import logging
from collections.abc import Iterator
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from redis import exceptions
from starlette.exceptions import HTTPException

from shared.domain import errors
from shared.domain.errors import Refused
from shared.unavailable import FallenBehind, meanings, problem_of_failure

log = logging.getLogger("standings")

PROBLEM = "application/problem+json"


class NotAcceptable(errors.Invalid):
    """None of the formats that the request accepts is one that answers have."""

    code = "not-acceptable"
    title = "Not acceptable"


_STATUS: tuple[tuple[type[Refused], int], ...] = (
    (NotAcceptable, 406),
    (errors.NotFound, 404),
    (errors.Gone, 410),
    (errors.Conflict, 409),
    (errors.Invalid, 422),
    (Refused, 409),
)


def status_of(refusal: Refused) -> int:
    """The HTTP status of a refusal."""
    return next(status for kind, status in _STATUS if isinstance(refusal, kind))


def problem_of(refusal: Refused) -> dict[str, Any]:
    """A refusal as a problem's members."""
    return {
        "type": f"/problems/{refusal.code}",
        "title": refusal.title,
        "status": status_of(refusal),
        "detail": refusal.detail,
        "field": refusal.field,
        "value": refusal.value,
        "way_out": refusal.way_out,
        **refusal.more,
    }


def invalid(error: ValidationError | RequestValidationError) -> errors.Invalid:
    """The first thing that is wrong with a body or a parameter."""
    found = error.errors()
    first = found[0]
    field = ".".join(str(part) for part in first["loc"] if part not in _NOT_A_FIELD) or "body"
    message = str(first["msg"]).removeprefix("Value error, ")
    return errors.Invalid(
        field,
        _printable(first.get("input")),
        f"{field}: {message}",
        _WAYS_OUT.get(first["type"], "see /docs for what this field takes"),
        more_errors=len(found) - 1,
    )


_NOT_A_FIELD = frozenset(
    (
        "body",
        "query",
        "path",
        "open",
        "enter",
        "withdraw",
        "announce",
        "retract",
        "correct",
        "strike",
        "switch",
    )
)
_WAYS_OUT = {
    "extra_forbidden": "leave this field out: it is not known here",
    "missing": "give this field",
    "json_invalid": "send one JSON object",
    "string_pattern_mismatch": "use a-z, 0-9, dot, underscore and hyphen, beginning with a letter or digit",
}


def _printable(value: object) -> object:
    """The value if it is short and plain, else the beginning of how it reads."""
    if value is None or isinstance(value, bool | int | float):
        return value
    return (value if isinstance(value, str) else repr(value))[:200]


def answer(members: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """A problem as a response."""
    return Response(orjson.dumps(members, default=str), members["status"], headers, PROBLEM)


def install(app: FastAPI) -> None:
    """Lets an app answer everything that goes wrong with a problem, and explain each kind at `/problems/{code}`."""

    @app.exception_handler(Refused)
    async def refused(_: Request, refusal: Refused) -> Response:
        return answer(problem_of(refusal))

    @app.exception_handler(RequestValidationError)
    async def unreadable(_: Request, error: RequestValidationError) -> Response:
        return answer(problem_of(invalid(error)))

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        members = {"type": "about:blank", "title": error.detail, "status": error.status_code}
        return answer({**members, "detail": f"{request.method} {request.url.path}: {error.detail}"})

    @app.exception_handler(exceptions.RedisError)
    @app.exception_handler(exceptions.RedisClusterException)
    @app.exception_handler(errors.UnreadableEvent)
    @app.exception_handler(FallenBehind)
    async def unavailable(_: Request, error: Exception) -> Response:
        log.error("the storage failed: %s", error)
        return answer(*problem_of_failure(error))

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        members = {"type": "about:blank", "title": "Internal error", "status": 500}
        return answer({**members, "detail": "this is a defect of Standings; its log says more"})

    @app.get("/problems/{code}", include_in_schema=False)
    async def explain(code: str) -> dict[str, str]:
        for kind in _kinds(Refused):
            if kind.code == code:
                return {
                    "type": f"/problems/{code}",
                    "title": kind.title,
                    "meaning": (kind.__doc__ or "").strip(),
                }
        if code in meanings():
            title, meaning = meanings()[code]
            return {"type": f"/problems/{code}", "title": title, "meaning": meaning}
        raise errors.NotFound("code", code, f"there is no problem {code!r}", "see the type of a problem")


def _kinds(kind: type[Refused]) -> Iterator[type[Refused]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _kinds(narrower)
