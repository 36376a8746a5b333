"""What the domain refuses, as one tree.

Every refusal names the field, the value and the way out, so that whoever reports it (HTTP, stream, command line)
need not guess. `code` is stable and public: it ends the problem type's address.
"""

from typing import ClassVar


class Refused(Exception):
    """Something asked for cannot be. Carries `field`, `value` and `way_out`."""

    code: ClassVar[str] = "refused"
    title: ClassVar[str] = "Refused"

    def __init__(self, field: str, value: object, detail: str, way_out: str, **more: object) -> None:
        super().__init__(detail)
        self.field = field
        self.value = value
        self.detail = detail
        self.way_out = way_out
        self.more = more


class Invalid(Refused):
    """A value is not of the form that its field has."""

    code = "invalid"
    title = "A value is not of the form that its field has"


class UnreadableTime(Invalid):
    """A time is not of the forms that are understood."""

    code = "unreadable-time"
    title = "A time cannot be read"

    def __init__(self, field: str, value: str, reason: str, way_out: str = "") -> None:
        super().__init__(
            field,
            value,
            f"{field}={value!r} is not a time: {reason}",
            way_out
            or "write a day (2019-04-22), a month (2019-04), a year (2019) or an RFC 3339 instant "
            "(2019-04-22T13:05:00-04:00); the day, month or year of a fact may end in ~ (approximate), "
            "? (uncertain) or % (both)",
        )


class Gone(Refused):
    """What was there is not kept for so long."""

    code = "gone"
    title = "Gone"


class NotFound(Refused):
    """What is named does not exist."""

    code = "not-found"
    title = "Not found"


class UnknownContest(NotFound):
    """No contest of this id has been opened."""

    code = "unknown-contest"
    title = "Unknown contest"

    def __init__(self, contest: str) -> None:
        super().__init__(
            "contest", contest, f"contest {contest!r} is not open", "open it first: POST /v1/contests"
        )


class UnknownCandidate(NotFound):
    """The contest has no candidate of this id."""

    code = "unknown-candidate"
    title = "Unknown candidate"

    def __init__(self, candidate: str, contest: str, known: list[str]) -> None:
        super().__init__(
            "candidate",
            candidate,
            f"contest {contest!r} has no candidate {candidate!r}",
            f"add the candidate first: POST /v1/contests/{contest}/candidates",
            candidates=sorted(known)[:50],
        )


class UnknownCategory(NotFound):
    """Nobody of this category endorsed anybody in the contest."""

    code = "unknown-category"
    title = "Unknown category"

    def __init__(self, category: str, contest: str, known: list[str]) -> None:
        super().__init__(
            "category",
            category,
            f"nobody of category {category!r} endorsed anybody in contest {contest!r}",
            "name one of its categories, or leave category out",
            categories=known[:50],
        )


class UnknownEndorsement(NotFound):
    """The contest has no endorsement of this id."""

    code = "unknown-endorsement"
    title = "Unknown endorsement"

    def __init__(self, endorsement: str, contest: str, field: str = "endorsement") -> None:
        super().__init__(
            field,
            endorsement,
            f"contest {contest!r} has no endorsement {endorsement!r}",
            f"ids are in GET /v1/contests/{contest}/endorsements of the API",
        )


class UnknownPolicy(NotFound):
    """No policy of this id is configured."""

    code = "unknown-policy"
    title = "Unknown policy"

    def __init__(self, policy: str, known: list[str]) -> None:
        super().__init__(
            "policy", policy, f"there is no policy {policy!r}", f"choose one of {', '.join(sorted(known))}"
        )


class UnknownVersion(NotFound):
    """The contest has not come to this version."""

    code = "unknown-version"
    title = "Unknown version"

    def __init__(self, field: str, version: int, latest: int) -> None:
        super().__init__(
            field,
            version,
            f"version {version} is not there: the contest stands at {latest}",
            f"ask for 1 to {latest}",
        )


class Conflict(Refused):
    """What is asked for contradicts what is recorded."""

    code = "conflict"
    title = "Conflict"


class ContestAlreadyOpen(Conflict):
    """A contest of this id is open."""

    code = "contest-already-open"
    title = "Contest already open"

    def __init__(self, contest: str) -> None:
        super().__init__(
            "contest",
            contest,
            f"contest {contest!r} is already open",
            "choose another id, or go on with this contest",
        )


class CandidateAlreadyEntered(Conflict):
    """The contest has a candidate of this id."""

    code = "candidate-already-entered"
    title = "Candidate already entered"

    def __init__(self, candidate: str, contest: str) -> None:
        super().__init__(
            "candidate",
            candidate,
            f"contest {contest!r} has candidate {candidate!r} already",
            "choose another id",
        )


class TooManyCandidates(Conflict):
    """The contest has as many candidates as it may have."""

    code = "too-many-candidates"
    title = "Too many candidates"

    def __init__(self, candidate: str, contest: str, has: int, most: int) -> None:
        super().__init__(
            "candidate",
            candidate,
            f"contest {contest!r} has {has:,} candidates; it takes no more when it has {most:,}",
            "open another contest for others",
        )


class AlreadyWithdrawn(Conflict):
    """The candidate withdrew before."""

    code = "already-withdrawn"
    title = "Already withdrawn"

    def __init__(self, candidate: str, withdrew_at: str) -> None:
        super().__init__(
            "candidate",
            candidate,
            f"candidate {candidate!r} withdrew at {withdrew_at}",
            "nothing is left to do",
        )


