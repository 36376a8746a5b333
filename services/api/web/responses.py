"""Documents as HTTP responses: small ones whole, with a tag of their bytes, and large ones piece by piece."""

import asyncio
import logging
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial
from typing import Final

from fastapi import Response
from starlette.types import Receive, Scope, Send

from services.api.answers.documents import Document, Rows, encode, join
from services.api.answers.formats import Format
from services.api.answers.pieces import pieces
from services.api.answers.turns import Turns
from services.api.subscriptions.event_stream import until_left
from services.api.web import replies
from services.api.web.replies import Headers, Reply, Wants
from shared.runtime.tasks import end
from shared.storage.connections import FAILURES

log = logging.getLogger("standings")

# Up to so many bytes a document is written before its answer begins.
_WHOLE: Final = 1 << 18
# A reader who takes nothing for so long, or on the whole less than this in a second, is let go: it holds a place.
_SLOWEST_SECONDS: Final = 20
_SLOWEST_BYTES_A_SECOND: Final = 50_000


async def answer(document: Document, form: Format, wants: Wants, cache: bytes, turns: Turns) -> Response:
    """The response to a request for a document. Raises `Unwritable`."""
    rest = pieces(document, form, turns)
    begun: list[bytes] = []
    size = 0
    made_of = _identity(document)
    async for piece in rest:
        begun.append(piece)
        size += len(piece)
        if size > _WHOLE and made_of:
            written = replies.headed(document, form, cache, made_of)
            if replies.has_it(written, wants):
                await rest.aclose()
                return response(Reply(304, written.headers[1:], b""))
            return LargeResponse(written.headers, _whole(document, form, begun, rest), wants, turns)
    return response(replies.reply(replies.of_bytes(document, form, cache, b"".join(begun)), wants))


def response(reply: Reply) -> Response:
    """A reply as a response."""
    made = Response(reply.body, reply.status)
    made.raw_headers = reply.headers
    return made


def _identity(document: Document) -> bytes:
    """What tells a document with `Rows` from all others without writing it; nothing for one without."""
    if not any(isinstance(value, Rows) for value in document.value.values()):
        return b""
    told = {
        name: value.identity.hex() if isinstance(value, Rows) else value
        for name, value in document.value.items()
    }
    return encode(told)


async def _whole(
    document: Document, form: Format, begun: list[bytes], rest: AsyncGenerator[bytes, None]
) -> AsyncIterator[bytes]:
    if form == "json":
        begun[0] = join(encode(document.times), begun[0])
    while begun:
        yield begun.pop(0)
    async for piece in rest:
        yield piece


class LargeResponse(Response):
    """An answer that is written while it is sent, until it ends or its reader leaves or is too slow.

    Its length is not known before. Where it breaks off, the connection ends without the last chunk, so nobody takes a
    part for the whole.
    """

    def __init__(self, headers: Headers, body: AsyncIterator[bytes], wants: Wants, turns: Turns) -> None:
        super().__init__()
        self.raw_headers = [*headers, (b"content-encoding", b"gzip")] if wants.accepts_gzip else headers
        self._body = _packed(body, turns) if wants.accepts_gzip else body
        self._turns = turns
        self._waits_since: float | None = None
        self._waited, self._sent = 0.0, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it. Raises `Crowded`."""
        if scope.get("head"):
            await self._begin(send)
            await send({"type": "http.response.body", "body": b""})
            return
        with self._turns.place():
            sending = asyncio.create_task(self._send_all(send))
            leaving = asyncio.create_task(until_left(receive))
            try:
                await self._watch(sending, leaving)
            finally:
                await end(sending, leaving)
            # Without the last chunk the server ends the connection: to raise would only say so in the log again.
            if not sending.cancelled() and (error := sending.exception()):
                expected = isinstance(error, FAILURES)
                log.error("a large answer broke off: %r", error, exc_info=None if expected else error)

    async def _watch(self, sending: "asyncio.Task[None]", leaving: "asyncio.Task[None]") -> None:
        """Returns when it is sent, and when it is not to be sent any more."""
        while not self._stuck():
            done, _ = await asyncio.wait({sending, leaving}, timeout=1, return_when=asyncio.FIRST_COMPLETED)
            if done:
                return
        log.info("a reader of a large answer was too slow, and is let go")

    def _stuck(self) -> bool:
        waits = 0.0 if self._waits_since is None else time.monotonic() - self._waits_since
        waited = self._waited + waits
        return waits > _SLOWEST_SECONDS or (
            waited > _SLOWEST_SECONDS and self._sent < waited * _SLOWEST_BYTES_A_SECOND
        )

    async def _begin(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})

    async def _send_all(self, send: Send) -> None:
        await self._begin(send)
        async for piece in self._body:
            self._waits_since = time.monotonic()
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            self._waited += time.monotonic() - self._waits_since
            self._waits_since = None
            self._sent += len(piece)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _packed(body: AsyncIterator[bytes], turns: Turns) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(replies.COMPRESSION, wbits=_GZIP)
    async for piece in body:
        if some := await turns.take(partial(packer.compress, piece)):
            yield some
    yield packer.flush()


# Source: zlib.h, deflateInit2: 16 more than the largest window writes gzip's header and trailer.
_GZIP: Final = 16 + zlib.MAX_WBITS
