"""The book: what must be known of a contest to take its next events, and the fold that moves it on.

A book holds only the endorsements that were loaded into it, so it serves a contest of any size; `missing` tells
what to load before an event or command about them can be taken.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.domain import contest as contests
from shared.domain import endorsement as endorsements
from shared.domain.contest import Contest
from shared.domain.endorsement import Endorsement
from shared.domain.events import Announced, ContestEvent, Corrected, Event, Recorded
from shared.domain.postings import Posting, difference

Cell = tuple[str, str]
Totals = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Folded:
    """One event's effect: its postings, the cells' totals after it, and what it made of its subject."""

    recorded: Recorded
    postings: tuple[Posting, ...]
    totals: dict[Cell, Totals]
    subject: Contest | Endorsement


@dataclass(slots=True)
class Book:
    """A contest at `version`, with those endorsements that were loaded. `None` stands for: known not to exist."""

    version: int = 0
    known_at: int = 0
    contest: Contest | None = None
    totals: dict[Cell, Totals] = field(default_factory=dict)
    endorsements: dict[str, Endorsement | None] = field(default_factory=dict)
    # (endorser, candidate) -> ids of their endorsements, ended and struck ones too
    pairs: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def opened(self) -> Contest:
        """The contest. Raises `ValueError` where the first event does not open it."""
        if self.contest is None:
            raise ValueError("the contest's first event does not open it")
        return self.contest

    def find(self, endorsement: str) -> Endorsement | None:
        """The endorsement, or None if it does not exist. It must have been loaded."""
        return self.endorsements[endorsement]

    def of_pair(self, endorser: str, candidate: str) -> list[Endorsement]:
        """Every endorsement of this candidate by this endorser that was not struck. All must have been loaded."""
        found = (self.endorsements[listed] for listed in self.pairs[endorser, candidate])
        # One that was corrected to another candidate or endorser is still listed here.
        return [
            e
            for e in found
            if e is not None and not e.struck and e.candidate == candidate and e.endorser.id == endorser
        ]

    def take(self, recorded: Recorded) -> Contest | Endorsement:
        """Moves on by one event and returns what it made of its subject. Raises `ValueError` if it cannot follow."""
        if recorded.version != self.version + 1:
            raise ValueError(f"version {recorded.version} follows version {self.version}")
        if recorded.known_at < self.known_at:
            raise ValueError(f"version {recorded.version} became known before the one it follows")
        subject = self._evolve(recorded.event, recorded.version)
        self.version = recorded.version
        self.known_at = recorded.known_at
        return subject

    def fold(self, recorded: Recorded) -> Folded:
        """Moves on by one event and returns its effect on the counts. Raises `ValueError` as `take` does."""
        event = recorded.event
        before = None if isinstance(event, ContestEvent) else self.endorsements[event.endorsement]
        subject = self.take(recorded)
        if isinstance(subject, Contest):
            return Folded(recorded, (), {}, subject)
        postings = difference(before, subject, self.opened().timezone)
        return Folded(recorded, postings, self._post(postings), subject)

    def _evolve(self, event: Event, version: int) -> Contest | Endorsement:
        if isinstance(event, ContestEvent):
            self.contest = contests.evolve(self.contest, event)
            return self.contest
        before = self.endorsements[event.endorsement]
        after = endorsements.evolve(before, event, version)
        self.endorsements[event.endorsement] = after
        if before is None or isinstance(event, Corrected):
            self._pair(after)
        return after

    def _pair(self, endorsement: Endorsement) -> None:
        pair = endorsement.endorser.id, endorsement.candidate
        known = self.pairs[pair]
        if endorsement.id not in known:
            self.pairs[pair] = (*known, endorsement.id)

    def _post(self, postings: Iterable[Posting]) -> dict[Cell, Totals]:
        touched: dict[Cell, Totals] = {}
        for posting in postings:
            cell = posting.candidate, posting.category
            count, members = self.totals.get(cell, (0, 0))
            touched[cell] = self.totals[cell] = count + posting.delta, members + posting.members
        return touched


def subjects(event: Event) -> tuple[str, ...]:
    """The endorsements that must be loaded before `event` can be taken."""
    if isinstance(event, ContestEvent):
        return ()
    return (event.endorsement,)


def pairs_of(event: Event, book: Book) -> tuple[tuple[str, str], ...]:
    """The (endorser, candidate) pairs that must be loaded; a correction's depend on its loaded endorsement."""
    if isinstance(event, Announced):
        return ((event.endorser.id, event.candidate),)
    before = book.endorsements.get(event.endorsement) if isinstance(event, Corrected) else None
    if isinstance(event, Corrected) and before is not None:
        after = endorsements.corrected(before, event, before.version)
        return ((after.endorser.id, after.candidate),)
    return ()
