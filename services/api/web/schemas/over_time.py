"""Answers over time: scores along an axis, and how far published figures moved."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.api.web import examples
from services.api.web.schemas.common import AboutContest, AtMoment, Points, PolicyName
from shared.http.openapi import left_out

Day = Annotated[str, Field(description="a day in the contest's time zone", examples=["2019-04-22"])]


class Scores(BaseModel):
    """One point: each candidate's score at an instant.

    `day` is the one that it ends, left out where the step is `change`; `version` is what was known, left out along the
    axis `valid`.
    """

    at: datetime
    day: Annotated[Day, Field(default=None, json_schema_extra=left_out)]
    version: Annotated[int, Field(default=None, json_schema_extra=left_out)]
    scores: dict[str, Points] = Field(description="by candidate")


class Timeline(AtMoment):
    """Scores over time."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.TIMELINE]})

    policy: PolicyName
    axis: Literal["valid", "known", "both"]
    step: Literal["change", "day", "week", "month"]
    since: datetime = Field(alias="from")
    until: datetime = Field(alias="to")
    points: list[Scores]


class Moved(BaseModel):
    """What was published of a candidate, what is known now, and the difference."""

    published: Points
    now: Points
    moved: Points


class RiskOfDay(BaseModel):
    """How far the figures that were published of a day moved later, and when that was settled."""

    day: Day
    settled_at: datetime | None
    settled_after_days: float | None
    moved: dict[str, Moved] = Field(description="by candidate, those that moved")


class Spread(BaseModel):
    """The value that half of them, nine in ten, and all of them do not exceed; null of none."""

    median: float | None
    p90: float | None
    most: float | None


class RiskSummary(BaseModel):
    """How often and how far figures moved, and how long they took to settle."""

    days: int
    days_moved: int
    furthest_move: Spread
    settled_after_days: Spread


class RevisionRisk(AboutContest):
    """How far the figure published on each day moved later."""

    policy: PolicyName
    summary: RiskSummary
    days: list[RiskOfDay]
