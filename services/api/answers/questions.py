"""What can be asked: the parameters of every route, read alike by FastAPI and by the thin path."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from services.api.answers import formats
from services.api.engine.seen import PATTERN as VERSION_SEEN
from shared.changes.filters import FilterParameters
from shared.domain.events import Version
from shared.domain.ids import SLUG
from shared.values.objects import Said
from shared.values.policies import DEFAULT
from shared.values.text import Parameter

TimeText = Annotated[
    Parameter | None,
    Field(
        max_length=40,
        description="a day in the contest's time zone (2019-04-22), an RFC 3339 instant, `now`, or so long ago (-30d)",
    ),
]
AskedVersion = Annotated[Version | None, Field(ge=1, le=2**53)]
Candidates = Annotated[
    Parameter | None,
    Field(max_length=2000, description="one, or several separated by commas", examples=["joe-biden"]),
]
Categories = Annotated[
    Parameter | None,
    Field(max_length=2000, description="one, or several separated by commas", examples=["governor"]),
]
PolicyId = Annotated[Parameter, Field(max_length=120, description="one of /v1/policies")]
Weights = Annotated[
    Parameter | None,
    Field(
        max_length=2000,
        description="weights of your own: governor:10,senator:5,labor-union/member:0.001,default:1",
    ),
]
Format = Annotated[
    formats.Format | None,
    Field(
        description=f"as Accept would say: {', '.join(one.media_type for one in formats.FORMATS.values())}"
    ),
]
Raw = Annotated[
    bool,
    Field(
        description="CSV for a program: text as it is, without the ' before what a spreadsheet takes for a formula"
    ),
]
Cursor = Annotated[Parameter | None, Field(max_length=400, description="`next` of the page before")]


class AboutContest(Said):
    """About one contest, at a version that may be waited for."""

    model_config = ConfigDict(frozen=True)

    min_version: Annotated[int, Field(ge=0, le=2**53, description="wait until this version is there")] = 0
    wait_ms: Annotated[int, Field(ge=0, le=10_000, description="for at most so long")] = 2000


class RowsQuestion(AboutContest):
    """About a contest, and answered with rows."""

    raw: Raw = False


class ContestsQuestion(Said):
    """Which contests there are."""

    model_config = ConfigDict(frozen=True)

    limit: Annotated[int, Field(ge=1, le=1000)] = 1000
    cursor: Annotated[str | None, Field(pattern=SLUG, description="`next` of the page before")] = None
    format: Format = None
    raw: Raw = False


class ContestQuestion(RowsQuestion):
    """About a contest as it is now."""


class EventsQuestion(RowsQuestion):
    """About a contest's log."""

    after: Annotated[int, Field(ge=0, le=2**53, description="the version before the first one wanted")] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class PolicyQuestion(RowsQuestion):
    """Under a policy, or weights of one's own."""

    policy: PolicyId = DEFAULT
    weights: Weights = None
    candidate: Candidates = None
    category: Categories = None


class StandingsQuestion(PolicyQuestion):
    """Standings at a moment."""

    valid_at: TimeText = None
    known_at: TimeText = None
    version: AskedVersion = None
    format: Format = None


class EndorsementsQuestion(RowsQuestion):
    """The endorsements in force at a moment, page by page."""

    valid_at: TimeText = None
    known_at: TimeText = None
    version: AskedVersion = None
    candidate: Candidates = None
    category: Categories = None
    endorser: Annotated[Parameter | None, Field(max_length=120)] = None
    state: Annotated[
        Literal["active", "all"], Field(description="in force then, or all that are not struck by then")
    ] = "active"
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: Cursor = None
    format: Format = None


class TimelineQuestion(PolicyQuestion):
    """Scores over time."""

    axis: Annotated[
        Literal["valid", "known", "both"],
        Field(
            description="when it happened; when it was known, of one valid time; or each day as known on that day"
        ),
    ] = "valid"
    step: Literal["change", "day", "week", "month"] = "day"
    since: Annotated[TimeText, Field(alias="from")] = None
    until: Annotated[TimeText, Field(alias="to")] = None
    valid_at: TimeText = None
    known_at: TimeText = None
    version: AskedVersion = None
    format: Format = None


class DiffQuestion(PolicyQuestion):
    """Between two moments; what is left out means now."""

    from_valid_at: TimeText = None
    from_known_at: TimeText = None
    from_version: AskedVersion = None
    to_valid_at: TimeText = None
    to_known_at: TimeText = None
    to_version: AskedVersion = None
    limit: Annotated[int, Field(ge=0, le=1000, description="how many events to name")] = 200


class RevisionsQuestion(PolicyQuestion):
    """How the picture of one day changed."""

    valid_at: Annotated[Parameter, Field(max_length=40, description="the day, or the instant")]
    after: Annotated[int, Field(ge=0, le=2**53)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    format: Format = None


class RiskQuestion(PolicyQuestion):
    """How far published figures moved later."""

    since: Annotated[TimeText, Field(alias="from")] = None
    until: Annotated[TimeText, Field(alias="to")] = None
    format: Format = None


class TimeMapQuestion(AboutContest):
    """The days on which something was learned."""

    after: Annotated[int, Field(ge=0, le=2**53, description="the version before the first one wanted")] = 0


class AllChangesQuestion(FilterParameters):
    """Changes of every contest; all filters must fit."""

    model_config = ConfigDict(frozen=True)

    contest: Annotated[
        Parameter | None, Field(max_length=4000, description="one, or several separated by commas")
    ] = None
    after: Annotated[
        Parameter | None, Field(max_length=4000, description="where to go on: `next` of the answer before")
    ] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="of one JSON answer")] = 100
    wait_ms: Annotated[
        int, Field(ge=0, le=30_000, description="how long a JSON answer waits for a first change")
    ] = 0
    format: Annotated[
        Literal["json", "sse"] | None,
        Field(description="as Accept would say: application/json, text/event-stream"),
    ] = None


class ContestChangesQuestion(AllChangesQuestion):
    """Changes of one contest."""

    contest: Literal[None] = None
    after: Annotated[
        Parameter | None,
        Field(
            pattern=VERSION_SEEN, max_length=40, description="the version before the first wanted, or `next`"
        ),
    ] = None
    from_version: Annotated[int | None, Field(ge=1, le=2**53, description="the first version wanted")] = None
