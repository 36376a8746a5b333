"""Answers about endorsements and events, and about which of them made a difference."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from services.api.web.schemas.common import (
    AtMoment,
    Clock,
    Generation,
    PointInTime,
    Points,
    PolicyName,
    RecordedTime,
    Version,
)
from shared.domain import events

Effect = Annotated[dict[str, Points], Field(description="by candidate, what it added to the score")]


class Endorsement(BaseModel):
    """One endorsement, after the event of `version`; `first_version` announced it."""

    endorsement: str
    endorser: events.Endorser
    candidate: str
    category: str
    members: int
    announced_at: RecordedTime
    retracted_at: RecordedTime | None
    struck: bool
    first_version: int
    version: int


class Endorsements(AtMoment):
    """A page of the endorsements at a moment."""

    endorsements: list[Endorsement]
    next: str | None = Field(description="the cursor of the next page, of the same moment")


class LoggedEvent(BaseModel):
    """One event of the log; `event` has the facts of its type, without an empty note or source."""

    version: int
    id: str
    type: str = Field(examples=["endorsement.announced"])
    known_at: datetime
    event: events.Event


class OneEndorsement(Endorsement):
    """One endorsement as it reads now, and every event that made it so.

    `version` is of its last event, `as_of_version` of the contest's.
    """

    contest: str
    as_of_version: Version
    generation: Generation
    history: list[LoggedEvent]


class Events(BaseModel):
    """The log by version."""

    contest: str
    version: Version
    events: list[LoggedEvent]


class EffectiveEvent(LoggedEvent):
    """An event that made a difference to scores."""

    endorsement: Endorsement
    effect: Effect


class Revision(EffectiveEvent):
    """An event that changed the picture of a day, and the scores behind it of those that it moved."""

    scores: dict[str, Points]


class Revisions(AtMoment):
    """How the picture of one day changed as more was learned."""

    policy: PolicyName
    published_version: int | None = Field(description="the version on that day, null where there was none")
    revisions: list[Revision]
    next_after: int | None = Field(description="`after` of the next page")


class When(BaseModel):
    """One of the moments that are compared."""

    version: int
    valid_at: PointInTime
    known_at: PointInTime


class Gain(BaseModel):
    """How a candidate's score and rank changed from one moment to the other."""

    candidate: str
    name: str
    from_score: Points
    to_score: Points
    change: Points
    from_rank: int
    to_rank: int


class Diff(BaseModel):
    """Who gained and who lost between two moments, and which events did it."""

    contest: str
    title: str
    clock: Clock
    generation: Generation
    policy: PolicyName
    before: When = Field(alias="from")
    after: When = Field(alias="to")
    changes: list[Gain]
    events: list[EffectiveEvent]
    more_events: bool = Field(description="whether more than these did it")
