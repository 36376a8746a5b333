"""Turns: large questions are many at a time for those who ask them, and one piece of work at a time for the others.

An event loop that writes ten megabytes does nothing else meanwhile. So what is large is written in pieces, one piece
of one answer in each round of the loop; and what waits for its reader has a place, of which there are so many.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final, TypeVar

from shared.http.refusals import Busy

T = TypeVar("T")

# Questions that are being worked out at a time; the others wait for their turn, for so long.
MOST_WORKED_OUT: Final = 8
_WAIT_SECONDS: Final = 10
# Large answers on their way to readers at a time, each of which holds one to three megabytes.
MOST_ON_THEIR_WAY: Final = 32


class Crowded(Busy):
    """So many large questions are being answered that another one has to wait."""

    code = "crowded"
    title = "Too many large questions at a time"

    def __init__(self, what: str) -> None:
        super().__init__("", "", what, "ask again shortly, or ask for less at a time")


class Turns:
    """The turns of one process. All times are of its event loop."""

    def __init__(self, worked_out: int = MOST_WORKED_OUT, on_their_way: int = MOST_ON_THEIR_WAY) -> None:
        self._working = asyncio.Semaphore(worked_out)
        self._one = asyncio.Lock()
        self._places = on_their_way

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """The block works out a question, when it is its turn. Raises `Crowded` when it does not come."""
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._working.acquire()
        except TimeoutError:
            raise Crowded(f"no turn came within {_WAIT_SECONDS} seconds") from None
        try:
            yield
        finally:
            self._working.release()

    @contextmanager
    def place(self) -> Iterator[None]:
        """The block sends a large answer. Raises `Crowded` if there is no place for it."""
        if not self._places:
            raise Crowded("as many large answers as there may be are on their way")
        self._places -= 1
        try:
            yield
        finally:
            self._places += 1

    async def take(self, work: Callable[[], T]) -> T:
        """What the work comes to, done in a round of the loop of its own: a few milliseconds of it at most."""
        async with self._one:
            result = work()
            # Within the lock: or the next piece would be worked on in the same round.
            await asyncio.sleep(0)
            return result
