"""Events: facts about a contest or an endorsement, past tense, never changed once recorded.

Times are kept as their source gave them: a day, month or year, which may be marked as uncertain (`2019-04-22`,
`2019-04`, `2019?`), or an RFC 3339 instant; `times` reads them.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, NamedTuple, NewType

from shared.domain.times import Instant

Clock = Literal["server", "imported"]

# Characters of a text.
LONGEST_TEXT: Final = 2000
# More than there are people, and few enough that their sums stay within 64 bits: it takes 460 million endorsements by
# one category to come to 2^62, where the index ends, and no server holds a ledger of so many.
MOST_MEMBERS: Final = 10**10


class Unchanged(Enum):
    """The one value of a field that a correction leaves alone."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact was read. At least `url` or `title` is given; `published` is a day or an instant."""

    url: str = ""
    title: str = ""
    quote: str = ""
    published: str = ""


@dataclass(frozen=True, slots=True)
class Endorser:
    """A person or an organisation. `position`, `party` and `place` may be empty."""

    id: str
    name: str
    kind: Literal["person", "organization"] = "person"
    position: str = ""
    party: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What every event carries: its source, who recorded it and, if need be, a remark."""

    recorded_by: str
    source: Source = Source()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContestOpened(Provenance):
    contest: str
    title: str
    timezone: str
    clock: Clock
    opened_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateEntered(Provenance):
    candidate: str
    name: str
    party: str
    entered_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateWithdrew(Provenance):
    candidate: str
    withdrew_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced(Provenance):
    """An endorsement began. `members` is the size of an organisation, 0 where it does not apply."""

    endorsement: str
    endorser: Endorser
    candidate: str
    category: str
    members: int
    announced_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retracted(Provenance):
    """The endorser took it back: it counts until `retracted_at`."""

    endorsement: str
    retracted_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected(Provenance):
    """A fact was recorded wrongly: from now on it reads so. `retracted_at=None` undoes a retraction."""

    endorsement: str
    endorser: Endorser | Unchanged = UNCHANGED
    candidate: str | Unchanged = UNCHANGED
    category: str | Unchanged = UNCHANGED
    members: int | Unchanged = UNCHANGED
    announced_at: str | Unchanged = UNCHANGED
    retracted_at: str | Unchanged | None = UNCHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck(Provenance):
    """The endorsement was recorded in error: it never was. `note` says why."""

    endorsement: str


ContestEvent = ContestOpened | CandidateEntered | CandidateWithdrew
EndorsementEvent = Announced | Retracted | Corrected | Struck
Event = ContestEvent | EndorsementEvent


# The number of an event within its contest: 1, 2, 3 …; 0 is before the first.
Version = NewType("Version", int)


class Recorded(NamedTuple):
    """An event as the log holds it. Versions are 1, 2, 3 … within a contest; `known_at` is an instant.

    `digest` is of the entry as it is stored, '' for an event that is not stored yet.
    """

    version: Version
    id: str
    known_at: Instant
    event: Event
    digest: str = ""
