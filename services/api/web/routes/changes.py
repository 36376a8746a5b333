"""The HTTP interface of subscriptions: server-sent events, or JSON that waits."""

import re
from contextlib import ExitStack
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Header, Query, Request, Response

from services.api.answers.questions import AllChangesQuestion, ContestChangesQuestion
from services.api.engine import seen
from services.api.engine.seen import Seen
from services.api.live.hub import Change
from services.api.subscriptions.event_stream import EventStream
from services.api.subscriptions.seats import Seats
from services.api.subscriptions.subscriptions import (
    ChangeFilter,
    ContestFeed,
    Feed,
    FellBehind,
    Patience,
    StreamLost,
    Subscriptions,
    wanted,
)
from services.api.web import acceptance, examples
from services.api.web.routes.parameters import REFUSALS, ContestId
from shared.domain.errors import Gone, Invalid
from shared.domain.events import Version
from shared.http.parameters import KNOWN_ONLY

_EVENTS = {"text/event-stream": examples.TEXT}
# One JSON answer ends with what goes beyond so many bytes, and when so many changes were looked at.
MOST_BYTES: Final = 1 << 20
MOST_LOOKED_AT: Final = 10_000
_ALL = examples.of("Changes", _EVENTS)
_OF_CONTEST = examples.of("ContestChanges", _EVENTS)
LastEventId = Annotated[
    str | None, Header(max_length=4000, description="the id of the last server-sent event")
]


def change_routes(subscriptions: Subscriptions, lifetime_seconds: float, seats: Seats) -> APIRouter:
    """Every route of subscriptions; each subscriber has a seat, and server-sent events end after their lifetime."""
    router = APIRouter(
        prefix="/v1",
        responses=REFUSALS,
        default_response_class=Response,
        tags=["changes"],
        dependencies=[KNOWN_ONLY],
    )

    async def answer(
        request: Request, feed: Feed, question: AllChangesQuestion, more: dict[str, Any]
    ) -> Response:
        fits = wanted(question)
        if _streams(request, question):
            return EventStream(subscriptions.hub, feed, fits, lifetime_seconds, seats)
        with seats.one():
            return Response(await _page(feed, fits, question, more), media_type="application/json")

    @router.get("/changes", responses={**_ALL, **examples.refusals(_410="not kept for so long")})
    async def all_changes(
        request: Request,
        question: Annotated[AllChangesQuestion, Query()],
        last_event_id: LastEventId = None,
    ) -> Response:
        """Changes of every contest, as server-sent events or, with `Accept: application/json`, page by page.

        They reach back as long as the deployment keeps them; those of one contest reach back to its first version.
        """
        after, field = (last_event_id, "Last-Event-ID") if last_event_id else (question.after, "after")
        feed = await subscriptions.of_all(after, field)
        return await answer(request, feed, question, {})

    @router.get("/contests/{contest}/changes", responses=_OF_CONTEST)
    async def contest_changes(
        request: Request,
        contest: ContestId,
        question: Annotated[ContestChangesQuestion, Query()],
        last_event_id: LastEventId = None,
    ) -> Response:
        """A contest's changes, one for each version: from now on, or from any version on, however old.

        As server-sent events their ids are versions with their histories, so `Last-Event-ID` goes on where the last
        connection ended. A `reset` says that the log has another history, whose changes follow from version 1 on.
        """
        feed = await subscriptions.of_contest(contest, _after(question, last_event_id))
        return await answer(request, feed, question, {"contest": contest})

    return router


def _after(question: ContestChangesQuestion, last_event_id: str | None) -> Seen | None:
    """The version behind which to begin."""
    if question.from_version is not None and not last_event_id:
        return Seen(Version(question.from_version - 1))
    field, text = ("Last-Event-ID", last_event_id) if last_event_id else ("after", question.after)
    if text is None:
        return None
    place = seen.read(text) if re.fullmatch(seen.PATTERN, text) else None
    if place is None or place.version > 2**53:
        raise Invalid(field, text[:100], "not a version", f"give the place of a change, or leave {field} out")
    return place


def _streams(request: Request, question: AllChangesQuestion) -> bool:
    if question.format is not None:
        return question.format == "sse"
    return acceptance.prefers_events(b",".join(_accepted(request)))


def _accepted(request: Request) -> list[bytes]:
    return [value for name, value in request.scope["headers"] if name == b"accept"]


async def _page(feed: Feed, fits: ChangeFilter, question: AllChangesQuestion, more: dict[str, Any]) -> bytes:
    """The next changes that fit, waiting for a first one; after a reset the page ends."""
    with ExitStack() as stack:
        if isinstance(feed, ContestFeed):
            stack.enter_context(feed)
        try:
            fitting = await _that_fit(feed, fits, question)
        except FellBehind:
            raise Gone(
                "after", feed.cursor[:200], "it was too long ago", "begin anew without `after`"
            ) from None
    changes = [orjson.Fragment(change.event) for change in fitting if not change.is_reset]
    if isinstance(feed, ContestFeed):
        more = {**more, "places": [feed.id_of(change) for change in fitting if not change.is_reset]}
    if fitting and fitting[-1].is_reset:
        more = {**more, "reset": orjson.Fragment(fitting[-1].event)}
    return orjson.dumps({**more, "changes": changes, "next": feed.cursor})


async def _that_fit(feed: Feed, fits: ChangeFilter, question: AllChangesQuestion) -> list[Change]:
    patience = Patience(question.wait_ms / 1000)
    fitting: list[Change] = []
    looked_at = nbytes = 0
    while len(fitting) < question.limit and looked_at < MOST_LOOKED_AT and nbytes < MOST_BYTES:
        try:
            changes = await feed.next(0 if fitting else patience.left, question.limit - len(fitting))
        except StreamLost:
            break  # whoever asks behind this answer is told
        if not changes:
            break
        looked_at += len(changes)
        chosen = [change for change in changes if fits.fits(change)]
        nbytes += sum(len(change.event) for change in chosen)
        fitting += chosen
        if chosen and chosen[-1].is_reset:
            break
    return fitting
