"""Answers of subscriptions: changes as CloudEvents (v1.0.2, JSON event format), page by page."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.api.web import examples
from services.api.web.schemas.common import Points
from shared.http.openapi import left_out


class Posting(BaseModel):
    """From `valid_at` on, `delta` more (or fewer) endorsements of a category, with `members` more members."""

    valid_at: datetime
    candidate: str
    category: str
    delta: int
    members: int


class Place(BaseModel):
    """A score and the rank that it means."""

    score: Points
    rank: int


class Move(BaseModel):
    """A candidate whose score or rank under a policy changed, all that is known counted."""

    policy: str
    policy_version: int
    candidate: str
    before: Place
    after: Place


class EndorserName(BaseModel):
    """Who endorses."""

    id: str
    name: str


class CauseSource(BaseModel):
    """Where a fact is from; what is not known is empty."""

    url: str
    title: str
    quote: str
    published: str


class Cause(BaseModel):
    """The event that made a version: its id and type, what it was about, who recorded it and from where."""

    event: str
    type: str
    endorsement: str | None
    endorser: EndorserName | None
    recorded_by: str
    source: CauseSource


class ChangeData(BaseModel):
    """What a version changed."""

    contest: str
    version: int = Field(ge=1)
    known_at: datetime
    valid_at: datetime | None = Field(
        description="the earliest time from which on something counts otherwise"
    )
    rewrites_since: datetime | None = Field(
        description="from then on, figures of past days read otherwise now"
    )
    cause: Cause
    postings: list[Posting]
    scores: list[Move]


class Change(BaseModel):
    """One version of a contest, as a CloudEvent."""

    specversion: Literal["1.0"]
    id: str = Field(examples=["us-president-2020-dem/103"])
    source: str = Field(examples=["/v1/contests/us-president-2020-dem"])
    type: Literal["standings.scores.changed", "standings.contest.changed"]
    time: datetime
    datacontenttype: Literal["application/json"]
    data: ChangeData


class ResetData(BaseModel):
    """The history that a contest has by now."""

    contest: str
    version: int
    history: str
    way_out: str


class ResetEvent(BaseModel):
    """That a contest's log has another history, whose changes follow from version 1 on, as a CloudEvent."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: Literal["standings.contest.reset"]
    datacontenttype: Literal["application/json"]
    data: ResetData


class Changes(BaseModel):
    """The next changes of all contests. `reset` ends a page behind which a contest has another history."""

    changes: list[Change]
    next: str = Field(description="`after` of the next page")
    reset: Annotated[ResetEvent, Field(default=None, json_schema_extra=left_out)]


class ContestChanges(Changes):
    """The next changes of a contest, each with its place: where to go on behind it."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.CHANGES]})

    contest: str
    places: list[str]
