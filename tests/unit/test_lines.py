"""A body in parts is read line by line, and holds little memory whatever it is."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Iterable

from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect

from services.ingest import lines
from services.ingest.decision.command_text import LONGEST
from services.ingest.lines import NumberedLine, lines_of, throw_away
from shared.http.refusals import BodyTooSlow


async def body(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def read(*parts: bytes) -> list[NumberedLine]:
    async def run() -> list[NumberedLine]:
        return [line async for line in lines_of(body(parts))]

    return asyncio.run(run())


@given(st.lists(st.text("ab \t\r\n", max_size=12)))
def test_however_a_body_is_cut_its_lines_are_those_that_are_not_blank(texts: list[str]) -> None:
    parts = [text.encode() for text in texts]

    wanted = [
        NumberedLine(number, line)
        for number, line in enumerate(b"".join(parts).split(b"\n"), start=1)
        if line.strip()
    ]

    assert read(*parts) == wanted


def test_a_line_may_be_so_long_and_of_a_longer_one_only_the_beginning_is_held() -> None:
    longest, longer = b"x" * LONGEST, b"x" * (LONGEST + 1)

    assert read(longest + b"\n" + longest) == [NumberedLine(1, longest), NumberedLine(2, longest)]
    assert read(longer * 3 + b"\n", b"\n1") == [NumberedLine(1, longer), NumberedLine(3, b"1")]
    assert read(*[b"x" * 1000] * 200, b"\n1\n") == [NumberedLine(1, longer), NumberedLine(2, b"1")]


def test_megabytes_of_short_blank_or_endless_lines_hold_little() -> None:
    async def count(part: bytes) -> int:
        return len([None async for line in lines_of(body([part] * 5)) if len(line.text) > LONGEST])

    for part in (b"1\n" * 20_000, b"\n" * 100_000, b"x" * 100_000):
        tracemalloc.start()
        asyncio.run(count(part))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1_000_000


def test_what_is_thrown_away_is_bounded() -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * (1 << 20)

    asyncio.run(throw_away(endless()))

    assert taken == lines.MOST_THROWN_AWAY // (1 << 20) + 1


def test_a_body_that_is_late_or_whose_sender_leaves_ends_the_throwing_away() -> None:
    async def failing(error: Exception) -> AsyncIterator[bytes]:
        yield b"x"
        raise error

    asyncio.run(throw_away(failing(BodyTooSlow(1, 30))))
    try:
        asyncio.run(throw_away(failing(ClientDisconnect())))
    except ClientDisconnect:
        return
    raise AssertionError("that the sender left is told")
