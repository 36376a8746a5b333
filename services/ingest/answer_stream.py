"""Answers that are longer than should be held: sent while more is read, to clients that may not be reading yet.

Most clients send all of a body before they read any of its answer. Neither side goes on then once all that lies between
them is full. So answers are held for a while, and a client that takes none of them for so long is told where its batch
ended, behind the rest of its body, which is thrown away.
"""

import asyncio
import logging
from collections import deque
from typing import Protocol

from fastapi import Response
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

log = logging.getLogger("standings")

# Bytes of answers that one request holds, and all of them together.
MOST_HELD = 4 * 1024 * 1024
MOST_HELD_IN_ALL = 64 * 1024 * 1024
# A client that takes nothing for so long is sending still: less than the five seconds after which many give up sending.
PATIENCE_SECONDS = 4.0
# And one that takes nothing for so long when all it sent was read is gone.
LAST_PATIENCE_SECONDS = 120.0
_PIECE = 64 * 1024


class AnswerStream(Protocol):
    """What a request is answered, as long as it goes on."""

    ended: bool

    async def more(self) -> bytes:
        """The next of them, as many as are held. Raises `ClientDisconnect`."""

    async def break_off(self) -> bytes:
        """The last of the answers, once the rest of the body was read and dropped. Raises `ClientDisconnect`."""

    def release(self) -> None:
        """What `more` gave is no longer held."""


class NotRead(Exception):
    """The client takes nothing."""


class Streamed(Response):
    """A response whose answers are sent as they come."""

    def __init__(self, first: bytes, answers: AnswerStream, media_type: str) -> None:
        super().__init__(media_type=media_type)
        self._first = first
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI calls it
        """Sends until the answers end, or the client does."""
        reader = _Reader(send)
        headers = [(name, value) for name, value in self.raw_headers if name != b"content-length"]
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
            await self._send_all(reader)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (NotRead, ClientDisconnect):
            log.info("a client left before it had all its answers")
        finally:
            self._answers.release()
            await reader.leave()

    async def _send_all(self, reader: "_Reader") -> None:
        answers, held = self._answers, self._first
        while True:
            try:
                await reader.take(held, PATIENCE_SECONDS)
            except NotRead:
                last = b"" if answers.ended else await answers.break_off()
                await reader.take(last, LAST_PATIENCE_SECONDS)
            answers.release()
            if answers.ended:
                return
            held = await answers.more()


class _Reader:
    """The client, as far as it takes what is sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._pieces: deque[bytes] = deque()
        self._sending: asyncio.Future[None] | None = None

    async def take(self, held: bytes, patience_seconds: float) -> None:
        """Sends this behind what was not taken before. Raises `NotRead` when a piece is not taken in time."""
        self._pieces.extend(held[begin : begin + _PIECE] for begin in range(0, len(held), _PIECE))
        while self._sending or self._pieces:
            if self._sending is None:
                piece = {"type": "http.response.body", "body": self._pieces.popleft(), "more_body": True}
                self._sending = asyncio.ensure_future(self._send(piece))
            # What is being sent cannot be taken back: it is waited for again, never cancelled and sent anew.
            if not (await asyncio.wait({self._sending}, timeout=patience_seconds))[0]:
                raise NotRead
            self._sending.result()
            self._sending = None

    async def leave(self) -> None:
        """Gives up what was not taken."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait({self._sending})
