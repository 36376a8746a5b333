"""What answers have in common."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

Points = Annotated[float, Field(description="exact: a decimal has every digit that it needs")]
Share = Annotated[float | None, Field(description="rounded to six places; null of nothing")]
Clock = Annotated[Literal["server", "imported"], Field(description="whose time `known_at` is")]
Version = Annotated[int, Field(ge=1, description="the number of the contest's last event that counts")]
Generation = Annotated[int, Field(ge=1, description="how often the projection was made anew, from 1")]
# As it was recorded, which a calendar may not know: a day, month or year, perhaps uncertain, or an instant.
RecordedTime = Annotated[str, Field(description="as it was recorded: a day, month, year or instant")]


class PointInTime(BaseModel):
    """A time as it was asked for, and the instant that this meant."""

    asked: str | None = Field(description="null where it was left out: now")
    instant: datetime


class PolicyName(BaseModel):
    """The weighting that an answer was made with."""

    id: str
    version: int
    title: str
    source: str


class AboutContest(BaseModel):
    """Of which contest an answer is."""

    contest: str
    title: str
    clock: Clock
    version: Version
    generation: Generation


class AtMoment(AboutContest):
    """Of which contest and moment an answer is: what was true at `valid_at`, as `version` knew it."""

    valid_at: PointInTime
    known_at: PointInTime
