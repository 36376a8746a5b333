"""The book: what must be known of a contest to take its next events, and the fold that moves it on.

A book holds only the endorsements that were loaded into it, so it serves a contest of any size; `missing` tells
what to load before an event or command about them can be taken.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from shared.domain import contest as contests
from shared.domain import endorsement as endorsements
from shared.domain.contest import Contest
from shared.domain.endorsement import Endorsement
from shared.domain.events import Announced, ContestEvent, Corrected, Event, Recorded, Version
from shared.domain.postings import Posting, difference
from shared.domain.times import Instant

# The number of this fold: another one when the same events come to other postings or states than before.
FOLD: Final = 1

Cell = tuple[str, str]
Totals = tuple[int, int]
Pair = tuple[str, str]


class NotLoaded(Exception):
    """Something about these endorsements or (endorser, candidate) pairs must be loaded into the book first."""

    def __init__(self, endorsements: Iterable[str] = (), pairs: Iterable[Pair] = ()) -> None:
        super().__init__("not loaded")
        self.endorsements = tuple(endorsements)
        self.pairs = tuple(pairs)


class Folded(NamedTuple):
    """One event's effect: its postings, the cells' totals after it, and what it made of its subject.

    `paired` is the (endorser, candidate) pair that the endorsement was added to, if any.
    """

    recorded: Recorded
    postings: tuple[Posting, ...]
    totals: dict[Cell, Totals]
    subject: Contest | Endorsement
    paired: Pair | None


@dataclass(slots=True)
class Book:
    """A contest at `version`, with those endorsements that were loaded. `None` stands for: known not to exist.

    What raises `NotLoaded` has changed nothing: load what it names, and do it again.
    """

    version: Version = Version(0)
    known_at: Instant = Instant(0)
    contest: Contest | None = None
    totals: dict[Cell, Totals] = field(default_factory=dict)
    endorsements: dict[str, Endorsement | None] = field(default_factory=dict)
    # Ids of their endorsements, ended and struck ones too.
    pairs: dict[Pair, tuple[str, ...]] = field(default_factory=dict)

    def opened(self) -> Contest:
        """The contest. Raises `ValueError` where the first event does not open it."""
        if self.contest is None:
            raise ValueError("the contest's first event does not open it")
        return self.contest

    def lacks(self, needs: NotLoaded) -> bool:
        """Whether anything of this still has to be loaded."""
        return any(e not in self.endorsements for e in needs.endorsements) or any(
            pair not in self.pairs for pair in needs.pairs
        )

    def find(self, endorsement: str) -> Endorsement | None:
        """The endorsement, or None if it does not exist. Raises `NotLoaded`."""
        try:
            return self.endorsements[endorsement]
        except KeyError:
            raise NotLoaded([endorsement]) from None

    def of_pair(self, endorser: str, candidate: str) -> list[Endorsement]:
        """Every endorsement of this candidate by this endorser that was not struck. Raises `NotLoaded`."""
        states = [self.find(listed) for listed in self._listed((endorser, candidate))]
        # One that was corrected to another candidate or endorser is still listed.
        return [
            e
            for e in states
            if e is not None and not e.struck and e.candidate == candidate and e.endorser.id == endorser
        ]

    def take(self, recorded: Recorded) -> Contest | Endorsement:
        """Moves on by one event and returns what it made of its subject.

        Raises `ValueError` if the event cannot follow, and `NotLoaded`.
        """
        return self._take(recorded)[0]

    def fold(self, recorded: Recorded) -> Folded:
        """Moves on by one event and returns its effect on the counts. Raises as `take` does."""
        event = recorded.event
        before = None if isinstance(event, ContestEvent) else self.find(event.endorsement)
        subject, paired = self._take(recorded)
        if isinstance(subject, Contest):
            return Folded(recorded, (), {}, subject, None)
        postings = difference(before, subject, self.opened().timezone)
        return Folded(recorded, postings, self._post(postings), subject, paired)

    def _take(self, recorded: Recorded) -> tuple[Contest | Endorsement, Pair | None]:
        if recorded.version != self.version + 1:
            raise ValueError(f"version {recorded.version} follows version {self.version}")
        if recorded.known_at < self.known_at:
            raise ValueError(f"version {recorded.version} became known before the one it follows")
        result = self._evolve(recorded.event, recorded.version)
        self.version = recorded.version
        self.known_at = recorded.known_at
        return result

    def _evolve(self, event: Event, version: Version) -> tuple[Contest | Endorsement, Pair | None]:
        if isinstance(event, ContestEvent):
            self.contest = contests.evolve(self.contest, event)
            return self.contest, None
        after = endorsements.evolve(self.find(event.endorsement), event, version)
        paired = self._pair(after) if isinstance(event, Announced | Corrected) else None
        self.endorsements[event.endorsement] = after
        return after, paired

    def _pair(self, endorsement: Endorsement) -> Pair | None:
        pair = endorsement.endorser.id, endorsement.candidate
        listed = self._listed(pair)
        if endorsement.id in listed:
            return None
        self.pairs[pair] = (*listed, endorsement.id)
        return pair

    def _listed(self, pair: Pair) -> tuple[str, ...]:
        try:
            return self.pairs[pair]
        except KeyError:
            raise NotLoaded(pairs=[pair]) from None

    def _post(self, postings: Iterable[Posting]) -> dict[Cell, Totals]:
        touched: dict[Cell, Totals] = {}
        for posting in postings:
            cell = posting.candidate, posting.category
            count, members = self.totals.get(cell, (0, 0))
            touched[cell] = self.totals[cell] = count + posting.delta, members + posting.members
        return touched


def first_needs(events: Iterable[Event]) -> NotLoaded:
    """What these events need at least; what only a loaded endorsement tells is named by `NotLoaded` later."""
    endorsements_needed: dict[str, None] = {}
    pairs: dict[Pair, None] = {}
    for event in events:
        if not isinstance(event, ContestEvent):
            endorsements_needed[event.endorsement] = None
        if isinstance(event, Announced):
            pairs[event.endorser.id, event.candidate] = None
    return NotLoaded(endorsements_needed, pairs)
