"""Bodies of requests, bounded in bytes and in time while they are read."""

import asyncio
import json
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from starlette.types import Message, Receive, Send

from shared.domain.errors import Invalid, Refused
from shared.http.refusals import BodyCutShort, BodyTooLarge, BodyTooSlow, WrongMediaType
from shared.http.room import Share

# All that is held of bodies that are not whole yet; what a service reads as it comes is not held.
MOST_HELD_BYTES = 40 << 20
# A body that is read as it comes has to bring so many bytes, or its end, whenever its time has been waited.
PROGRESS_BYTES = 1024


class Body(NamedTuple):
    """What a route takes: of which media type, how many bytes (None: without an end), and whether as it comes."""

    media_type: str
    most_bytes: int | None
    streamed: bool = False


_GONE: Message = {"type": "http.disconnect"}
COMMAND = Body("application/json", 1 << 20)


async def whole(receive: Receive, share: Share, most: int, seconds: float) -> bytes:
    """A body of at most so many bytes, come in so many seconds; it counts in the share.

    Raises `BodyTooLarge`, `BodyTooSlow`, `TooManyBodies` and `BodyCutShort`.
    """
    # Not a list of the parts: one of two bytes takes twenty times as much, and who sends says how many there are.
    content = bytearray()
    more = True
    try:
        async with asyncio.timeout(seconds):
            while more:
                part, more = _part(await receive())
                content += part
                share.add_body(len(part))
                if len(content) > most:
                    raise BodyTooLarge(len(content), most)
    except TimeoutError:
        raise BodyTooSlow(len(content), seconds) from None
    return bytes(content)


def _part(message: Message) -> tuple[bytes, bool]:
    """The bytes that came, and whether more follow. Raises `BodyCutShort`."""
    if message["type"] != "http.request":
        raise BodyCutShort
    return message.get("body", b""), message.get("more_body", False)


def refuse_other_type(given: bytes | None, wanted: str) -> None:
    """Raises `WrongMediaType` unless the `Content-Type` that was given names the wanted media type."""
    if given is None or given.partition(b";")[0].strip().lower().decode("latin-1") != wanted:
        raise WrongMediaType(None if given is None else given.decode("latin-1"), wanted)


def refuse_other_encodings(content: bytes) -> None:
    """JSON is UTF-8 (RFC 8259, 8.1); Python's reader takes UTF-16 and UTF-32 as well. Raises `Invalid`."""
    encoding = json.detect_encoding(content)
    if not encoding.startswith("utf-8"):
        raise Invalid(
            "body", None, f"body: not JSON that is read here: it is written in {encoding}", "send it in UTF-8"
        )


def again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the whole body first, and then goes on as the other one."""
    told = False

    async def once() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


def closing(message: Message) -> Message:
    """The message of an answer, which says that the connection ends behind it.

    Whether the server goes on reading after an answer that came before the end of the request's body depends on how
    much of the body had come by then: a client could not tell whether its next request is read.
    """
    if message["type"] != "http.response.start":
        return message
    return {**message, "headers": [*message["headers"], (b"connection", b"close")]}


def never_read(send: Send) -> Send:
    """Answers a request whose body is not read: `send`, and the answer says that the connection ends."""

    async def send_closing(message: Message) -> None:
        await send(closing(message))

    return send_closing


class Stream:
    """A request whose body an app reads as it comes: what it receives by, and what it answers by.

    `receive` raises `BodyTooLarge` and `BodyTooSlow`, again and again. Only the time in which the app waits counts: one
    that is busy with what came does not make its client slow.
    """

    def __init__(self, receive: Receive, send: Send, most: int | None, seconds: float) -> None:
        self._receive: Receive | None = receive
        self._send: Send | None = send
        self._most = most
        self._seconds = seconds
        self._size = 0
        self._waited = 0.0
        self._since_progress = 0
        self._ended = False
        self._refuse: Callable[[], Refused] | None = None

    async def receive(self) -> Message:
        """The next of the body, and once it has ended, that the client has left."""
        if self._refuse is not None:
            raise self._refuse()
        if self._receive is None:
            return _GONE
        if self._ended:
            return await self._receive()
        message = await self._next(self._receive)
        self._count(len(message.get("body", b"")))
        if self._refuse is not None:
            raise self._refuse()
        self._ended = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Answers. An answer that begins before the body was read to its end says that the connection ends."""
        if self._send is not None:
            await self._send(message if self._ended else closing(message))

    def close(self) -> None:
        """Lets go of the connection: the server closes one whose body was not read when nothing holds it any more, and
        what an app raised may hold its frames, and they this, until the next collection."""
        self._receive = self._send = None

    async def _next(self, receive: Receive) -> Message:
        began = time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, self._seconds - self._waited)):
                return await receive()
        except TimeoutError:
            self._refuse = partial(BodyTooSlow, self._size, self._seconds)
            return _GONE
        finally:
            self._waited += time.monotonic() - began

    def _count(self, size: int) -> None:
        self._size += size
        self._since_progress += size
        if self._since_progress >= PROGRESS_BYTES:
            self._since_progress, self._waited = 0, 0.0
        if self._most is not None and self._size > self._most:
            self._refuse = partial(BodyTooLarge, self._size, self._most)
