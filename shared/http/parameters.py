"""Query parameters that a route does not take, or takes once: refused, so that a slip is not answered as if it had been
heeded.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.datastructures import QueryParams

from shared.domain.errors import Invalid
from shared.values.objects import MOST_KEYS
from shared.values.text import MOST_OF_A_VALUE, sentence

# Health checks have none: a prober may add what it likes.
_ASKING = frozenset(("GET", "HEAD"))


async def _known_only(request: Request) -> None:
    if not request.scope["query_string"]:
        return
    known = _known(request.scope["route"])
    # Most commands take none, and heed none: one that was taken once, with whatever it had, is taken again.
    if known is not None and not known and request.method not in _ASKING:
        return
    if known is not None:
        _refuse_unknown(request.query_params, known)
    _refuse_repeated(request.query_params)


KNOWN_ONLY: Final[Any] = Depends(_known_only)
"""The dependency of a router that takes no parameters but those of its routes."""


def _refuse_unknown(given: QueryParams, known: frozenset[str]) -> None:
    unknown = [name for name in given if name not in known]
    if unknown:
        raise RequestValidationError([_refusal(name, given[name]) for name in unknown[:MOST_KEYS]])


def _refuse_repeated(given: QueryParams) -> None:
    """Raises `Invalid` where a name is given more than once: only the last one would be heeded."""
    names = Counter(name for name, _ in given.multi_items())
    for name, times in names.items():
        if times > 1:
            raise Invalid(
                name,
                ",".join(given.getlist(name)),
                f"{sentence(name, MOST_OF_A_VALUE)} is given {times} times",
                "give it once; several ids are one value, separated by commas",
            )


def _known(route: Any) -> frozenset[str] | None:
    """The names that a route takes; None where it takes a model, which refuses others itself."""
    fields = list(_query_params(route.dependant))
    if any(_is_model(field.field_info.annotation) for field in fields):
        return None
    return frozenset(field.alias for field in fields)


def _query_params(dependant: Any) -> Iterator[Any]:
    yield from dependant.query_params
    for inner in dependant.dependencies:
        yield from _query_params(inner)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _refusal(name: str, value: str) -> dict[str, Any]:
    return {
        "type": "extra_forbidden",
        "loc": ("query", name),
        "msg": "Extra inputs are not permitted",
        "input": value,
    }
