"""The HTTP interface of ingest."""

import asyncio
import re
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from services.ingest import batch
from services.ingest.answer_stream import MOST_HELD_IN_ALL
from services.ingest.decision.commands import (
    Announce,
    AnnounceFacts,
    Command,
    Correct,
    CorrectFacts,
    Enter,
    EnterFacts,
    EventId,
    Facts,
    Open,
    OpenFacts,
    Retract,
    RetractFacts,
    Slug,
    Strike,
    StrikeFacts,
    Switch,
    SwitchFacts,
    Withdraw,
    WithdrawFacts,
)
from services.ingest.decision.submission import Taken
from services.ingest.desk import Desk
from services.ingest.inbox import Inbox
from shared.domain.times import format_instant
from shared.http.bodies import COMMAND, Body, refuse_other_type
from shared.http.openapi import JSON, json_of, lines_of
from shared.http.parameters import KNOWN_ONLY
from shared.http.problem_schema import problems_of
from shared.http.problems import refused
from shared.http.refusals import BodyCutShort
from shared.http.room import Room
from shared.storage.backlog import Backlog, all_unfolded

ContestId = Annotated[Slug, Path(examples=["us-president-2020-dem"])]
EndorsementId = Annotated[Slug, Path()]
TAGS = {
    "contests": "contests and their candidates, and which of them are not folded",
    "endorsements": "who endorses whom",
    "batch": "many commands at a time",
    "inbox": "what came by the stream and could not be taken",
    "health": "whether the service runs, and can do its work",
}
_ANSWERS = problems_of(
    {
        404: "the contest, candidate or endorsement is not known",
        409: "it contradicts what is recorded",
        422: "a field is not of its form",
        503: "the storage does not answer; nothing is acknowledged",
    }
)


def _answered(model: str, status: int = 200, says: str = "the answer") -> dict[int | str, dict[str, Any]]:
    return {status: {"description": says, "content": json_of(model)}}


_TAKEN = _answered("CommandTaken", 201, "what followed from it, recorded")
_BATCH_BODY = {
    batch.NDJSON: {
        "schema": {
            "type": "string",
            "description": "a command a line, each a JSON object with its name in `command`",
        },
        "example": batch.EXAMPLE,
    }
}
_BATCH_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "a line for each line, and a summary",
        "content": {batch.NDJSON: {"schema": lines_of("BatchLine", batch.NDJSON)}},
    }
}


