"""Commands, as HTTP, stream and files bring them: what somebody asks to be recorded.

The `…Facts` models are what a request says; a command adds what its address says.
"""

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, model_validator

from shared.domain.events import (
    LONGEST_TEXT,
    MOST_MEMBERS,
    Announced,
    CandidateEntered,
    CandidateWithdrew,
    ContestOpened,
    Corrected,
    Endorser,
    Event,
    Retracted,
    Source,
    Struck,
)
from shared.domain.ids import EVENT_ID, SLUG
from shared.values.objects import Said

Slug = Annotated[str, StringConstraints(pattern=SLUG)]
EventId = Annotated[str, StringConstraints(pattern=EVENT_ID)]
# Whether it is a time is for the domain to tell, which says what is understood.
Time = Annotated[str, StringConstraints(max_length=40)]
Text = Annotated[str, StringConstraints(max_length=LONGEST_TEXT)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]
Kinds = tuple[type[Event], ...]
Members = Annotated[int, Field(ge=0, le=MOST_MEMBERS, strict=True)]


class _Model(Said):
    model_config = ConfigDict(frozen=True)


class SourceFacts(_Model):
    """Where it was read: an address or a title, and what it says."""

    url: Text = ""
    title: Text = ""
    quote: Text = ""
    published: Text = ""

    @model_validator(mode="after")
    def _names_something(self) -> "SourceFacts":
        if not self.url and not self.title:
            raise ValueError("a source needs a url or a title")
        return self

    def facts(self) -> Source:
        """As the domain has it."""
        return Source(self.url, self.title, self.quote, self.published)


class EndorserFacts(_Model):
    """A person or an organisation."""

    id: Slug
    name: Name
    kind: Literal["person", "organization"] = "person"
    position: Text = ""
    party: Text = ""
    place: Text = ""

    def facts(self) -> Endorser:
        """As the domain has it."""
        return Endorser(self.id, self.name, self.kind, self.position, self.party, self.place)


class Facts(_Model):
    """What every command may say."""

    id: EventId | None = Field(None, description="event id: repeating it with the same content is inert")
    recorded_by: Name = Field(description="who records this")
    note: Text = ""
    expected_version: Annotated[int, Field(ge=0, le=2**53)] | None = Field(
        None, description="refuse unless the contest stands at this version"
    )
    known_at: Time | None = Field(
        None, description="only where the contest's clock is imported, and there required"
    )


class ContestFacts(Facts):
    source: SourceFacts | None = None


class EndorsementFacts(Facts):
    source: SourceFacts


class NewCandidate(_Model):
    candidate: Slug
    name: Name
    party: Text = ""
    entered_at: Time | None = None


class OpenFacts(ContestFacts):
    contest: Slug
    title: Name
    timezone: Text = Field(description="IANA name; days are days there")
    clock: Literal["server", "imported"] = "server"
    opened_at: Time | None = None
    candidates: list[NewCandidate] = Field([], max_length=500)


class EnterFacts(ContestFacts, NewCandidate):
    pass


class WithdrawFacts(ContestFacts):
    withdrew_at: Time | None = None


class AnnounceFacts(EndorsementFacts):
    endorsement: Slug | None = Field(None, description="its id; one is made if left out")
    endorser: EndorserFacts
    candidate: Slug
    category: Slug
    members: Members = 0
    announced_at: Time | None = Field(
        None, description="a day, month or year, which may end in ~, ? or %, or an instant; now if left out"
    )
    retracted_at: Time | None = Field(None, description="if it has ended already")


class RetractFacts(EndorsementFacts):
    retracted_at: Time | None = None


class CorrectFacts(EndorsementFacts):
    endorser: EndorserFacts = Field(None, validate_default=False)  # type: ignore[assignment]
    candidate: Slug = Field(None, validate_default=False)  # type: ignore[assignment]
    category: Slug = Field(None, validate_default=False)  # type: ignore[assignment]
    members: Members = Field(None, validate_default=False)  # type: ignore[assignment]
    announced_at: Time = Field(None, validate_default=False)  # type: ignore[assignment]
    retracted_at: Time | None = Field(None, description="null: it was not retracted")

    @model_validator(mode="after")
    def _corrects_something(self) -> "CorrectFacts":
        if not self.model_fields_set & CORRECTABLE:
            raise ValueError(f"a correction needs at least one of {', '.join(sorted(CORRECTABLE))}")
        return self


CORRECTABLE = frozenset({"endorser", "candidate", "category", "members", "announced_at", "retracted_at"})


class StrikeFacts(EndorsementFacts):
    note: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEXT)] = Field(
        description="the reason"
    )


class SwitchFacts(EndorsementFacts):
    candidate: Slug = Field(description="the one endorsed from now on")
    switched_at: Time | None = None
    endorser: EndorserFacts | None = None
    category: Slug | None = None
    members: Members | None = None
    new_endorsement: Slug | None = None


class _Records:
    """A command; `records` are the kinds of the events that follow from it, whatever the contest's state."""

    records: ClassVar[Kinds]

    def follows(self) -> Kinds:
        """The kinds of the events that follow from this one, in their order."""
        return self.records


class Open(OpenFacts, _Records):
    command: Literal["open"]
    records: ClassVar[Kinds] = (ContestOpened,)

    def follows(self) -> Kinds:
        return (*self.records, *[CandidateEntered] * len(self.candidates))


class Enter(EnterFacts, _Records):
    command: Literal["enter"]
    contest: Slug
    records: ClassVar[Kinds] = (CandidateEntered,)


class Withdraw(WithdrawFacts, _Records):
    command: Literal["withdraw"]
    contest: Slug
    candidate: Slug
    records: ClassVar[Kinds] = (CandidateWithdrew,)


class Announce(AnnounceFacts, _Records):
    command: Literal["announce"]
    contest: Slug
    records: ClassVar[Kinds] = (Announced,)

    def follows(self) -> Kinds:
        return self.records if self.retracted_at is None else (*self.records, Retracted)


class Retract(RetractFacts, _Records):
    command: Literal["retract"]
    contest: Slug
    endorsement: Slug
    records: ClassVar[Kinds] = (Retracted,)


class Correct(CorrectFacts, _Records):
    command: Literal["correct"]
    contest: Slug
    endorsement: Slug
    records: ClassVar[Kinds] = (Corrected,)


class Strike(StrikeFacts, _Records):
    command: Literal["strike"]
    contest: Slug
    endorsement: Slug
    records: ClassVar[Kinds] = (Struck,)


class Switch(SwitchFacts, _Records):
    command: Literal["switch"]
    contest: Slug
    endorsement: Slug
    records: ClassVar[Kinds] = (Retracted, Announced)


Command = Open | Enter | Withdraw | Announce | Retract | Correct | Strike | Switch
COMMAND: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="command")])
COMMANDS = frozenset(
    name for kind in get_args(Command) for name in get_args(kind.model_fields["command"].annotation)
)
