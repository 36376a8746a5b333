"""Batches: commands as NDJSON, taken in chunks as they arrive, or all or none."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
from fastapi import Response

from services.ingest.commands import Command
from services.ingest.desk import BatchRefused, Desk
from services.ingest.reading import LONGEST, command_of, object_of, too_long
from services.ingest.sheets import Outcome
from shared.domain.errors import Conflict, Invalid, Refused
from shared.problems import problem_of, written

NDJSON = "application/x-ndjson"
CHUNK = 1000
MOST_WHOLE = 10_000
EXAMPLE = (
    '{"command":"announce","id":"a-1","endorser":{"id":"jane-roe","name":"Jane Roe"},"candidate":"ann-example",'
    '"category":"governor","announced_at":"2019-04-22","source":{"title":"Example Times"},"recorded_by":"desk"}\n'
)


class WholeBatchRefused(Conflict):
    """A batch that was to be taken whole has lines that cannot be: nothing is recorded."""

    code = "batch-refused"
    title = "Batch refused"

    def __init__(self, refusals: list[dict[str, Any]]) -> None:
        super().__init__(
            "on_refusal",
            "abort",
            f"{len(refusals)} of the lines cannot be taken, so nothing was recorded",
            "mend or leave out these lines, or send the batch with on_refusal=continue",
            refusals=refusals,
        )


async def take_each(desk: Desk, contest: str, body: AsyncIterator[bytes]) -> Response:
    """Takes every line that can be taken, chunk by chunk as they arrive."""
    answers: list[bytes] = []
    counts = {"lines": 0, "taken": 0, "refused": 0, "events": 0, "version": 0}
    chunk: list[tuple[int, bytes]] = []
    async for line in _lines(body):
        chunk.append(line)
        if len(chunk) == CHUNK:
            answers += await _take_chunk(desk, contest, chunk, counts)
            chunk = []
    if chunk:
        answers += await _take_chunk(desk, contest, chunk, counts)
    answers.append(orjson.dumps({"summary": counts}, option=orjson.OPT_APPEND_NEWLINE))
    return Response(b"".join(answers), media_type=NDJSON)


async def take_whole(desk: Desk, contest: str, body: AsyncIterator[bytes]) -> Response:
    """Takes all lines in one append, or none."""
    lines = [line async for line in _lines(body)]
    if len(lines) > MOST_WHOLE:
        raise Invalid(
            "lines",
            len(lines),
            f"{len(lines)} lines are too many to take whole",
            f"send at most {MOST_WHOLE}",
        )
    read = [_command(text, contest) for _, text in lines]
    commands = [command for command in read if not isinstance(command, Refused)]
    wrong = [(i, command) for i, command in enumerate(read) if isinstance(command, Refused)]
    try:
        if wrong:
            raise BatchRefused(wrong)
        outcomes = await desk.take_all(contest, commands, whole=True)
    except BatchRefused as refused:
        raise WholeBatchRefused([_refusal(lines[i][0], refusal) for i, refusal in refused.refusals]) from None
    counts = {"lines": len(lines), "taken": 0, "refused": 0, "events": 0, "version": 0}
    answers = [_answer(number, outcome, counts) for (number, _), outcome in zip(lines, outcomes, strict=True)]
    answers.append(orjson.dumps({"summary": counts}, option=orjson.OPT_APPEND_NEWLINE))
    return Response(b"".join(answers), media_type=NDJSON)


async def _take_chunk(
    desk: Desk, contest: str, chunk: list[tuple[int, bytes]], counts: dict[str, int]
) -> list[bytes]:
    read = [_command(text, contest) for _, text in chunk]
    taken = iter(
        await desk.take_all(contest, [command for command in read if not isinstance(command, Refused)])
    )
    outcomes: list[Outcome] = [one if isinstance(one, Refused) else next(taken) for one in read]
    counts["lines"] += len(chunk)
    return [_answer(number, outcome, counts) for (number, _), outcome in zip(chunk, outcomes, strict=True)]


def _command(text: bytes, contest: str) -> Command | Refused:
    """The command that a line says, or why it cannot be read."""
    try:
        said = object_of(text, "line")
        if said.setdefault("contest", contest) != contest:
            raise Invalid(
                "contest",
                said["contest"],
                f"this batch is for contest {contest!r}",
                "leave contest out",
            )
        return command_of(said)
    except Refused as refusal:
        return refusal


def _answer(number: int, outcome: Outcome, counts: dict[str, int]) -> bytes:
    if isinstance(outcome, Refused):
        counts["refused"] += 1
        return written(_refusal(number, outcome)) + b"\n"
    counts["taken"] += 1
    counts["events"] += len(outcome.events)
    counts["version"] = max(counts["version"], outcome.version)
    line = {
        "line": number,
        "id": outcome.id,
        "version": outcome.version,
        "endorsement": outcome.endorsement,
        "events": [{"id": id_, "type": kind, "version": version} for id_, kind, version in outcome.events],
    }
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _refusal(number: int, refusal: Refused) -> dict[str, Any]:
    return {"line": number, "problem": problem_of(refusal)}


async def _lines(body: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    """The body's lines with their numbers, blank ones left out; a line without end is cut at the longest allowed."""
    number, rest = 0, b""
    async for part in body:
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            number += 1
            if line.strip():
                yield number, line
        if len(rest) > LONGEST + 1:
            raise too_long(len(rest), "line")
    if rest.strip():
        yield number + 1, rest
