"""Server-sent events over ASGI: a feed as a response that never blocks others and ends for a reason."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator

import orjson
from fastapi import Response
from starlette.types import Receive, Scope, Send

from services.api.hub import Hub
from services.api.subscriptions import Feed, FellBehind, Wanted
from shared.tasks import end

log = logging.getLogger("standings")

KEEP_ALIVE_SECONDS = 15.0
# A reader that takes nothing for so long is gone, or as good as.
_SLOWEST_SECONDS = 20.0
_HELLO = b"retry: 1000\n: changes follow\n\n"
_ALIVE = b": alive\n\n"
_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)


class EventStream(Response):
    """A feed's changes that fit, until the reader leaves, is too slow or had its time."""

    def __init__(self, hub: Hub, feed: Feed, wanted: Wanted, lifetime_seconds: float) -> None:
        super().__init__(media_type="text/event-stream")
        self._hub, self._feed, self._wanted = hub, feed, wanted
        self._until = time.monotonic() + lifetime_seconds
        self._sending_since: float | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI calls it
        """Sends until one side ends."""
        sending = asyncio.create_task(self._send_all(send))
        leaving = asyncio.create_task(_left(receive))
        try:
            while not self._stuck():
                ended, _ = await asyncio.wait(
                    {sending, leaving}, timeout=_SLOWEST_SECONDS / 2, return_when=asyncio.FIRST_COMPLETED
                )
                if ended:
                    break
        finally:
            await end(sending, leaving)
        if not sending.cancelled() and (error := sending.exception()):
            log.info("a subscriber was let go: %r", error)

    def _stuck(self) -> bool:
        return self._sending_since is not None and time.monotonic() - self._sending_since > _SLOWEST_SECONDS

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        with contextlib.ExitStack() as stack:
            if isinstance(self._feed, contextlib.AbstractContextManager):
                stack.enter_context(self._feed)
            async for chunk in self._chunks():
                self._sending_since = time.monotonic()
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                self._sending_since = None
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _chunks(self) -> AsyncIterator[bytes]:
        yield _HELLO
        while True:
            left = self._until - time.monotonic()
            try:
                found = await self._feed.next(max(min(KEEP_ALIVE_SECONDS, left), 0))
            except FellBehind:
                yield _end("too-slow", "you read too slowly; go on with Last-Event-ID")
                return
            if found:
                fitting = b"".join(self._feed.frame(one) for one in found if self._wanted.fits(one))
                # Also what does not fit is behind the reader when it comes again.
                yield fitting + (b"" if self._wanted.fits(found[-1]) else self._position())
            elif self._hub.closing:
                yield _end("closing", "this server ends; go on with Last-Event-ID")
                return
            elif left <= 0:
                yield _end("lifetime", "a subscription lasts no longer; go on with Last-Event-ID")
                return
            else:
                yield _ALIVE

    def _position(self) -> bytes:
        return b"id: %b\n\n" % self._feed.cursor.encode()


def _end(reason: str, detail: str) -> bytes:
    return b"event: end\ndata: %b\n\n" % orjson.dumps({"reason": reason, "detail": detail})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
