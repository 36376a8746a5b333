"""Batches: commands as NDJSON, taken in chunks as they arrive, or all or none."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import orjson
from fastapi import Response
from starlette.requests import ClientDisconnect

from services.ingest.answer_stream import MOST_HELD, Streamed
from services.ingest.decision.command_text import command_of, object_of
from services.ingest.decision.commands import Command
from services.ingest.decision.submission import Outcome
from services.ingest.desk import BatchRefused, Desk
from services.ingest.lines import NumberedLine, lines_of, throw_away
from shared.domain.errors import Conflict, Invalid, Refused
from shared.http.problems import DEFECT, problem_of, written
from shared.http.room import Room, Share
from shared.http.unavailable import OF_ONE_CONTEST, OF_THE_STORAGE, problem_of_failure
from shared.values.text import sentence

log = logging.getLogger("standings")

NDJSON = "application/x-ndjson"
# So many lines are held, and so many bytes of them beside the last one.
CHUNK = 1000
CHUNK_BYTES = 1024 * 1024
# After so many refusals nothing more is read.
MOST_REFUSED = 1000
# What is taken whole is held whole; of its refusals as many are told as of any batch.
MOST_WHOLE = 10_000
MOST_WHOLE_BYTES = 16 * 1024 * 1024
MOST_WHOLE_BYTES_IN_ALL = 128 * 1024 * 1024
EXAMPLE = (
    '{"command":"announce","id":"a-1","endorser":{"id":"jane-roe","name":"Jane Roe"},"candidate":"ann-example",'
    '"category":"governor","announced_at":"2019-04-22","source":{"title":"Example Times"},"recorded_by":"desk"}\n'
)


class WholeBatchRefused(Conflict):
    """A batch that was to be taken whole has lines that cannot be: nothing is recorded."""

    code = "batch-refused"
    title = "Batch refused"

    def __init__(self, refusals: list[tuple[int, Refused]]) -> None:
        super().__init__(
            "on_refusal",
            "abort",
            f"{len(refusals)} of the lines cannot be taken, so nothing was recorded",
            "mend or leave out these lines, or send the batch with on_refusal=continue",
            refused=len(refusals),
            refusals=[_refusal(number, refusal) for number, refusal in refusals[:MOST_REFUSED]],
        )


async def take_each(desk: Desk, contest: str, body: AsyncIterator[bytes], room: Room) -> Response:
    """Takes every line that can be taken, chunk by chunk as they arrive. Raises what keeps it from taking any."""
    batch = Each(desk, contest, body, room.share())
    try:
        first = await batch.more()
    except BaseException:
        batch.release()
        raise
    if not batch.ended:
        return Streamed(first, batch, NDJSON)
    batch.release()
    return Response(first, media_type=NDJSON)


class Each:
    """A batch of which every line is taken that can be, and its answers."""

    def __init__(self, desk: Desk, contest: str, body: AsyncIterator[bytes], share: Share) -> None:
        self.ended = False
        self._desk = desk
        self._contest = contest
        self._body = body
        self._lines = lines_of(body)
        self._share = share
        self._next = 1
        self._counts: dict[str, Any] = {"lines": 0, "taken": 0, "refused": 0, "events": 0, "version": 0}

    async def more(self) -> bytes:
        """The answers to the next lines, until enough of them are held or the batch has ended.

        Raises what keeps it from taking any line, and `ClientDisconnect`.
        """
        answers: list[bytes] = []
        while not self.ended:
            answers.append(await self._answered())
            self._share.add(len(answers[-1]))
            if self._share.held >= MOST_HELD or self._share.room.is_over():
                break
        return b"".join(answers)

    async def break_off(self) -> bytes:
        """Ends the batch where it is: the summary. Raises `ClientDisconnect`."""
        return await self._summary("unread", self._next)

    def release(self) -> None:
        """What was given is no longer held."""
        self._share.clear()

    async def _answered(self) -> bytes:
        """The answers to one chunk, or the summary where the batch has ended."""
        try:
            if self._counts["refused"] >= MOST_REFUSED:
                following = await anext(self._lines, None)
                return await (self._summary("refusals", following.number) if following else self._summary())
            chunk = await self._chunk()
            if not chunk:
                if not self._counts["lines"]:
                    await self._desk.refuse_unknown(self._contest)
                return await self._summary()
            answers = await self._taken(chunk)
        except ClientDisconnect:
            raise
        except Exception as error:
            if not self._counts["lines"]:
                raise
            return _failed(self._next, error) + await self._summary("failed", self._next)
        self._next = chunk[-1].number + 1
        return b"".join(answers)

    async def _chunk(self) -> list[NumberedLine]:
        chunk: list[NumberedLine] = []
        size = 0
        while len(chunk) < CHUNK and size < CHUNK_BYTES and (line := await anext(self._lines, None)):
            chunk.append(line)
            size += len(line.text)
        return chunk

    async def _taken(self, chunk: list[NumberedLine]) -> list[bytes]:
        read = [_command(line.text, self._contest) for line in chunk]
        commands = [command for command in read if not isinstance(command, Refused)]
        taken = iter(await self._desk.take_all(self._contest, commands))
        outcomes = [each if isinstance(each, Refused) else next(taken) for each in read]
        self._counts["lines"] += len(chunk)
        return [
            _answer(line.number, outcome, self._counts) for line, outcome in zip(chunk, outcomes, strict=True)
        ]

    async def _summary(self, why: str = "", next_line: int = 0) -> bytes:
        """The last of the answers. `why` tells that the batch ended before its body, and `next_line` where to go on."""
        self.ended = True
        if why:
            await throw_away(self._body)
            self._counts |= {"ended": why, "next_line": next_line}
        return written({"summary": self._counts}) + b"\n"


async def take_whole(desk: Desk, contest: str, body: AsyncIterator[bytes], room: Room) -> Response:
    """Takes all lines in one append, or none. Raises `Refused`: the first thing that is wrong with the whole of it."""
    with room.share() as share:
        try:
            lines = [line async for line in _few(lines_of(_roomy(body, share)))]
        except Refused:
            await throw_away(body)
            raise
        return await _taken_whole(desk, contest, lines)


async def _taken_whole(desk: Desk, contest: str, lines: list[NumberedLine]) -> Response:
    if not lines:
        await desk.refuse_unknown(contest)
    read = [_command(line.text, contest) for line in lines]
    commands = [command for command in read if not isinstance(command, Refused)]
    wrong = [(i, command) for i, command in enumerate(read) if isinstance(command, Refused)]
    try:
        if wrong:
            raise BatchRefused(wrong)
        outcomes = await desk.take_all(contest, commands, whole=True)
    except BatchRefused as refused:
        raise WholeBatchRefused([(lines[i].number, refusal) for i, refusal in refused.refusals]) from None
    counts = {"lines": len(lines), "taken": 0, "refused": 0, "events": 0, "version": 0}
    answers = [_answer(line.number, outcome, counts) for line, outcome in zip(lines, outcomes, strict=True)]
    return Response(b"".join(answers) + written({"summary": counts}) + b"\n", media_type=NDJSON)


async def _roomy(body: AsyncIterator[bytes], share: Share) -> AsyncIterator[bytes]:
    """The body's parts, as long as there is room for them; each body is bounded before. Raises `TooManyBodies`."""
    async for part in body:
        share.add_body(len(part))
        yield part


async def _few(lines: AsyncIterator[NumberedLine]) -> AsyncIterator[NumberedLine]:
    """The lines one by one. Raises `Invalid` if there are more than a whole batch may have."""
    count = 0
    async for line in lines:
        count += 1
        if count > MOST_WHOLE:
            raise Invalid(
                "lines",
                line.number,
                f"more than {MOST_WHOLE} lines are too many to take whole",
                f"send at most {MOST_WHOLE}",
            )
        yield line


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


def _answer(number: int, outcome: Outcome, counts: dict[str, Any]) -> bytes:
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


def _failed(number: int, error: Exception) -> bytes:
    """That lines from this one on are not acknowledged, and why."""
    if isinstance(error, OF_THE_STORAGE + OF_ONE_CONTEST):
        log.error("a batch ended before line %d: %s", number, sentence(str(error)))
        problem, _ = problem_of_failure(error)
    elif isinstance(error, Refused):
        problem = problem_of(error)
    else:
        log.error("a batch ended before line %d", number, exc_info=error)
        problem = DEFECT
    return written({"line": number, "problem": problem}) + b"\n"
