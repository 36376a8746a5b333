"""The index of one contest: what its ledger says, arranged to answer for any version and valid time. Pure."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson

from shared.codec import decode_contest, decode_endorsement
from shared.domain.book import Cell, Totals
from shared.domain.contest import Contest
from shared.domain.endorsement import Endorsement
from shared.domain.postings import Posting, stands_for
from shared.domain.standings import as_of
from shared.domain.times import start_of


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One entry of the ledger: a version's postings with the cells' totals after them, and its subject's new state."""

    version: int
    known_at: int
    postings: tuple[tuple[Posting, Totals], ...]
    contest: bytes | None
    endorsement: bytes | None


@dataclass(slots=True)
class Index:
    """Everything that a contest's ledger says up to `version`. Grows by appending."""

    contest_id: str
    generation: int
    version: int = 0
    # known_ats[n] is when version n + 1 became known; it never goes back.
    known_ats: list[int] = field(default_factory=list)
    postings: list[tuple[int, Posting]] = field(default_factory=list)
    totals: dict[Cell, Totals] = field(default_factory=dict)
    # From then on nothing changes in valid time: the last posting's or withdrawal's.
    latest_valid_at: int = 0
    # (version, state) in version order; endorsements are many, so they stay encoded
    contests: list[tuple[int, Contest]] = field(default_factory=list)
    endorsements: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)

    def append(self, entry: LedgerEntry) -> None:
        """Takes in the next entry. Raises `ValueError` on a gap, or if the counts do not add up."""
        if entry.version != self.version + 1:
            raise ValueError(f"ledger of {self.contest_id}: version {entry.version} follows {self.version}")
        for posting, _ in entry.postings:
            self._post(entry.version, posting)
        for posting, after in entry.postings:
            if self.totals[posting.candidate, posting.category] != after:
                raise ValueError(
                    f"ledger of {self.contest_id}: the counts of version {entry.version} do not add up"
                )
        if entry.contest is not None:
            self._take_contest(entry.version, decode_contest(entry.contest))
        if entry.endorsement is not None:
            subject = orjson.loads(entry.endorsement)["id"]
            self.endorsements.setdefault(subject, []).append((entry.version, entry.endorsement))
        self.known_ats.append(entry.known_at)
        self.version = entry.version

    def version_at(self, known_at: int) -> int:
        """The last version known at an instant, 0 if none was."""
        return bisect_right(self.known_ats, known_at)

    def counts(self, valid_at: int, version: int) -> dict[Cell, Totals]:
        """Every cell's totals at a valid time, as versions up to `version` tell."""
        if version >= self.version and valid_at >= self.latest_valid_at:
            return {cell: totals for cell, totals in self.totals.items() if totals != (0, 0)}
        return as_of(self.postings, valid_at, version)

    def contest(self, version: int) -> Contest:
        """The contest and its candidates as of a version. `version` is at least 1."""
        at = bisect_right(self.contests, version, key=_first)
        return self.contests[at - 1][1]

    def endorsement(self, endorsement: str, version: int) -> Endorsement | None:
        """One endorsement as of a version, or None if it was not known."""
        states = self.endorsements.get(endorsement, [])
        at = bisect_right(states, version, key=_first)
        return decode_endorsement(states[at - 1][1]) if at else None

    def versions_of(self, endorsement: str, version: int) -> list[int]:
        """The versions up to `version` that are about an endorsement."""
        return [about for about, _ in self.endorsements.get(endorsement, []) if about <= version]

    def known(self, version: int) -> Iterator[Endorsement]:
        """Every endorsement known as of a version and not struck by then, in the order of their announcements."""
        for endorsement in self.endorsements:
            state = self.endorsement(endorsement, version)
            if state is not None and not state.struck:
                yield state

    def _take_contest(self, version: int, contest: Contest) -> None:
        self.contests.append((version, contest))
        for candidate in contest.candidates.values():
            if candidate.withdrew_at is not None:
                withdrew_at = start_of(candidate.withdrew_at, contest.timezone, "withdrew_at")
                self.latest_valid_at = max(self.latest_valid_at, withdrew_at)

    def _post(self, version: int, posting: Posting) -> None:
        cell = posting.candidate, posting.category
        count, members = self.totals.get(cell, (0, 0))
        self.postings.append((version, posting))
        self.totals[cell] = count + posting.delta, members + posting.members
        self.latest_valid_at = max(self.latest_valid_at, posting.valid_at)


def in_force(endorsement: Endorsement, valid_at: int, zone: str) -> bool:
    """Whether an endorsement stands at a valid time: the sum of its postings until then is one."""
    return sum(p.delta for p in stands_for(endorsement, zone) if p.valid_at <= valid_at) == 1


def _first(pair: tuple[int, object]) -> int:
    return pair[0]
