"""What follows from a command: events, or a refusal. Pure."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final, NamedTuple, TypedDict, assert_never

from services.ingest.decision.commands import (
    Announce,
    Command,
    Correct,
    Enter,
    Facts,
    NewCandidate,
    Open,
    Retract,
    Strike,
    Switch,
    Withdraw,
)
from services.ingest.decision.rules import (
    active,
    has_candidate,
    in_order,
    may_begin,
    may_enter,
    no_overlap,
    standing,
)
from shared.domain import errors
from shared.domain.book import Book
from shared.domain.contest import Contest
from shared.domain.endorsement import corrected
from shared.domain.events import (
    Announced,
    CandidateEntered,
    CandidateWithdrew,
    ContestOpened,
    Corrected,
    Event,
    Retracted,
    Source,
    Struck,
)
from shared.domain.times import Instant, format_instant, is_certain, is_time_zone, start_of

# Logs order what they hold by the microseconds from here on.
EARLIEST_KNOWN: Final = Instant(0)


class DecisionTime(NamedTuple):
    """When a command is decided, and the zone of its contest. `known_at` and `now` are instants."""

    now: Instant
    known_at: Instant
    zone: str

    def time(self, text: str | None, field: str) -> str:
        """The time given, or now. Raises `UnreadableTime` and `InTheFuture`.

        As in every comparison here, an uncertain date stands where it counts from: it may reach into the future.
        """
        if text is None:
            return format_instant(self.known_at)
        if start_of(text, self.zone, field) > self.known_at:
            raise errors.InTheFuture(field, text, format_instant(self.known_at))
        return text


def decide(command: Command, book: Book, now: Instant, event_id: str) -> list[Event]:
    """The events that follow from a command on a contest as the book has it. Raises `Refused` and `NotLoaded`."""
    if command.expected_version is not None and command.expected_version != book.version:
        raise errors.WrongVersion(command.expected_version, book.version)
    if isinstance(command, Open):
        return _open(command, book, now)
    if book.contest is None:
        raise errors.UnknownContest(command.contest)
    moment = DecisionTime(now, known_time(command, book, now), book.contest.timezone)
    if isinstance(command, Enter):
        return [_enter(command, book.contest, moment)]
    if isinstance(command, Withdraw):
        return [_withdraw(command, book.contest, moment)]
    return _decide_endorsement(command, book, book.contest, moment, event_id)


def _decide_endorsement(
    command: Announce | Retract | Correct | Strike | Switch,
    book: Book,
    contest: Contest,
    moment: DecisionTime,
    event_id: str,
) -> list[Event]:
    match command:
        case Announce():
            return _announce(command, book, contest, moment, event_id)
        case Retract():
            return [_retract(command, book, moment)]
        case Correct():
            return [_correct(command, book, contest, moment)]
        case Strike():
            return [_strike(command, book)]
        case Switch():
            return _switch(command, book, contest, moment, event_id)
        case _:
            assert_never(command)


def known_time(command: Command, book: Book, now: Instant) -> Instant:
    """When the log learns of this: now, or what an imported contest's command says.

    Raises `KnownTimeNotTaken`, `KnownTimeTooEarly`, `KnownTimeGoesBack`, `UnreadableTime` and `InTheFuture`.
    """
    clock = command.clock if isinstance(command, Open) else book.opened().clock
    zone = command.timezone if isinstance(command, Open) else book.opened().timezone
    if (command.known_at is None) == (clock == "imported"):
        raise errors.KnownTimeNotTaken(command.known_at, clock)
    if command.known_at is None:
        return max(now, book.known_at)
    known_at = start_of(command.known_at, zone, "known_at")
    if not is_certain(command.known_at):
        raise errors.UnreadableTime(
            "known_at",
            command.known_at,
            "when something became known is one day or instant, and certain",
            "write a day (2019-04-22) or an RFC 3339 instant (2019-04-22T13:05:00-04:00)",
        )
    if known_at < EARLIEST_KNOWN:
        raise errors.KnownTimeTooEarly(command.known_at, format_instant(EARLIEST_KNOWN))
    if known_at < book.known_at:
        raise errors.KnownTimeGoesBack(command.known_at, format_instant(book.known_at))
    if known_at > now:
        raise errors.InTheFuture("known_at", command.known_at, format_instant(now))
    return known_at


def endorsement_id(endorser: str, candidate: str, event_id: str) -> str:
    """The id of an endorsement that was given none: it reads well, and the same event gets the same."""
    return f"{endorser[:60]}.{candidate[:40]}.{blake2b(event_id.encode(), digest_size=5).hexdigest()}"


def _open(command: Open, book: Book, now: Instant) -> list[Event]:
    if book.contest is not None:
        raise errors.ContestAlreadyOpen(command.contest)
    if not is_time_zone(command.timezone):
        raise errors.Invalid(
            "timezone",
            command.timezone,
            f"timezone={command.timezone!r} is not known",
            "use an IANA name such as America/New_York",
        )
    _refuse_twins(command.candidates)
    moment = DecisionTime(now, known_time(command, book, now), command.timezone)
    opened = ContestOpened(
        contest=command.contest,
        title=command.title,
        timezone=command.timezone,
        clock=command.clock,
        opened_at=moment.time(command.opened_at, "opened_at"),
        **_provenance(command),
    )
    return [opened, *(_entered(new, command, moment) for new in command.candidates)]


def _refuse_twins(candidates: Iterable[NewCandidate]) -> None:
    seen: set[str] = set()
    for new in candidates:
        if new.candidate in seen:
            raise errors.Invalid(
                "candidates",
                new.candidate,
                f"candidate {new.candidate!r} is given twice",
                "give each its own id",
            )
        seen.add(new.candidate)


def _enter(command: Enter, contest: Contest, moment: DecisionTime) -> Event:
    may_enter(contest, command.candidate)
    return _entered(command, command, moment)


def _entered(new: NewCandidate, command: Open | Enter, moment: DecisionTime) -> Event:
    return CandidateEntered(
        candidate=new.candidate,
        name=new.name,
        party=new.party,
        entered_at=moment.time(new.entered_at, "entered_at"),
        **_provenance(command),
    )


def _withdraw(command: Withdraw, contest: Contest, moment: DecisionTime) -> Event:
    has_candidate(contest, command.candidate)
    candidate = contest.candidates[command.candidate]
    if candidate.withdrew_at is not None:
        raise errors.AlreadyWithdrawn(candidate.id, candidate.withdrew_at)
    withdrew_at = moment.time(command.withdrew_at, "withdrew_at")
    in_order("withdrew_at", withdrew_at, candidate.entered_at, moment.zone)
    return CandidateWithdrew(candidate=candidate.id, withdrew_at=withdrew_at, **_provenance(command))


def _announce(
    command: Announce, book: Book, contest: Contest, moment: DecisionTime, event_id: str
) -> list[Event]:
    new_id = command.endorsement or endorsement_id(command.endorser.id, command.candidate, event_id)
    provenance = _provenance(command)
    announced = Announced(
        endorsement=new_id,
        endorser=command.endorser.facts(),
        candidate=command.candidate,
        category=command.category,
        members=command.members,
        announced_at=moment.time(command.announced_at, "announced_at"),
        **provenance,
    )
    if command.retracted_at is None:
        may_begin(announced, None, book, contest)
        return [announced]
    retracted_at = moment.time(command.retracted_at, "retracted_at")
    in_order("retracted_at", retracted_at, announced.announced_at, moment.zone)
    may_begin(announced, retracted_at, book, contest)
    retracted = Retracted(endorsement=new_id, retracted_at=retracted_at, **provenance)
    return [announced, retracted]


def _retract(command: Retract, book: Book, moment: DecisionTime) -> Event:
    endorsement = active(command.endorsement, book, command.contest)
    retracted_at = moment.time(command.retracted_at, "retracted_at")
    in_order("retracted_at", retracted_at, endorsement.announced_at, moment.zone)
    return Retracted(
        endorsement=endorsement.id,
        retracted_at=retracted_at,
        **_provenance(command),
    )


def _correct(command: Correct, book: Book, contest: Contest, moment: DecisionTime) -> Event:
    before = standing(command.endorsement, book, contest.id)
    changed = {name: getattr(command, name) for name in command.model_fields_set & _PLAIN}
    if "endorser" in command.model_fields_set:
        changed["endorser"] = command.endorser.facts()
    event = Corrected(endorsement=before.id, **_provenance(command), **changed)
    after = corrected(before, event, before.version)
    if after == before:
        raise errors.NothingToCorrect(before.id)
    has_candidate(contest, after.candidate)
    moment.time(after.announced_at, "announced_at")
    if after.retracted_at is not None:
        moment.time(after.retracted_at, "retracted_at")
        in_order("retracted_at", after.retracted_at, after.announced_at, moment.zone)
    no_overlap(after, book, moment.zone)
    return event


_PLAIN = frozenset({"candidate", "category", "members", "announced_at", "retracted_at"})


def _strike(command: Strike, book: Book) -> Event:
    endorsement = standing(command.endorsement, book, command.contest)
    return Struck(endorsement=endorsement.id, **_provenance(command))


def _switch(
    command: Switch, book: Book, contest: Contest, moment: DecisionTime, event_id: str
) -> list[Event]:
    before = active(command.endorsement, book, contest.id)
    endorser = command.endorser.facts() if command.endorser else before.endorser
    if endorser.id != before.endorser.id:
        raise errors.AnotherEndorser(endorser.id, before.id, before.endorser.id)
    if command.candidate == before.candidate:
        raise errors.AlreadyEndorsed(
            before.endorser.id, before.candidate, before.id, before.announced_at, None
        )
    switched_at = moment.time(command.switched_at, "switched_at")
    in_order("switched_at", switched_at, before.announced_at, moment.zone)
    provenance = _provenance(command)
    announced = Announced(
        endorsement=command.new_endorsement or endorsement_id(endorser.id, command.candidate, event_id),
        endorser=endorser,
        candidate=command.candidate,
        category=command.category or before.category,
        members=before.members if command.members is None else command.members,
        announced_at=switched_at,
        **provenance,
    )
    may_begin(announced, None, book, contest)
    retracted = Retracted(endorsement=before.id, retracted_at=switched_at, **provenance)
    return [retracted, announced]


class _Provenance(TypedDict):
    """What every event says of where it is from."""

    recorded_by: str
    source: Source
    note: str


def _provenance(command: Facts) -> _Provenance:
    source = getattr(command, "source", None)
    return {
        "recorded_by": command.recorded_by,
        "source": source.facts() if source else Source(),
        "note": command.note,
    }
