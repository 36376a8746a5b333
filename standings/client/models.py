"""What the API says, as types. Fields that a later release adds are left alone. Times are instants in UTC.

Scores are exact: `Decimal`, since a policy may weigh in fractions.
"""

from datetime import datetime
from decimal import Decimal
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from standings.client.exact import Exact


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Candidate(_Said):
    """Somebody who stands in a contest. `entered_at` and `withdrew_at` are as they were recorded."""

    candidate: str
    name: str
    party: str | None = None
    entered_at: str | None = None
    withdrew_at: str | None = None


class Contest(_Said):
    """A contest as it is now."""

    contest: str
    title: str
    timezone: str
    clock: Literal["server", "imported"]
    version: int = Field(description="the number of its last event")
    history: str | None = Field(default=None, description="a digest of all that its log has")
    candidates: list[Candidate]

    @property
    def place(self) -> str:
        """Where its changes go on from here: the version, with its history."""
        return f"{self.version}-{self.history}" if self.history else str(self.version)


class PointInTime(_Said):
    """A time as it was asked for (None: now), and the instant that this meant."""

    asked: str | None
    instant: datetime


class PolicyName(_Said):
    """The weighting that an answer was made with."""

    id: str
    version: int


class Count(_Said):
    """How many endorsers of a category, and how many members they have."""

    count: int
    members: int


class Line(_Said):
    """A candidate's place; equal scores share a rank."""

    rank: int
    candidate: str
    name: str
    party: str | None
    score: Exact
    low: Exact
    high: Exact
    share: Exact | None
    counts: dict[str, Count]
    withdrew_at: str | None


class Standings(_Said):
    """Candidates by score, of a valid time, as known at a known time, that is, at a version."""

    contest: str
    title: str
    version: int
    valid_at: PointInTime
    known_at: PointInTime
    policy: PolicyName
    points: Exact
    revised: bool | None = None
    foresees: bool = False
    standings: list[Line]

    @property
    def scores(self) -> dict[str, Decimal]:
        """Each candidate's score."""
        return {line.candidate: line.score for line in self.standings}


class Scores(_Said):
    """One point of a timeline: each candidate's score at an instant. `day` is set if that is the end of a day."""

    at: datetime
    day: str | None = None
    version: int | None = None
    scores: dict[str, Exact]


class Timeline(_Said):
    """Scores over time."""

    contest: str
    version: int
    axis: Literal["valid", "known", "both"]
    step: Literal["change", "day", "week", "month"]
    policy: PolicyName
    points: list[Scores]


class Posting(_Said):
    """From `valid_at` on, `delta` more (or fewer) endorsements of a category, with `members` more members."""

    valid_at: datetime
    candidate: str
    category: str
    delta: int
    members: int


class Place(_Said):
    """A score and the rank that it means."""

    score: Exact
    rank: int


class Move(_Said):
    """A candidate whose score or rank under a policy changed: from everything known, future-dated facts too."""

    policy: str
    policy_version: int
    candidate: str
    before: Place
    after: Place


class Endorser(_Said):
    """Who endorses."""

    id: str
    name: str


class Source(_Said):
    """Where a fact is from."""

    url: str
    title: str
    quote: str
    published: str


class Cause(_Said):
    """The event that made a version: its id and type, what it was about, who recorded it and from where."""

    event: str
    type: str
    endorsement: str | None
    endorser: Endorser | None
    recorded_by: str
    source: Source | None


class ChangeData(_Said):
    """What a version changed."""

    contest: str
    version: int = Field(ge=1, description="the contest's versions are 1, 2, 3, …, and each has one change")
    known_at: datetime = Field(description="when it became known")
    valid_at: datetime | None = Field(
        description="the earliest time from which on something counts otherwise"
    )
    rewrites_since: datetime | None = Field(
        description="from then on, figures of past days read otherwise now"
    )
    cause: Cause
    postings: list[Posting]
    scores: list[Move]


class Change(_Said):
    """One version of a contest, as a CloudEvent. Source: CloudEvents 1.0.2, JSON event format."""

    specversion: Literal["1.0"]
    id: str = Field(description="<contest>/<version>", examples=["us-president-2020-dem/103"])
    source: str = Field(examples=["/v1/contests/us-president-2020-dem"])
    type: Literal["standings.scores.changed", "standings.contest.changed"] = Field(
        description="`contest.changed` where the version posts nothing: a candidate entered, a contest was opened"
    )
    time: datetime = Field(description="known time")
    datacontenttype: Literal["application/json"]
    data: ChangeData
    _place: str = PrivateAttr(default="")

    @property
    def place(self) -> str:
        """Where the changes of its contest go on after it: its version, with its history if that is known."""
        return self._place or str(self.version)

    def at(self, place: str) -> Self:
        """The same change, at this place."""
        change = self.model_copy()
        change._place = place  # noqa: SLF001 - its own class
        return change

    @property
    def contest(self) -> str:
        """Of which contest."""
        return self.data.contest

    @property
    def version(self) -> int:
        """Which version."""
        return self.data.version