def routes(desk: Desk, inbox: Inbox, backlog: Backlog) -> APIRouter:  # noqa: C901 - a list of routes, not a decision
    """Every route of ingest."""
    router = APIRouter(prefix="/v1", responses=_ANSWERS, dependencies=[KNOWN_ONLY])
    answers = Room(MOST_HELD_IN_ALL)
    bodies = Room(batch.MOST_WHOLE_BYTES_IN_ALL)

    async def take(command: Command) -> Response:
        return _json(view(await desk.take(command)), 201)

    @router.post("/contests", status_code=201, tags=["contests"], responses=_TAKEN)
    async def open_contest(facts: OpenFacts) -> Response:
        """Opens a contest, with candidates if they are given."""
        return await take(Open(command="open", **said(facts)))

    @router.post("/contests/{contest}/candidates", status_code=201, tags=["contests"], responses=_TAKEN)
    async def enter_candidate(contest: ContestId, facts: EnterFacts) -> Response:
        """Adds a candidate."""
        return await take(Enter(command="enter", contest=contest, **said(facts)))

    @router.post(
        "/contests/{contest}/candidates/{candidate}/withdrawal",
        status_code=201,
        tags=["contests"],
        responses=_TAKEN,
    )
    async def withdraw_candidate(contest: ContestId, candidate: Slug, facts: WithdrawFacts) -> Response:
        """The candidate withdrew."""
        return await take(Withdraw(command="withdraw", contest=contest, candidate=candidate, **said(facts)))

    @router.post("/contests/{contest}/endorsements", status_code=201, tags=["endorsements"], responses=_TAKEN)
    async def announce_endorsement(contest: ContestId, facts: AnnounceFacts) -> Response:
        """An endorsement began."""
        return await take(Announce(command="announce", contest=contest, **said(facts)))

    about = "/contests/{contest}/endorsements/{endorsement}"

    @router.post(about + "/retraction", status_code=201, tags=["endorsements"], responses=_TAKEN)
    async def retract_endorsement(
        contest: ContestId, endorsement: EndorsementId, facts: RetractFacts
    ) -> Response:
        """The endorser took it back."""
        return await take(Retract(command="retract", contest=contest, endorsement=endorsement, **said(facts)))

    @router.post(about + "/correction", status_code=201, tags=["endorsements"], responses=_TAKEN)
    async def correct_endorsement(
        contest: ContestId, endorsement: EndorsementId, facts: CorrectFacts
    ) -> Response:
        """A fact was recorded wrongly: from now on read it so."""
        return await take(Correct(command="correct", contest=contest, endorsement=endorsement, **said(facts)))

    @router.post(about + "/strike", status_code=201, tags=["endorsements"], responses=_TAKEN)
    async def strike_endorsement(
        contest: ContestId, endorsement: EndorsementId, facts: StrikeFacts
    ) -> Response:
        """Recorded in error: it never was."""
        return await take(Strike(command="strike", contest=contest, endorsement=endorsement, **said(facts)))

    @router.post(about + "/switch", status_code=201, tags=["endorsements"], responses=_TAKEN)
    async def switch_endorsement(
        contest: ContestId, endorsement: EndorsementId, facts: SwitchFacts
    ) -> Response:
        """The endorser goes over to another candidate: a retraction and an announcement, together."""
        return await take(Switch(command="switch", contest=contest, endorsement=endorsement, **said(facts)))

    @router.post(
        "/contests/{contest}/batch",
        tags=["batch"],
        response_class=Response,
        responses=_BATCH_ANSWERS,
        openapi_extra={"requestBody": {"required": True, "content": _BATCH_BODY}},
    )
    async def take_batch(
        request: Request,
        contest: ContestId,
        on_refusal: Annotated[Literal["continue", "abort"], Query()] = "continue",
    ) -> Response:
        """Takes many commands, one JSON object a line."""
        # The door has looked at the type of what has a body; a batch has to say it also where it is empty.
        refuse_other_type(dict(request.scope["headers"]).get(b"content-type"), batch.NDJSON)
        try:
            if on_refusal == "abort":
                return await batch.take_whole(desk, contest, request.stream(), bodies)
            return await batch.take_each(desk, contest, request.stream(), answers)
        except ClientDisconnect:
            return refused(BodyCutShort())  # who has closed only its own side reads it

    one_at_a_time = asyncio.Lock()

    @router.get("/unfolded", tags=["contests"], responses=_answered("Unfolded"))
    async def unfolded_contests(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
        """Contests with events that are not folded, whether a wake is out for them, and those that are parked.

        Looks at every contest; a second question waits for the first.
        """
        async with one_at_a_time:
            unfolded = await all_unfolded(backlog, limit)
            stuck = await desk.projections.parking.some(limit)
        return _json(
            {
                "contests": [{**contest._asdict(), "woken": woken} for contest, woken in unfolded],
                "parked": [
                    {**contest._asdict(), "since": format_instant(contest.since)} for contest in stuck
                ],
            }
        )

    @router.get("/dead-letters", tags=["inbox"], responses=_answered("DeadLetters"))
    async def dead_letters(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
        """What the inbox could not take, oldest first, each with its reason."""
        return _json({"dead_letters": await inbox.dead_letters(limit)})

    @router.post(
        "/dead-letters/{letter}/redelivery",
        status_code=202,
        tags=["inbox"],
        responses=_answered("SentAgain", 202),
    )
    async def redeliver_dead_letter(letter: EventId) -> Response:
        """Sends a dead letter to the inbox again."""
        return _json({"entry": await inbox.redeliver(letter)}, 202)

    @router.delete("/dead-letters/{letter}", status_code=204, tags=["inbox"])
    async def drop_dead_letter(letter: EventId) -> None:
        """Drops a dead letter."""
        await inbox.drop(letter)

    return router


# A batch without a bound for the whole of it is bounded in time: it has to go on coming.
_BATCH = Body(batch.NDJSON, None, streamed=True)
_WHOLE_BATCH = Body(batch.NDJSON, batch.MOST_WHOLE_BYTES, streamed=True)
_BATCH_PATH = re.compile(r"/v1/contests/[^/]+/batch")


def body_of(scope: Scope) -> Body:
    """What the route of a request takes."""
    if not _BATCH_PATH.fullmatch(scope["path"]):
        return COMMAND
    # As the route reads it, which refuses what it does not know: of bytes, `parse_qsl` takes ASCII only.
    asked = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    return _WHOLE_BATCH if asked.get("on_refusal") == "abort" else _BATCH


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type=JSON)


def said(facts: Facts) -> dict[str, Any]:
    """What a request says, and no more: what it leaves open stays open."""
    return facts.model_dump(exclude_unset=True)


def view(taken: Taken) -> dict[str, Any]:
    """The answer to a command."""
    return {
        "contest": taken.contest,
        "id": taken.id,
        "version": taken.version,
        "known_at": None if taken.known_at is None else format_instant(taken.known_at),
        "endorsement": taken.endorsement,
        "events": [{"id": id_, "type": kind, "version": version} for id_, kind, version in taken.events],
    }
