"""Positions in a changes stream, and whether a stream still goes on behind one of them."""

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

# Source: Redis, Streams: an entry's id is two 64-bit numbers, the second one 0 where it is left out.
_PLACE = re.compile(r"([0-9]{1,20})(?:-([0-9]{1,20}))?")
_END_OF_NUMBERS = 2**64

_THERE = files("services.api.live").joinpath("there.lua").read_text()

Position = tuple[int, int]


def position(place: str) -> Position:
    """A place as numbers. Raises `ValueError`."""
    match = _PLACE.fullmatch(place)
    if match is None:
        raise ValueError(place)
    at = int(match[1]), int(match[2] or 0)
    if max(at) >= _END_OF_NUMBERS:
        raise ValueError(place)
    return at


BEFORE_ALL = 0, 0


def lost(place: str, info: Mapping[str, Any] | None) -> str | None:
    """The oldest place that is kept, if entries behind this one may have been trimmed; else None."""
    if info is None:
        return None
    first = info["first-entry"]
    trimmed = info["entries-added"] > info["length"]
    oldest: str = (first[0] if first else info["last-generated-id"]).decode()
    return oldest if trimmed and position(place) < position(oldest) else None


async def look(redis: Redis, stream: str) -> Mapping[str, Any] | None:
    """What the server says of a stream; None if there is none."""
    try:
        return cast(Mapping[str, Any], await redis.xinfo_stream(stream))
    except ResponseError as error:
        if "no such key" in str(error):
            return None
        raise


async def is_there(redis: Redis, stream: str, place: str) -> bool:
    """Whether a stream has an entry at a place."""
    return bool(await redis.register_script(_THERE)(keys=[stream], args=[place]))


def was_replaced(place: str, info: Mapping[str, Any] | None) -> bool:
    """Whether a stream that had an entry at a place, and has it no more, is another one by now."""
    if position(place) == BEFORE_ALL:
        return False
    if info is None:
        return True
    last = info["last-generated-id"].decode()
    return bool(position(place) != position(last)) and lost(place, info) is None


async def is_replaced(redis: Redis, stream: str, place: str) -> bool:
    """The same, of a place at which this process saw an entry."""
    return not await is_there(redis, stream, place) and was_replaced(place, await look(redis, stream))
