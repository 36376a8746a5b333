"""A copy of a contest's standings, folded from its changes. The client keeps it, and can check it against the API."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Self

from pydantic import BaseModel, PrivateAttr

from standings.client.errors import Gap, StandingsError
from standings.client.exact import Exact
from standings.client.models import Change, Move, Posting, Standings

# Endorsers and their members, as the API counts them.
Counts = dict[tuple[str, str], tuple[int, int]]


class Differs(StandingsError):
    """A local copy and the API, or a change and the copy before it, do not say the same; each line says of what."""

    def __init__(self, contest: str, version: int, differences: Iterable[str]) -> None:
        self.differences = list(differences)
        super().__init__(f"contest {contest!r}, version {version}: {'; '.join(self.differences)}")
        self.contest = contest
        self.version = version


class Known(BaseModel):
    """What one version posted."""

    version: int
    postings: list[Posting]


class Weighed(BaseModel):
    """Of which version of a policy the scores are, and the first change that told one of them."""

    policy_version: int
    since: int


class LocalCopy(BaseModel):
    """What a contest's changes add up to. `model_dump_json` saves it, `model_validate_json` brings it back.

    It answers for every valid time and every version that it took: `counts` of endorsers and members, and `scores` now
    under each policy. A copy begins at version 0 and takes each change once, in order; `place` is where to go on.

    A deployment may add a policy, or give one a new version, while it is followed. Of candidates who were endorsed
    before, the copy then learns the score from the first change that moves it.
    """

    contest: str
    version: int = 0
    history: str = ""
    known: list[Known] = []
    latest: dict[str, dict[str, Exact]] = {}
    weighed: dict[str, Weighed] = {}
    # By candidate, the first version that posted for them.
    _posted: dict[str, int] = PrivateAttr(default_factory=dict)

    def model_post_init(self, _: object) -> None:
        """Notes for whom was posted first when, which is not saved."""
        for known in self.known:
            self._note(known)

    def take(self, change: Change) -> bool:
        """Whether this was the next change: False if it was taken before.

        Raises `Gap` if one is missing before it, and `Differs` if it does not begin where the copy stands. The copy is
        then as it was.
        """
        if change.contest != self.contest:
            raise ValueError(f"a change of contest {change.contest!r} does not belong to {self.contest!r}")
        if change.version <= self.version:
            return False
        if change.version != self.version + 1:
            raise Gap(self.contest, self.version + 1, change.version)
        self._refuse_other_beginning(change)
        for move in change.data.scores:
            if self._is_new(move):
                self.latest[move.policy] = {}
                self.weighed[move.policy] = Weighed(policy_version=move.policy_version, since=change.version)
            self.latest[move.policy][move.candidate] = move.after.score
        if change.data.postings:
            known = Known(version=change.version, postings=change.data.postings)
            self.known.append(known)
            self._note(known)
        self.version = change.version
        self.history = change.place.partition("-")[2]
        return True

    @property
    def place(self) -> str:
        """Where its changes go on: `since` of `Client.changes`."""
        return f"{self.version}-{self.history}" if self.history else str(self.version)

    def scores(self, policy: str) -> dict[str, Decimal]:
        """Each candidate's score now under a policy.

        Those that nobody endorsed yet are left out; under a policy that was added or changed while it was followed,
        also those whose score has not moved since.
        """
        return dict(self.latest.get(policy, {}))

    def counts(self, version: int | None = None, valid_at: datetime | None = None) -> Counts:
        """(candidate, category) → endorsers and members, at a version and a valid time (None: the latest)."""
        endorsers: Counter[tuple[str, str]] = Counter()
        members: Counter[tuple[str, str]] = Counter()
        for known in self.known:
            if version is not None and known.version > version:
                break
            for posting in known.postings:
                if valid_at is None or posting.valid_at <= valid_at:
                    endorsers[posting.candidate, posting.category] += posting.delta
                    members[posting.candidate, posting.category] += posting.members
        return {cell: (count, members[cell]) for cell, count in endorsers.items() if count or members[cell]}

    def check(self, standings: Standings) -> Self:
        """Compares with what the API says of a version that the copy has: all candidates and categories, one moment.

        Raises `Differs`, and `ValueError` for a version that the copy has not taken.
        """
        if not 1 <= standings.version <= self.version or standings.contest != self.contest:
            raise ValueError(
                f"the copy has contest {self.contest!r} up to version {self.version}, and this is "
                f"{standings.contest!r} at {standings.version}"
            )
        there = {
            (line.candidate, category): (count.count, count.members)
            for line in standings.standings
            for category, count in line.counts.items()
            if count.count or count.members
        }
        here = self.counts(standings.version, standings.valid_at.instant)
        if differences := [
            f"{candidate}, {category}: here {here.get(cell, (0, 0))}, there {there.get(cell, (0, 0))}"
            for cell in sorted(here.keys() | there.keys())
            for candidate, category in [cell]
            if here.get(cell, (0, 0)) != there.get(cell, (0, 0))
        ]:
            raise Differs(self.contest, standings.version, differences)
        return self

    def _refuse_other_beginning(self, change: Change) -> None:
        if differences := [
            f"{move.candidate} under {move.policy}: here {stands}, the change begins at {move.before.score}"
            for move in change.data.scores
            for stands in [self._stands(move, change.version)]
            if stands is not None and stands != move.before.score
        ]:
            raise Differs(self.contest, change.version, differences)

    def _is_new(self, move: Move) -> bool:
        """Whether a move is under a policy, or a version of it, that no change told of before."""
        weighed = self.weighed.get(move.policy)
        if weighed is None:  # or none that an earlier release of the client noted
            return move.policy not in self.latest
        return weighed.policy_version != move.policy_version

    def _stands(self, move: Move, version: int) -> Decimal | None:
        """The score at which a move has to begin; None where it is only learned from it."""
        is_new = self._is_new(move)
        if not is_new and move.candidate in self.latest[move.policy]:
            return self.latest[move.policy][move.candidate]
        weighed = self.weighed.get(move.policy)
        since = version if is_new else weighed.since if weighed else 0
        was_endorsed_before = self._posted.get(move.candidate, since) < since
        return None if was_endorsed_before else Decimal(0)

    def _note(self, known: Known) -> None:
        for posting in known.postings:
            self._posted.setdefault(posting.candidate, known.version)
