"""Answers about contests."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.api.web import examples
from services.api.web.schemas.common import Clock, Generation, RecordedTime, Version


class Candidate(BaseModel):
    """Somebody who stands in a contest."""

    candidate: str
    name: str
    party: str
    entered_at: RecordedTime
    withdrew_at: RecordedTime | None


class Parked(BaseModel):
    """Why a contest does not go on: before which version, and since when."""

    version: int
    reason: str
    since: datetime


class Contest(BaseModel):
    """A contest with its candidates."""

    contest: str
    title: str
    timezone: str
    clock: Clock
    opened_at: RecordedTime
    version: Version
    generation: Generation
    history: Annotated[str | None, Field(description="a digest of all that its log has up to its version")]
    known_at: datetime
    parked: Parked | None
    candidates: list[Candidate]


class Contests(BaseModel):
    """A page of contests."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.CONTESTS]})

    contests: list[Contest]
    next: str | None = Field(description="the cursor of the next page")


class Candidates(BaseModel):
    """A contest's candidates, in the order of their entry."""

    contest: str
    version: Version
    candidates: list[Candidate]


class Endorsers(BaseModel):
    """How many endorsers of a category, and how many members they have."""

    count: int
    members: int


class Difference(BaseModel):
    """Where two generations differ."""

    valid_at: datetime
    version: int
    candidate: str
    category: str
    before: Endorsers
    after: Endorsers


class Certificate(BaseModel):
    """A rebuild: the generations that it compared, at how many moments, and where they differ."""

    contest: str
    made_at: datetime
    from_generation: int
    to_generation: int
    fold: int
    up_to_version: int
    unreadable: str | None
    valid_ats: list[datetime]
    versions: list[int]
    moments: int
    moments_that_differ: int
    differences: list[Difference]


class Certificates(BaseModel):
    """Every rebuild of a contest's projection."""

    contest: str
    generation: Generation
    certificates: list[Certificate]
