"""Where changes come from: the API, as for any other subscriber."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx
import orjson

from services.webhooks.attempt import Message
from services.webhooks.hooks import Wanted
from services.webhooks.records import RESET_VERSION, Sent, Step
from shared.storage.codec import exact
from shared.storage.log import Log
from standings.client import AsyncClient, Reset

_AT_ONCE = 100


class Told(NamedTuple):
    """A change or a reset as it is sent, and what it takes its webhook up to."""

    step: Step
    message: Message

    @property
    def contest(self) -> str:
        """The contest."""
        return self.step.contest

    @property
    def version(self) -> int:
        """The version, 0 of a reset."""
        return self.step.upto.version


class ChangePage(NamedTuple):
    """Changes that are wanted, what all that was looked at takes the webhook up to, and perhaps a reset behind them."""

    changes: list[Told]
    step: Step
    reset: Told | None = None


class ChangeSource:
    """Reads changes from the API at `url`, and from the logs how far contests have come."""

    def __init__(self, url: str, http: httpx.AsyncClient, events: Log) -> None:
        self._client = AsyncClient(url, http)
        self._events = events

    async def versions(self) -> dict[str, int]:
        """How far the log of every contest has come."""
        return await self._events.versions(await self._events.contests())

    async def after(
        self, contest: str, sent: Sent, wanted: Wanted, most: int = _AT_ONCE, wait_ms: int = 0
    ) -> ChangePage:
        """The changes behind a place, waiting for the first.

        Raises `httpx.TransportError`, and `Problem` where the API refuses.
        """
        asked = {"after": sent.place, "limit": most, "wait_ms": wait_ms, **wanted.parameters()}
        page = await self._client.ask(f"/v1/contests/{contest}/changes", **asked)
        # An API of an earlier release names no places.
        places = page.get("places") or [str(each["id"]).rpartition("/")[2] for each in page["changes"]]
        told = zip(places, page["changes"], strict=True)
        changes = [_told(contest, place, change, sent.reset) for place, change in told]
        reset = page.get("reset")
        return ChangePage(
            changes,
            Step(contest, sent.reset, Sent(page["next"], sent.reset)),
            None if reset is None else _told_reset(contest, reset, sent.reset),
        )

    async def moved(self) -> AsyncIterator[tuple[str, int]]:
        """Contest and version of each change, from now on. When this fails, some may have been passed over."""
        after = None
        while True:
            try:
                async for change, cursor in self._client.all_changes(after=after):
                    after = cursor
                    yield change.contest, change.version
            except Reset as reset:
                if reset.contest is None:
                    raise
                after = reset.cursor
                yield reset.contest, 0


def _told(contest: str, place: str, change: dict[str, object], reset: str) -> Told:
    return Told(Step(contest, reset, Sent(place, reset)), _message(change, reset))


def _told_reset(contest: str, event: dict[str, Any], reset: str) -> Told:
    message = _message(event, reset)
    return Told(Step(contest, reset, Sent(str(RESET_VERSION), message.id)), message)


def _message(event: dict[str, object], reset: str) -> Message:
    """After a reset versions begin anew, and what was lost may come back and be lost again.

    So the id is of the event and of the reset before it: a receiver is not to take it for what it had.
    """
    name = f"{reset}/{event['id']}" if reset else str(event["id"])
    # Standard Webhooks signs `id.timestamp.body`: an id has no dot, and a contest's may have one.
    digest = hashlib.sha256(name.encode()).hexdigest()[:32]
    return Message(f"msg_{digest}", orjson.dumps(event, default=exact))
