"""Refusals and failures as RFC 9457 problems: one table for every service that speaks HTTP."""

import logging
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.types import Scope

from shared.domain import errors
from shared.domain.errors import Refused
from shared.domain.ids import SLUG
from shared.http import refusals
from shared.http.methods import allowed
from shared.http.parameters import KNOWN_ONLY
from shared.http.unavailable import OF_ONE_CONTEST, OF_THE_STORAGE, meanings, problem_of_failure
from shared.values.text import MOST_OF_A_VALUE, plain, sentence, shown, unfit_in_lines

log = logging.getLogger("standings")

_NOT_FOUND, _METHOD_NOT_ALLOWED = 404, 405
PROBLEM = "application/problem+json"
DEFECT: dict[str, Any] = {
    "type": "about:blank",
    "title": "Internal error",
    "status": 500,
    "detail": "this is a defect of Standings; its log says more",
}


class NotAcceptable(errors.Invalid):
    """None of the formats that the request accepts is one that answers have."""

    code = "not-acceptable"
    title = "Not acceptable"


_STATUS: tuple[tuple[type[Refused], int], ...] = (
    (NotAcceptable, 406),
    (refusals.Busy, 503),
    (errors.NotFound, 404),
    (errors.Gone, 410),
    (errors.Conflict, 409),
    (errors.Invalid, 422),
    (refusals.BodyCutShort, 400),
    (refusals.BodyTooLarge, 413),
    (refusals.BodyTooSlow, 408),
    (refusals.WrongMediaType, 415),
    (refusals.Misdirected, 421),
    (refusals.ForeignOrigin, 403),
    (Refused, 409),
)


def status_of(refusal: Refused) -> int:
    """The HTTP status of a refusal."""
    return status_of_kind(type(refusal))


def status_of_kind(refusal: type[Refused]) -> int:
    """The HTTP status of every refusal of a kind."""
    return next(status for kind, status in _STATUS if issubclass(refusal, kind))


def problem_of(refusal: Refused) -> dict[str, Any]:
    """A refusal as a problem's members, none of them longer than a problem tells."""
    return {
        "type": f"/problems/{refusal.code}",
        "title": refusal.title,
        "status": status_of(refusal),
        "detail": sentence(refusal.detail),
        "field": sentence(refusal.field, MOST_OF_A_VALUE),
        "value": shown(refusal.value),
        "way_out": sentence(refusal.way_out),
        **refusal.more,
    }


def written(members: dict[str, Any]) -> bytes:
    """Members as JSON, whatever values strangers brought into them: the one place that tells them. Never fails."""
    try:
        return orjson.dumps(members)
    except (TypeError, RecursionError):
        # An integer beyond 64 bits, half of a character, a value that is no JSON.
        return orjson.dumps(plain(members))


def invalid(
    error: ValidationError | RequestValidationError,
    kinds: Collection[str] = (),
    forms: Mapping[str, str] = {},
) -> errors.Invalid:
    """The first thing that is wrong with a body or a parameter; `kinds` are the tags of a union that it is one of, and
    `forms` the ways out by the pattern that a text does not match."""
    details = error.errors()
    field, value, why = _told(details[0], kinds)
    return errors.Invalid(
        field,
        value,
        f"{field}: {why}",
        _way_out(details[0], forms),
        more_errors=len(details) - 1,
    )


def _let_go(error: BaseException | None) -> None:
    """Takes the frames from an error that is answered, and from those that led to it.

    They hold the body, and the error too: nothing of it would be freed before the next collection of garbage.
    """
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def _way_out(first: Any, forms: Mapping[str, str]) -> str:
    about = first.get("ctx", {})
    if _is_long_text(first):
        return f"give {about['max_length']} characters at most"
    if first["type"] == "string_pattern_mismatch" and (form := (_FORMS | dict(forms)).get(about["pattern"])):
        return form
    return _WAYS_OUT.get(first["type"], "see /docs for what this field takes")


def _is_long_text(first: Any) -> bool:
    """Whether a text is too long. Where something of ours looks at it first, pydantic calls its characters items."""
    return first["type"] == "string_too_long" or (
        first["type"] == "too_long" and isinstance(first.get("input"), str)
    )