class EndorsementIdTaken(Conflict):
    """Another endorsement has this id."""

    code = "endorsement-id-taken"
    title = "Endorsement id taken"

    def __init__(self, endorsement: str) -> None:
        super().__init__(
            "endorsement",
            endorsement,
            f"an endorsement {endorsement!r} exists",
            "choose another id, or leave it out",
        )


class AlreadyEndorsed(Conflict):
    """The endorser supports this candidate already at that time, in another endorsement."""

    code = "already-endorsed"
    title = "Already endorsed"

    def __init__(
        self, endorser: str, candidate: str, endorsement: str, since: str, until: str | None
    ) -> None:
        span = f"since {since}" if until is None else f"from {since} to {until}"
        super().__init__(
            "endorser",
            endorser,
            f"{endorser!r} endorses {candidate!r} {span} already, in endorsement {endorsement!r}",
            "retract, correct or strike that endorsement first; one that has ended can be announced with retracted_at",
            endorsement=endorsement,
        )


class AnotherEndorser(Conflict):
    """An endorsement goes over to another candidate, and not to another endorser."""

    code = "another-endorser"
    title = "Another endorser"

    def __init__(self, endorser: str, endorsement: str, actual: str) -> None:
        super().__init__(
            "endorser.id",
            endorser,
            f"endorsement {endorsement!r} is of {actual!r}, and not of {endorser!r}",
            f"leave the endorser out, or give it with id {actual!r}; an endorsement of somebody else is retracted, and "
            "another one announced",
            endorser=actual,
        )


class AlreadyRetracted(Conflict):
    """The endorsement was retracted before."""

    code = "already-retracted"
    title = "Already retracted"

    def __init__(self, endorsement: str, retracted_at: str) -> None:
        super().__init__(
            "endorsement",
            endorsement,
            f"endorsement {endorsement!r} was retracted at {retracted_at}",
            "correct its retracted_at if that time is wrong",
            retracted_at=retracted_at,
        )


class AlreadyStruck(Conflict):
    """The endorsement was struck: it never was."""

    code = "already-struck"
    title = "Already struck"

    def __init__(self, endorsement: str) -> None:
        super().__init__(
            "endorsement",
            endorsement,
            f"endorsement {endorsement!r} was struck: it never was",
            "announce it anew, under another id",
        )


class EndsBeforeItBegins(Conflict):
    """An end lies before its beginning."""

    code = "ends-before-it-begins"
    title = "Ends before it begins"

    def __init__(self, field: str, value: str, begins: str) -> None:
        super().__init__(
            field,
            value,
            f"{field}={value} lies before the beginning at {begins}",
            "give a later time, or correct the beginning",
        )


class InTheFuture(Conflict):
    """A fact is dated after the moment at which it becomes known."""

    code = "in-the-future"
    title = "In the future"

    def __init__(self, field: str, value: str, known_at: str) -> None:
        super().__init__(
            field,
            value,
            f"{field}={value} lies after {known_at}, when this becomes known",
            "record it when it has happened",
        )


class NothingToCorrect(Conflict):
    """A correction changes nothing."""

    code = "nothing-to-correct"
    title = "Nothing to correct"

    def __init__(self, endorsement: str) -> None:
        super().__init__(
            "endorsement",
            endorsement,
            f"endorsement {endorsement!r} reads so already",
            "leave the correction out",
        )


class KnownTimeNotTaken(Conflict):
    """`known_at` was given to a contest whose clock is the server's, or left out where it is imported."""

    code = "known-time-not-taken"
    title = "Known time not taken"

    def __init__(self, value: str | None, clock: str) -> None:
        detail = (
            "this contest takes known_at from its source, so every command must give it"
            if clock == "imported"
            else "this contest takes known_at from the server's clock, so a command must not give it"
        )
        super().__init__(
            "known_at", value, detail, "open a contest with the other clock, or change the command"
        )


class KnownTimeTooEarly(Invalid):
    """`known_at` lies before the earliest time that a contest can know of."""

    code = "known-time-too-early"
    title = "Known time too early"

    def __init__(self, value: str, earliest: str) -> None:
        super().__init__(
            "known_at",
            value,
            f"known_at={value} lies before {earliest}, and known time begins there",
            f"give {earliest} or later; facts may be dated before it",
        )


class KnownTimeGoesBack(Conflict):
    """`known_at` lies before what the contest knows already."""

    code = "known-time-goes-back"
    title = "Known time goes back"

    def __init__(self, value: str, last: str) -> None:
        super().__init__(
            "known_at",
            value,
            f"known_at={value} lies before {last}, the contest's last: known time never goes back",
            "bring events in the order in which they became known",
        )


class WrongVersion(Conflict):
    """The contest does not stand where the command expects it."""

    code = "wrong-version"
    title = "Wrong version"

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(
            "expected_version",
            expected,
            f"the contest stands at version {actual}, not {expected}",
            "read what came in between, and decide again",
            actual_version=actual,
        )
        self.expected = expected
        self.actual = actual


class EventIdReused(Conflict):
    """An event id came a second time with other content."""

    code = "event-id-reused"
    title = "Event id reused"

    def __init__(self, event_id: str, version: int) -> None:
        super().__init__(
            "id",
            event_id,
            f"event id {event_id!r} stands for other content, recorded as version {version}",
            "give a new id to a new fact; repeat an old command unchanged",
            version=version,
        )


class UnreadableEvent(Exception):
    """A stored event cannot be understood: its name, its schema or its body. Never skipped."""
