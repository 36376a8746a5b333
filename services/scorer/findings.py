"""What an examination finds, and how what is stored is compared."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from shared.domain.book import Folded
from shared.domain.errors import UnreadableEvent, UnreadableTime
from shared.domain.events import Version
from shared.domain.times import Instant, start_of
from shared.storage.codec import decode_contest, decode_endorsement, decode_entry
from shared.storage.streams import Entry

# Where something is wrong.
LOG, IDS, LEDGER, STATE, HISTORY = "log", "ids", "ledger", "state", "history"


class Finding(NamedTuple):
    """What is wrong, where, and the way out."""

    where: str
    found: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.where}: {self.found}" + (f": {self.way_out}" if self.way_out else "")

    @property
    def holds(self) -> bool:
        """Whether the contest is held until it is rebuilt.

        Not what is wrong with a log: a scorer that cannot read it parks its contest, and another release may read it.
        """
        return self.where in (LEDGER, STATE)


@dataclass
class ExaminedMoment:
    """A moment, and how many endorsements each candidate had then."""

    version: Version
    valid_at: Instant
    counts: Counter[str] = field(default_factory=Counter)

    def post(self, folded: Folded) -> None:
        """Counts an event's postings, as far as they are of the moment."""
        if folded.recorded.version <= self.version:
            for posting in folded.postings:
                if posting.valid_at <= self.valid_at:
                    self.counts[posting.candidate] += posting.delta


class Examined(NamedTuple):
    """What was found of a contest up to a version; nothing is wrong if there are no findings."""

    contest: str
    generation: int
    version: Version
    findings: Sequence[Finding]
    moments: Sequence[ExaminedMoment]


def same(stored: bytes | None, expected: bytes, decode: Callable[[bytes], object]) -> bool:
    """Whether this says the same, if need be in other words."""
    if stored == expected:
        return True
    try:
        return stored is not None and decode(stored) == decode(expected)
    except ValueError:
        return False


STATES: Final[dict[bytes, Callable[[bytes], object]]] = {
    b"contest": decode_contest,
    b"endorsement": decode_endorsement,
}


def a_time_of(entry: Entry) -> Instant:
    """When what the event tells of began, or when it became known. Raises `UnreadableEvent`."""
    recorded = decode_entry(*entry)
    announced_at = getattr(recorded.event, "announced_at", None)
    try:
        return start_of(announced_at, "UTC") if isinstance(announced_at, str) else recorded.known_at
    except UnreadableTime as error:
        raise UnreadableEvent(f"version {recorded.version}: {error}") from None