def _told(first: Any, kinds: Collection[str]) -> tuple[str, object, str]:
    """The field, the value and the reason of one error that pydantic found."""
    if first["type"] == "json_invalid":
        return "body", None, f"not JSON: {first['ctx']['error']} at character {first['loc'][-1]}"
    if first["type"].startswith("union_tag"):
        name = first["ctx"]["discriminator"].strip("'")
        return name, first["input"].get(name), first["msg"]
    where = first["loc"]
    if where and (where[0] in _FROM or where[0] in kinds):
        where = where[1:]
    value = first.get("input")
    why = str(first["msg"]).removeprefix("Value error, ")
    if _is_long_text(first):
        why = f"String should have at most {first['ctx']['max_length']} characters"
    if first["type"] == "string_unicode" and isinstance(value, str):
        why = unfit_in_lines(value) or why
    return ".".join(str(part) for part in where) or "body", value, why


# Where a value came from, which an error's place begins with.
_FROM = frozenset({"body", "query", "path"})
_WAYS_OUT = {
    "extra_forbidden": "leave this field out: it is not known here",
    "missing": "give this field",
    "json_invalid": "send one JSON object",
    "string_unicode": "send whole characters, as UTF-8 or as pairs of escapes",
}
# By the pattern that a text does not match: each form has a way out of its own.
_FORMS = {SLUG: "use a-z, 0-9, dot, underscore and hyphen, beginning with a letter or digit"}


def answer(members: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """A problem as a response."""
    return Response(written(members), members["status"], headers, PROBLEM)


def refused(refusal: Refused, headers: Mapping[str, str] = {}) -> Response:
    """A refusal as a response, which says when to come again if it is for now only."""
    again = {"Retry-After": str(refusal.retry_after_seconds)} if isinstance(refusal, refusals.Busy) else {}
    return answer(problem_of(refusal), {**headers, **again})


def failed(scope: Scope, error: Exception) -> Response:
    """A defect as a response; its traceback is in the log."""
    log.error("%s %s failed", scope["method"], sentence(scope["path"]), exc_info=error)
    return answer(DEFECT)


def install(app: FastAPI, *, heads: bool = False, forms: Mapping[str, str] = {}) -> None:
    """Lets an app answer everything that goes wrong with a problem, and explain each kind at `/problems/{code}`.

    `heads` says that HEAD is answered as GET by what stands before the app; `forms` are ways out as `invalid` has them.
    """

    @app.exception_handler(Refused)
    async def refuse(_: Request, refusal: Refused) -> Response:
        _let_go(refusal)
        return refused(refusal)

    @app.exception_handler(RequestValidationError)
    async def unreadable(_: Request, error: RequestValidationError) -> Response:
        _let_go(error)
        return answer(problem_of(invalid(error, forms=forms)))

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, ValueError | RecursionError):
            _let_go(error)
            return answer(problem_of(_unread(error.__cause__)))
        members = {"type": "about:blank", "title": error.detail, "status": error.status_code}
        members["detail"] = sentence(f"{request.method} {request.scope['path']}: {error.detail}")
        if error.status_code == _NOT_FOUND:
            members["way_out"] = _way_to_a_path(request.scope["path"])
        allow = allowed(request, heads=heads) if error.status_code == _METHOD_NOT_ALLOWED else {}
        return answer(members, allow)

    async def unavailable(_: Request, error: Exception) -> Response:
        log.error("the storage failed: %s", sentence(str(error)))
        _let_go(error)
        return answer(*problem_of_failure(error))

    for kind in (*OF_THE_STORAGE, *OF_ONE_CONTEST):
        app.add_exception_handler(kind, unavailable)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        return failed(request.scope, error)

    app.add_api_route("/problems/{code}", _explained, include_in_schema=False, dependencies=[KNOWN_ONLY])


async def _explained(code: str) -> dict[str, str]:
    # A code may be of several kinds, each with a meaning of its own.
    if kinds := [kind for kind in _kinds(Refused) if vars(kind).get("code") == code]:
        meant = [(kind.__doc__ or "").strip() for kind in kinds]
        return {"type": f"/problems/{code}", "title": kinds[0].title, "meaning": "\n".join(meant)}
    if code in meanings():
        title, meaning = meanings()[code]
        return {"type": f"/problems/{code}", "title": title, "meaning": meaning}
    raise errors.NotFound("code", code, f"there is no problem {code!r}", "see the type of a problem")


def _way_to_a_path(path: str) -> str:
    """What to ask for instead of a path that there is none of."""
    return (
        "leave out the slash at the end" if path.endswith("/") else "see /docs for the paths that there are"
    )


def _unread(cause: Exception) -> errors.Invalid:
    """Why a body could not even be taken apart: too deep, too many digits, not UTF-8."""
    return errors.Invalid("body", None, f"body: not JSON that is read here: {cause}", "send one JSON object")


def _kinds(kind: type[Refused]) -> Iterator[type[Refused]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _kinds(narrower)
