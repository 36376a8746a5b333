"""Whose pages may ask: everybody's. Source: the Fetch standard, 3.2 CORS protocol."""

from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ANY_ORIGIN: Final = (b"access-control-allow-origin", b"*")
# What a page may read of an answer beside its body.
EXPOSED: Final = (
    b"access-control-expose-headers",
    b"link, memento-datetime, etag, standings-corrected-at, retry-after",
)
# What a page may send beside what every page may.
_SENT = "Accept-Datetime, Cache-Control, If-None-Match, Last-Event-ID"
_ASKED_FIRST = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": _SENT,
    "Access-Control-Max-Age": "86400",
}


class AnyOrigin:
    """An ASGI app in front of another: any page may read its answers and refusals; browsers that ask first are told so.

    It does not tell origins apart, so caches need not either: no `Vary`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def readable(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                names = {name for name, _ in headers}
                headers += [header for header in (ANY_ORIGIN, EXPOSED) if header[0] not in names]
                message = {**message, "headers": headers}
            await send(message)

        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and _asks_first(scope):
            await Response(status_code=204, headers=_ASKED_FIRST)(scope, receive, send)
        else:
            await self.app(scope, receive, readable)


def _asks_first(scope: Scope) -> bool:
    return any(name == b"access-control-request-method" for name, _ in scope["headers"])
