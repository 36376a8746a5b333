"""Answers with standings: of any moment, cited ones, and what became of them."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from services.api.web import examples
from services.api.web.schemas.common import (
    AtMoment,
    Clock,
    PointInTime,
    Points,
    PolicyName,
    Share,
    Version,
)
from services.api.web.schemas.contests import Endorsers


class Line(BaseModel):
    """A candidate's place; equal scores share a rank."""

    rank: int = Field(ge=1)
    candidate: str
    name: str
    party: str
    score: Points
    low: Points
    high: Points
    share: Share
    share_of_available: Share
    counts: dict[str, Endorsers] = Field(description="by category")
    withdrew_at: str | None


class Standings(AtMoment):
    """Candidates by score, at a moment."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.STANDINGS]})

    policy: PolicyName
    points: Points
    available: Points | None = Field(description="the points that could be had, where the policy knows")
    revised: bool = Field(description="whether a later version changed what this one told")
    foresees: bool = Field(description="whether the valid time lies behind the known time")
    standings: list[Line]


class CitedStandings(BaseModel):
    """Standings to cite: the same bytes for ever."""

    contest: str
    title: str
    clock: Clock
    version: Version
    known_at: datetime
    valid_at: PointInTime
    policy: PolicyName
    points: Points
    available: Points | None
    standings: list[Line]


class Corrections(BaseModel):
    """Whether cited standings were corrected since, and what they are now."""

    contest: str
    cited: str = Field(description="the address of what was cited")
    corrected_at: datetime | None
    corrected_by_version: int | None
    version: Version
    standings: list[Line]
