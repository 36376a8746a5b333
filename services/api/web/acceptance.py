"""What a request accepts: its Accept and Accept-Encoding headers, read as RFC 9110 (12.4.2 and 12.5) says. Pure."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from services.api.answers.formats import FORMATS, Format
from shared.http.problems import NotAcceptable
from shared.values.text import MOST_OF_A_VALUE

_WEIGHT: Final = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")
# What is longer is read again each time: what is kept of strangers' headers stays small.
_LONGEST_KEPT: Final = 250


class _Said(NamedTuple):
    """How much something weighs, and how early it is named: what is greater is preferred."""

    weight: float
    earliness: int


class Codings(NamedTuple):
    """Whether a body is to be packed with gzip, and whether it may be sent as it is."""

    gzip: bool
    identity: bool


AS_IT_IS: Final = Codings(gzip=False, identity=True)


def codings(header: bytes) -> Codings:
    """What this Accept-Encoding asks for; gzip if it weighs no less than the body as it is.

    Raises `NotAcceptable` if it takes neither.
    """
    accepted = (_codings if len(header) <= _LONGEST_KEPT else _codings.__wrapped__)(header)
    if not (accepted.gzip or accepted.identity):
        raise NotAcceptable(
            "accept-encoding",
            _shown(header),
            "answers are sent with gzip or as they are (identity), and neither is accepted",
            "accept gzip, or leave identity in",
        )
    return accepted


@lru_cache(256)
def _codings(header: bytes) -> Codings:
    said = _members(header)
    anything = said.get("*")
    gzip = said.get("gzip") or said.get("x-gzip") or anything
    identity = said.get("identity") or anything
    if gzip is None or not gzip.weight:
        return Codings(gzip=False, identity=identity is None or identity.weight > 0)
    # As it is may be sent unless that is ruled out, and nothing is said for it where it is not named.
    named = said.get("identity")
    return Codings(
        gzip=named is None or gzip.weight >= named.weight, identity=identity is None or identity.weight > 0
    )


def form(header: bytes) -> Format:
    """The format that this Accept gives most weight; of equal ones the first that it names.

    Raises `NotAcceptable` if it takes none.
    """
    chosen = (_form if len(header) <= _LONGEST_KEPT else _form.__wrapped__)(header)
    if chosen is None:
        raise NotAcceptable(
            "accept",
            _shown(header),
            "answers are written in none of the accepted formats",
            f"accept one of {', '.join(offered.media_type for offered in FORMATS.values())}",
        )
    return chosen


@lru_cache(256)
def _form(header: bytes) -> Format | None:
    if not header:
        return "json"
    said = _members(header)
    # Of equals `max` takes the first, which is JSON for */*.
    weighed = {
        form: accepted for form in FORMATS if (accepted := _of(form, said)) is not None and accepted.weight
    }
    return max(weighed, key=weighed.__getitem__, default=None)


def prefers_events(header: bytes) -> bool:
    """Whether this Accept names server-sent events, and gives JSON no more weight by its name."""
    said = _members(header)
    events, json = said.get("text/event-stream"), said.get("application/json")
    return events is not None and events.weight > 0 and (json is None or events.weight >= json.weight)


def _of(form: Format, said: Mapping[str, _Said]) -> _Said | None:
    """What is said of a format: by its name, else by another name of it, else by the narrowest range it lies in."""
    name = FORMATS[form].media_type.partition(";")[0]
    also = [said[other] for other in FORMATS[form].also if other in said]
    return (
        said.get(name)
        or max(also, default=None)
        or said.get(f"{name.partition('/')[0]}/*")
        or said.get("*/*")
    )


def _members(header: bytes) -> dict[str, _Said]:
    """The members of a list with their weights. One whose weight is none, or is named before, is left out.

    Parameters other than `q` tell no formats of ours apart.
    """
    members: dict[str, _Said] = {}
    for place, member in enumerate(header.decode("latin-1").lower().split(",")):
        name, *parameters = (part.strip(" \t") for part in member.split(";"))
        weight = next((parameter[2:] for parameter in parameters if parameter.startswith("q=")), "1")
        if name and _WEIGHT.fullmatch(weight):
            members.setdefault(name, _Said(float(weight), -place))
    return members


def _shown(header: bytes) -> str:
    return header.decode("latin-1")[:MOST_OF_A_VALUE]
