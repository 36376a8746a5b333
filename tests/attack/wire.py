"""HTTP as an attacker speaks it: any bytes, and an answer that is read to its end whatever it is."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from typing import NamedTuple
from urllib.parse import urlsplit

from shared.runtime.tasks import end
from tests.attack.cases import MOST_SECONDS, Request

_PIECE = 65_536
_REFUSED_WITHIN_SECONDS = 5.0
_PROBLEM = re.compile(rb'"/problems/([a-z-]+)"')


class Answer(NamedTuple):
    """What came back: the status (0 if nothing came), the problem's code, and the bytes of all of it."""

    status: int
    code: str
    nbytes: int


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection of its own, closed at the end of the block."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def ask(url: str, request: Request, number: int, most_bytes: int) -> Answer:
    """Sends a request and reads its answer, of which more than so many bytes are not read."""
    async with connected(url) as (reader, writer):
        answered = asyncio.Event()
        sending = asyncio.create_task(_send(writer, request, number, answered))
        try:
            async with asyncio.timeout(MOST_SECONDS):
                return await _answer(reader, most_bytes, answered)
        except TimeoutError:
            return Answer(0, f"no end within {MOST_SECONDS:.0f} s", 0)
        finally:
            await end(sending)


async def _send(writer: asyncio.StreamWriter, request: Request, number: int, answered: asyncio.Event) -> None:
    """Sends a request until it is answered: what a service refuses early is not sent to its end."""
    target = request.target.format(n=number) if "{n" in request.target else request.target
    size = len(request.unit) * request.times
    own = {"host": "localhost", "connection": "close"} | ({"content-length": str(size)} if size else {})
    headers = [*request.headers, *((name, own[name]) for name in own.keys() - dict(request.headers).keys())]
    head = f"{request.method} {target} HTTP/1.1\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in headers
    )
    writer.write(f"{head}\r\n".encode())
    if request.is_exact:
        # It is refused by its head: what is sent while the connection ends would take the answer along.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REFUSED_WITHIN_SECONDS):
                await answered.wait()
    units = max(_PIECE // max(len(request.unit), 1), 1)
    piece = request.unit * min(units, request.times)
    for begin in range(0, request.times, units):
        if answered.is_set():
            return
        writer.write(piece if begin + units <= request.times else request.unit * (request.times - begin))
        await writer.drain()


async def _answer(reader: asyncio.StreamReader, most_bytes: int, answered: asyncio.Event) -> Answer:
    head, nbytes = b"", 0
    with contextlib.suppress(ConnectionError):
        while nbytes <= most_bytes and (part := await reader.read(_PIECE)):
            answered.set()
            nbytes += len(part)
            head = (head + part)[:_PIECE]
    status = int(head[9:12]) if head.startswith(b"HTTP/1.1 ") else 0
    problem = _PROBLEM.search(head) if status >= 400 else None
    return Answer(status, problem[1].decode() if problem else "", nbytes)
