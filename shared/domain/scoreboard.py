"""What a version changed: scores and ranks under each policy, and since when the past reads otherwise."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from shared.domain.book import Cell, Totals
from shared.domain.policies import Policy, scores
from shared.domain.postings import Posting
from shared.domain.times import Instant, day_in, start_of

_TWO_DAYS = 2 * 24 * 60 * 60 * 1_000_000


class Place(NamedTuple):
    """A candidate's score in the policy's units, and rank: equal scores share one (1, 2, 2, 4)."""

    units: int
    rank: int


class Move(NamedTuple):
    """A candidate whose score or rank under a policy changed."""

    policy: Policy
    candidate: str
    before: Place
    after: Place


class Scoreboard:
    """Every candidate's score and rank under each policy, all that is known counted whatever its valid time."""

    def __init__(
        self, policies: Iterable[Policy], candidates: Iterable[str], totals: Mapping[Cell, Totals]
    ) -> None:
        entered = list(candidates)
        self._boards = [
            _Board(policy, dict.fromkeys(entered, 0) | scores(policy, totals)) for policy in policies
        ]

    def enter(self, candidates: Iterable[str]) -> None:
        """Candidates of the contest; those that are new stand at nothing."""
        for candidate in candidates:
            for board in self._boards:
                board.enter(candidate)

    def move(self, postings: Iterable[Posting]) -> list[Move]:
        """Moves on by a version's postings; what that changed, by policy and in the candidates' order."""
        listed = list(postings)
        return [move for board in self._boards for move in board.move(listed)]


class _Board:
    def __init__(self, policy: Policy, units: dict[str, int]) -> None:
        self._policy = policy
        self._units = units
        self._ranks = ranks(units.values())

    def enter(self, candidate: str) -> None:
        if candidate not in self._units:
            self._units[candidate] = 0
            self._ranks = ranks(self._units.values())

    def move(self, postings: Iterable[Posting]) -> Iterable[Move]:
        changed: dict[str, int] = {}
        for posting in postings:
            units = self._policy.units(posting.category, (posting.delta, posting.members))
            changed[posting.candidate] = changed.get(posting.candidate, 0) + units
        if not any(changed.values()):
            return ()
        before, ranks_before = self._units, self._ranks
        after = {candidate: units + changed.get(candidate, 0) for candidate, units in before.items()}
        self._units, self._ranks = after, ranks(after.values())
        return [
            Move(
                self._policy,
                candidate,
                Place(before[candidate], ranks_before[before[candidate]]),
                Place(units, self._ranks[units]),
            )
            for candidate, units in after.items()
            if units != before[candidate] or ranks_before[units] != self._ranks[units]
        ]


def ranks(scores: Iterable[int]) -> dict[int, int]:
    """The rank of each score: the greatest is first, and equal ones share a rank (1, 2, 2, 4)."""
    numbered: dict[int, int] = {}
    for rank, score in enumerate(sorted(scores, reverse=True), start=1):
        numbered.setdefault(score, rank)
    return numbered


def rewrites_since(postings: Iterable[Posting], known_at: Instant, zone: str) -> int | None:
    """From which valid time on figures of past days read otherwise than before this became known, if any do.

    A day is past when the one on which it became known, in the contest's time zone, is another.
    """
    earliest = min((posting.valid_at for posting in postings), default=known_at)
    if earliest < known_at - _TWO_DAYS or earliest < start_of(day_in(known_at, zone), zone):
        return earliest
    return None
