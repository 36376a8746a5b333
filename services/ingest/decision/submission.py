"""One command as the desk decides it: its events' ids, what it needs, and what it is answered. Pure."""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import NamedTuple

from services.ingest.decision.commands import Announce, Command
from services.ingest.decision.decide import decide, endorsement_id, known_time
from services.ingest.decision.wording import refuse_odd
from shared.domain.book import Book, NotLoaded
from shared.domain.errors import EventIdReused, Refused
from shared.domain.events import ContestEvent, Event, Recorded, Version
from shared.domain.times import Instant
from shared.storage.codec import public_name
from shared.storage.log import NewEvent

# Where a command expects the contest to stand is no part of what it says.
_NOT_CONTENT = {"expected_version"}


class Taken(NamedTuple):
    """What came of a command: its events as (id, public type, version), and the endorsement it is about.

    `known_at` is None until the server has given it. Of a `repeated` command only the log knows both.
    """

    contest: str
    id: str
    events: tuple[tuple[str, str, int], ...]
    endorsement: str | None
    known_at: Instant | None
    repeated: bool = False

    @property
    def version(self) -> int:
        """The version of the last of its events."""
        return self.events[-1][2]


Outcome = Taken | Refused


class Sheet(NamedTuple):
    """One command with its events' ids. `digest` tells its content, '' where the sender chose no id."""

    command: Command
    event_ids: list[str]
    digest: str

    @property
    def id(self) -> str:
        """The command's own event id, which is its first event's."""
        return self.event_ids[0]


def sheet_of(command: Command, new_id: Callable[[], str]) -> Sheet:
    """The sheet of a command; `new_id` gives its event id if its sender chose none."""
    if command.id is None:
        return Sheet(command, _event_ids(new_id(), command), "")
    content = command.model_dump_json(exclude=_NOT_CONTENT, exclude_unset=True)
    digest = blake2b(content.encode(), digest_size=8).hexdigest()
    return Sheet(command, _event_ids(command.id, command), digest)


def decided(sheet: Sheet, book: Book, now: Instant, appended: list[NewEvent]) -> Taken:
    """Decides one new command, moves the book on and adds its events to `appended`. Raises `Refused`."""
    command = sheet.command
    refuse_odd(command)
    events = decide(command, book, now, sheet.id)
    given = None if command.known_at is None else known_time(command, book, now)
    known_at = max(now, book.known_at) if given is None else given
    numbered: list[tuple[str, str, int]] = []
    for id_, event in zip(sheet.event_ids, events, strict=True):
        book.take(Recorded(Version(book.version + 1), id_, known_at, event))
        appended.append(NewEvent(id_, event, sheet.digest, given))
        numbered.append((id_, public_name(type(event)), book.version))
    return Taken(command.contest, sheet.id, tuple(numbered), subject_of(events[-1]), given)


def as_before(sheet: Sheet, known: dict[str, tuple[int, str]]) -> Outcome:
    """The answer to a command that was taken before, to be `recalled`. Refused if its id stood for something else."""
    noted = [(id_, *known[id_]) for id_ in sheet.event_ids if id_ in known]
    for id_, version, digest in noted:
        if digest != sheet.digest:
            return EventIdReused(id_, version)
    if len(noted) < len(sheet.event_ids):
        return EventIdReused(*noted[0][:2])
    kinds = sheet.command.follows()
    events = tuple(
        (id_, public_name(kind), known[id_][0]) for id_, kind in zip(sheet.event_ids, kinds, strict=True)
    )
    return Taken(sheet.command.contest, sheet.id, events, None, None, repeated=True)


def now_known(sheet: Sheet, outcome: Outcome) -> dict[str, tuple[int, str]]:
    """What this outcome adds to the ids that are known: the same command twice in one batch is taken once."""
    if not sheet.digest or isinstance(outcome, Refused):
        return {}
    return {id_: (version, sheet.digest) for id_, _, version in outcome.events}


def recalled(taken: Taken, recorded: Recorded) -> Taken:
    """The answer to a repeated command, with what its last event was recorded with."""
    return taken._replace(endorsement=subject_of(recorded.event), known_at=recorded.known_at, repeated=False)


def stamped(outcome: Outcome, known_at: Instant) -> Outcome:
    """An outcome with the known time that the server gave, unless it is of another time."""
    if isinstance(outcome, Refused) or outcome.repeated or outcome.known_at is not None:
        return outcome
    return outcome._replace(known_at=known_at)


def _event_ids(own: str, command: Command) -> list[str]:
    """The ids of a command's events: its own, then numbered ones."""
    events = len(command.follows())
    return [own] if events == 1 else [own, *(f"{own}/{n}" for n in range(2, events + 1))]


def subject_of(event: Event) -> str | None:
    """The endorsement that an event is about, if it is one."""
    return None if isinstance(event, ContestEvent) else event.endorsement


def surely_needs(sheets: Sequence[Sheet]) -> NotLoaded:
    """What deciding these commands surely needs, to be loaded at once; the rest is loaded when it is missed."""
    endorsements: dict[str, None] = {}
    pairs: dict[tuple[str, str], None] = {}
    for sheet in sheets:
        command = sheet.command
        about = getattr(command, "endorsement", None)
        if isinstance(command, Announce):
            pairs[command.endorser.id, command.candidate] = None
            about = about or endorsement_id(command.endorser.id, command.candidate, sheet.id)
        if about is not None:
            endorsements[about] = None
    return NotLoaded(endorsements, pairs)
