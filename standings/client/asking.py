"""How questions are put, alike for both clients. Nothing here connects."""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, TypedDict

import httpx

from standings.client.errors import problem_of
from standings.client.exact import integer, number

# A time as the API takes it (`2019-04-22`, `2019-04`, an RFC 3339 instant, `-30d`), or one of Python's.
Time = str | date | datetime
# One id, or several.
Some = str | Iterable[str]


class Waiting(TypedDict, total=False):
    """Until the contest has come to a version, for at most so many milliseconds."""

    min_version: int
    wait_ms: int


class Counting(Waiting, total=False):
    """What counts: a policy or weights of one's own (`{"governor": 10, "default": 1}`), and who is shown."""

    policy: str | None
    weights: Mapping[str, int | Decimal | float] | None
    candidate: Some | None
    category: Some | None


class Moment(Counting, total=False):
    """At a valid time (left out: now), as known at a known time or at a version (left out: now)."""

    valid_at: Time | None
    known_at: Time | None
    version: int | None


class Span(Moment, total=False):
    """From `since` to `until`, along an axis: when it happened, when it was known, or each day as known on that day."""

    since: Time | None
    until: Time | None
    axis: Literal["valid", "known", "both"]
    step: Literal["change", "day", "week", "month"]


class Filters(TypedDict, total=False):
    """Which changes: of these candidates, under these policies, moving a score by so much or more."""

    candidate: Some | None
    policy: Some | None
    min_delta: float | Decimal | None


class ContestFilters(Filters, total=False):
    """Also of which contests."""

    contest: Some | None


_NAMES = {"since": "from", "until": "to"}


def parameters(asked: Mapping[str, object]) -> dict[str, str]:
    """A question's parameters; what is None is left out. Raises `ValueError` for a datetime without a time zone."""
    return {_NAMES.get(name, name): _text(name, value) for name, value in asked.items() if value is not None}


def _text(name: str, value: object) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(
                f"{name}={value!r} has no time zone: give it one, or give a date, which is a day there"
            )
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return ",".join(f"{category}:{weight}" for category, weight in value.items())
    if isinstance(value, str) or not isinstance(value, Iterable):
        return str(value)
    return ",".join(str(item) for item in value)


def value_of(response: httpx.Response) -> Any:
    """An answer's JSON, its numbers exact. Raises `Problem`."""
    if not response.is_success:
        raise problem_of(response)
    return json.loads(response.content, parse_float=number, parse_int=integer)
