"""Where changes come from: the API, as for any other subscriber."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import NamedTuple

import httpx
import orjson

from services.webhooks.hooks import Wanted
from services.webhooks.sending import Message
from shared.codec import exact
from shared.log import Log
from standings.client import AsyncClient

_AT_ONCE = 100


class Told(NamedTuple):
    """A change as it is sent."""

    contest: str
    version: int
    message: Message


class Page(NamedTuple):
    """Changes that are wanted, and the version behind which to ask for more."""

    changes: list[Told]
    upto: int


class Source:
    """Reads changes from the API at `url`, and from the logs how far contests have come."""

    def __init__(self, url: str, http: httpx.AsyncClient, events: Log) -> None:
        self._client = AsyncClient(url, http)
        self._events = events

    async def versions(self) -> dict[str, int]:
        """How far the log of every contest has come."""
        contests = await self._events.contests()
        versions = await asyncio.gather(*[self._events.version(contest) for contest in contests])
        return dict(zip(contests, versions, strict=True))

    async def after(
        self, contest: str, version: int, wanted: Wanted, most: int = _AT_ONCE, wait_ms: int = 0
    ) -> Page:
        """The changes behind a version, waiting for the first.

        Raises `httpx.TransportError`, and `Problem` where the API refuses.
        """
        asked = {"after": version, "limit": most, "wait_ms": wait_ms, **wanted.parameters()}
        page = await self._client.ask(f"/v1/contests/{contest}/changes", **asked)
        return Page([_told(contest, change) for change in page["changes"]], int(page["next"]))

    async def moved(self) -> AsyncIterator[tuple[str, int]]:
        """Contest and version of each change, from now on. When this fails, some may have been passed over."""
        async for change, _ in self._client.all_changes():
            yield change.contest, change.version


def _told(contest: str, change: dict[str, object]) -> Told:
    version = int(str(change["id"]).rpartition("/")[2])
    # Standard Webhooks signs `id.timestamp.body`: an id has no dot, and a contest's may have one.
    name = hashlib.sha256(f"{contest}/{version}".encode()).hexdigest()[:32]
    return Told(contest, version, Message(f"msg_{name}", orjson.dumps(change, default=exact)))
