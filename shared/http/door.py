"""What stands before every service that speaks HTTP: commands are bounded, and come from where they may come from."""

from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.domain.errors import Refused
from shared.http.bodies import (
    COMMAND,
    MOST_HELD_BYTES,
    Body,
    Stream,
    again,
    never_read,
    refuse_other_encodings,
    refuse_other_type,
    whole,
)
from shared.http.hosts import Headers, Hosts
from shared.http.problems import refused
from shared.http.refusals import BodyTooLarge
from shared.http.room import Room
from shared.runtime.settings import Settings

# What changes nothing by its method, and is read without a body.
QUESTIONS = frozenset(("GET", "HEAD", "OPTIONS"))


class Door:
    """An ASGI app in front of another: questions go through; `body_of` says what a command's route takes.

    An answer that does not say `Connection: close` came after the whole body was read.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings, body_of: Callable[[Scope], Body] = lambda _: COMMAND
    ) -> None:
        self.app = app
        self._hosts = Hosts(settings.allowed_hosts)
        self._seconds = settings.body_seconds
        self._body_of = body_of
        self._bodies = Room(MOST_HELD_BYTES)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # Not a coroutine itself: a question costs one call more, and no more.
        if scope["type"] != "http":
            return self.app(scope, receive, send)
        if scope["method"] in QUESTIONS:
            return self.app(scope, receive, never_read(send) if _has_body(scope["headers"]) else send)
        return self._command(scope, receive, send)

    async def _command(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._hosts.refuse_foreign(scope["headers"])
            if not _has_body(scope["headers"]):
                await self.app(scope, receive, send)
                return
            body = self._body_of(scope)
            _refuse_unfit(dict(scope["headers"]), body)
            await (self._streamed if body.streamed else self._whole)(body, scope, receive, send)
        except Refused as refusal:
            # The rest of a body may be on its way still: the connection is of no more use.
            await refused(refusal, {"Connection": "close"})(scope, receive, send)

    async def _whole(self, body: Body, scope: Scope, receive: Receive, send: Send) -> None:
        assert body.most_bytes is not None  # noqa: S101 - what has no end cannot be held
        with self._bodies.share() as share:
            content = await whole(receive, share, body.most_bytes, self._seconds)
            refuse_other_encodings(content)
            await self.app(scope, again(content, receive), send)

    async def _streamed(self, body: Body, scope: Scope, receive: Receive, send: Send) -> None:
        stream = Stream(receive, send, body.most_bytes, self._seconds)
        try:
            await self.app(scope, stream.receive, stream.send)
        finally:
            stream.close()


def _has_body(headers: Headers) -> bool:
    # By one look and without a dictionary: every question comes by here.
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in headers
    )


def _refuse_unfit(headers: dict[bytes, bytes], body: Body) -> None:
    """Raises `WrongMediaType`, and `BodyTooLarge` by what the body says of itself."""
    refuse_other_type(headers.get(b"content-type"), body.media_type)
    length = int(headers.get(b"content-length", b"0"))  # digits, or the server had refused it
    if body.most_bytes is not None and length > body.most_bytes:
        raise BodyTooLarge(length, body.most_bytes)
