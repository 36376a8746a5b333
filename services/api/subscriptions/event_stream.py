"""Server-sent events over ASGI: a feed as a response that never blocks others and ends for a reason.

What is handed to the server and not on its way yet is held in memory for each reader. The server takes a few pieces and
then lets `send` wait until the reader has taken some; so a piece is small, and no more than one is made at a time.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Final, NamedTuple

import orjson
from fastapi import Response
from starlette.types import Message, Receive, Scope, Send

from services.api.live.hub import Change, Hub
from services.api.subscriptions.seats import Seats
from services.api.subscriptions.subscriptions import ChangeFilter, Feed, FellBehind, StreamLost
from shared.runtime.tasks import end

log = logging.getLogger("standings")

KEEP_ALIVE_SECONDS = 15.0
# A reader that takes no piece for so long is told so once it does, and is let go after twice as long.
SLOWEST_SECONDS = 20.0
PIECE: Final = 16 << 10


class SentPiece(NamedTuple):
    """What is sent at once, at most `PIECE` bytes; `whole` if no event goes on in the next one."""

    content: bytes
    whole: bool = True


_HELLO = SentPiece(b"retry: 1000\n: changes follow\n\n")
_ALIVE = SentPiece(b": alive\n\n")
_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)


class EventStream(Response):
    """A feed's changes that fit, until the reader leaves, is too slow or had its time."""

    def __init__(
        self, hub: Hub, feed: Feed, wanted: ChangeFilter, lifetime_seconds: float, seats: Seats
    ) -> None:
        super().__init__(media_type="text/event-stream")
        self._hub, self._feed, self._wanted, self._seats = hub, feed, wanted, seats
        self._until = time.monotonic() + lifetime_seconds
        self._sending_since: float | None = None
        self._too_slow = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI calls it
        """Sends until one side ends. Raises `TooManySubscribers`."""
        with self._seats.one():
            await self._attend(receive, send)

    async def _attend(self, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send_all(send))
        leaving = asyncio.create_task(until_left(receive))
        try:
            while not self._stuck_for(2 * SLOWEST_SECONDS):
                ended, _ = await asyncio.wait(
                    {sending, leaving}, timeout=SLOWEST_SECONDS / 2, return_when=asyncio.FIRST_COMPLETED
                )
                if ended:
                    break
                self._too_slow |= self._stuck_for(SLOWEST_SECONDS)
        finally:
            await end(sending, leaving)
        if not sending.cancelled() and (error := sending.exception()):
            log.info("a subscriber was let go: %r", error)

    def _stuck_for(self, seconds: float) -> bool:
        return self._sending_since is not None and time.monotonic() - self._sending_since > seconds

    async def _send_all(self, send: Send) -> None:
        await self._send(send, {"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        with contextlib.ExitStack() as stack:
            if isinstance(self._feed, contextlib.AbstractContextManager):
                stack.enter_context(self._feed)
            async for piece in self._pieces():
                await self._send(send, _body(piece.content))
                if self._too_slow and piece.whole:
                    slow = _end("too-slow", "you took nothing for too long; go on with Last-Event-ID")
                    await self._send(send, _body(slow.content))
                    break
        await self._send(send, {"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, message: Message) -> None:
        self._sending_since = time.monotonic()
        await send(message)
        self._sending_since = None

    async def _pieces(self) -> AsyncIterator[SentPiece]:
        yield _HELLO
        while True:
            left = self._until - time.monotonic()
            try:
                changes = await self._feed.next(max(min(KEEP_ALIVE_SECONDS, left), 0))
            except StreamLost:
                yield _end(
                    "reset", "the stream of all changes was lost or replaced; go on with Last-Event-ID"
                )
                return
            except FellBehind:
                yield _end("too-slow", "you read too slowly; go on with Last-Event-ID")
                return
            for piece in self._told(changes):
                yield piece
            if self._hub.closing:
                yield _end("closing", "this server ends; go on with Last-Event-ID")
                return
            if left <= 0:
                yield _end("lifetime", "a subscription lasts no longer; go on with Last-Event-ID")
                return
            if not changes:
                yield _ALIVE

    def _told(self, changes: list[Change]) -> Iterator[SentPiece]:
        fitting = (change for change in changes if self._wanted.fits(change))
        yield from pieces((self._feed.id_of(change), _name(change), change.event) for change in fitting)
        if changes and not self._wanted.fits(changes[-1]):
            # Also what does not fit is behind the reader when it comes again.
            yield SentPiece(b"id: %b\n\n" % self._feed.cursor.encode())


def _name(change: Change) -> bytes:
    return b"reset" if change.is_reset else b"change"


def pieces(changes: Iterable[tuple[str, bytes, bytes]]) -> Iterator[SentPiece]:
    """Changes, each with its id and its event's name, as server-sent events: several in a piece, or several for one.

    Source: WHATWG HTML, 9.2 Server-sent events.
    """
    gathered = b""
    for cursor, name, event in changes:
        head = b"id: %b\nevent: %b\ndata: " % (cursor.encode(), name)
        if gathered and len(gathered) + len(head) + len(event) + 2 > PIECE:
            yield SentPiece(gathered)
            gathered = b""
        if len(head) + len(event) + 2 <= PIECE:
            gathered += b"%b%b\n\n" % (head, event)
            continue
        yield SentPiece(head, whole=False)
        for begin in range(0, len(event), PIECE):
            yield SentPiece(event[begin : begin + PIECE], whole=False)
        yield SentPiece(b"\n\n")
    if gathered:
        yield SentPiece(gathered)


def _end(reason: str, detail: str) -> SentPiece:
    return SentPiece(b"event: end\ndata: %b\n\n" % orjson.dumps({"reason": reason, "detail": detail}))


def _body(content: bytes) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": True}


async def until_left(receive: Receive) -> None:
    """Returns when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
