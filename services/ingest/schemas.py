"""What ingest answers with, for its OpenAPI document. Nothing is validated with it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, RootModel

from shared.http.openapi import left_out
from shared.http.problem_schema import Problem


class RecordedEvent(BaseModel):
    """An event that followed from the command."""

    id: str
    type: str
    version: int


class CommandTaken(BaseModel):
    """What a command did: recorded now, or answered as the first time."""

    contest: str
    id: str = Field(description="the command's id, made where none was given")
    version: int = Field(description="of the last of its events: the API's `min_version`")
    known_at: datetime | None
    endorsement: str | None
    events: list[RecordedEvent]


class LineTaken(BaseModel):
    """A line of a batch whose command was taken, now or before."""

    line: int
    id: str
    version: int
    endorsement: str | None
    events: list[RecordedEvent]


class LineRefused(BaseModel):
    """A line of a batch that was not taken, and why."""

    line: int
    problem: Problem


class BatchCounts(BaseModel):
    """How many lines were read, taken and refused, how many events followed, and the version they led to."""

    lines: int
    taken: int
    refused: int
    events: int
    version: int
    ended: Annotated[
        Literal["refusals", "failed", "unread"],
        Field(default=None, json_schema_extra=left_out, description="why it ended before its body"),
    ]
    next_line: Annotated[
        int, Field(default=None, json_schema_extra=left_out, description="from where to go on, if it ended")
    ]


class BatchSummary(BaseModel):
    """The last line of an answer to a batch."""

    summary: BatchCounts


class BatchLine(RootModel[LineTaken | LineRefused | BatchSummary]):
    """A line of the answer to a batch: what became of one of its lines, or the summary behind all of them."""


class UnfoldedContest(BaseModel):
    """A contest whose log stands at `recorded` and whose ledger at `folded`, -1 for one that cannot be read."""

    contest: str
    recorded: int
    folded: int
    woken: bool = Field(description="whether a wake is out for it")


class ParkedContest(BaseModel):
    """A contest that does not go on: before which version, why and since when; a held one is not tried again."""

    contest: str
    version: int
    reason: str
    since: datetime
    held: bool


class Unfolded(BaseModel):
    """Contests with events that are not folded, and those that are parked."""

    contests: list[UnfoldedContest]
    parked: list[ParkedContest]


class InboxLetter(BaseModel):
    """A message that the inbox could not take, and why."""

    letter: str = Field(description="its id among the dead letters")
    inbox_entry: str
    reason: Problem
    message: str = Field(description="what was sent, its first 64 KiB")


class DeadLetters(BaseModel):
    """What the inbox could not take, oldest first."""

    dead_letters: list[InboxLetter]


class SentAgain(BaseModel):
    """A dead letter that is in the inbox again."""

    entry: str = Field(description="its id in the inbox")


MODELS = (BatchLine, CommandTaken, DeadLetters, Problem, SentAgain, Unfolded)
