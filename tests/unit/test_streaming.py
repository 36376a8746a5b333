"""Server-sent events: in small pieces, and whoever takes none is told why, or let go."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from services.api.live.hub import Change, Hub
from services.api.subscriptions import event_stream
from services.api.subscriptions.event_stream import PIECE, EventStream, pieces
from services.api.subscriptions.seats import Seats, TooManySubscribers
from services.api.subscriptions.subscriptions import ChangeFilter
from shared.domain.events import Version

EVERYTHING = ChangeFilter()


class Feed:
    """Changes without end."""

    def __init__(self, nbytes: int) -> None:
        self.version = 0
        self.event = b"x" * nbytes

    @property
    def cursor(self) -> str:
        return str(self.version)

    async def next(self, within_seconds: float, most: int = 500) -> list[Change]:
        await asyncio.sleep(0)
        self.version += 1
        return [Change("race", Version(self.version), self.event)]

    def id_of(self, change: Change) -> str:
        return str(change.version)


class Reader:
    """Takes pieces as long as it is told to, and never leaves by itself."""

    def __init__(self) -> None:
        self.takes = asyncio.Event()
        self.taken: list[bytes] = []

    async def send(self, message: Any) -> None:
        await self.takes.wait()
        self.taken.append(message.get("body", b""))

    async def receive(self) -> Any:
        await asyncio.Event().wait()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0)


@pytest.mark.parametrize("nbytes", [1, 100, PIECE - 40, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE])
def test_events_are_whole_whatever_the_pieces(nbytes: int) -> None:
    told = [(str(n), b"e" * (nbytes - n)) for n in range(1)] + [("7", b"short"), ("8", b"x" * nbytes)]

    found = list(pieces((number, b"change", event) for number, event in told))

    expected = b"".join(b"id: %b\nevent: change\ndata: %b\n\n" % (n.encode(), event) for n, event in told)
    assert b"".join(one.content for one in found) == expected
    assert max(len(one.content) for one in found) <= PIECE
    assert all(one.content.endswith(b"\n\n") for one in found if one.whole)
    assert found[-1].whole


@pytest.mark.parametrize("nbytes", [10, 3 * PIECE])
def test_a_reader_that_takes_nothing_is_told_so_when_it_does_and_behind_a_whole_event(
    monkeypatch: pytest.MonkeyPatch, nbytes: int
) -> None:
    monkeypatch.setattr(event_stream, "SLOWEST_SECONDS", 0.5)

    async def look() -> None:
        reader, feed = Reader(), Feed(nbytes)
        reader.takes.set()
        stream = EventStream(Hub(), feed, EVERYTHING, 60, Seats(1))
        serving = asyncio.create_task(stream({}, reader.receive, reader.send))
        await until(lambda: feed.version == 3)
        reader.takes.clear()
        await until(lambda: stream._too_slow)
        assert feed.version < 10, "nothing is made while nothing is taken"
        reader.takes.set()
        await serving
        *events, end, rest = b"".join(reader.taken).split(b"\n\n")
        assert b'"reason":"too-slow"' in end
        assert rest == b""
        assert events[-1].endswith(b"data: " + feed.event)

    asyncio.run(look())


def test_a_reader_that_takes_nothing_for_ever_is_let_go_and_its_seat_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_stream, "SLOWEST_SECONDS", 0.1)

    async def look() -> None:
        reader, seats = Reader(), Seats(1)
        stream = EventStream(Hub(), Feed(10), EVERYTHING, 60, seats)
        serving = asyncio.create_task(stream({}, reader.receive, reader.send))
        await until(lambda: seats.taken == 1)
        with pytest.raises(TooManySubscribers):
            await EventStream(Hub(), Feed(10), EVERYTHING, 60, seats)({}, reader.receive, reader.send)
        async with asyncio.timeout(20):
            await serving
        assert seats.taken == 0

    asyncio.run(look())
