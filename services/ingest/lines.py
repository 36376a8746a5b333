"""The lines of a body that comes in parts: never more of it in memory than a part and a line."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from typing import NamedTuple

from services.ingest.decision.command_text import LONGEST
from shared.domain.errors import Refused

log = logging.getLogger("standings")

# Bytes of a body.
MOST_THROWN_AWAY = 64 * 1024 * 1024
_THROWN_AWAY_WITHIN_SECONDS = 30.0
_BLANK = re.compile(rb"[ \t\r\n]*\n")


class NumberedLine(NamedTuple):
    """A line that is not blank, and its number among all lines, from 1. Of one too long only the beginning."""

    number: int
    text: bytes


async def lines_of(body: AsyncIterator[bytes]) -> AsyncIterator[NumberedLine]:
    """A body's lines, as they come."""
    number, rest = 0, b""
    async for part in body:
        begin = 0
        while (end := part.find(b"\n", begin)) >= 0:
            number += 1
            line = _cut(rest + part[begin:end])
            rest, begin = b"", end + 1
            if line.strip():
                yield NumberedLine(number, line)
            elif blank := _BLANK.match(part, begin):
                number += blank[0].count(b"\n")
                begin = blank.end()
        rest = _cut(rest + part[begin:])
    if rest.strip():
        yield NumberedLine(number + 1, rest)


def _cut(line: bytes) -> bytes:
    """As much of a line as tells that it is too long."""
    return line[: LONGEST + 1]


async def throw_away(body: AsyncIterator[bytes]) -> None:
    """Reads what is left of a body, within bounds, so that who sends all of it before reading gets the answer.

    Raises `ClientDisconnect`.
    """
    thrown = 0
    try:
        async with asyncio.timeout(_THROWN_AWAY_WITHIN_SECONDS):
            async for part in body:
                thrown += len(part)
                if thrown > MOST_THROWN_AWAY:
                    return
    except (TimeoutError, Refused) as error:  # too slow, or too much of it
        log.info("the rest of a body was not read: %r", error)
