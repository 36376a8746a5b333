"""The index of one contest: what its ledger says, arranged to answer for any version and valid time. Pure."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import orjson

from services.api.engine.columns import Columns, Ints
from services.api.engine.states import NEVER, State, States, digest
from services.api.engine.sums import Cells, SumRow, SumRows, Sums
from shared.domain.book import Cell, Totals
from shared.domain.contest import Contest
from shared.domain.events import Version
from shared.domain.postings import Posting, may_stand_for
from shared.domain.times import Instant, is_certain, start_of
from shared.storage.codec import decode_contest, decode_endorsement
from shared.storage.history import NOTHING


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One entry of the ledger: a version's postings with the cells' totals after them, and its subject's new state."""

    version: Version
    known_at: Instant
    postings: tuple[tuple[Posting, Totals], ...]
    contest: bytes | None
    endorsement: bytes | None
    # 16 hexadecimal digits; '' counts as none.
    history: str = ""


class IndexView(NamedTuple):
    """A contest's postings as they are now, for another thread to read while the index goes on.

    `known_ats` are those of versions 1, 2, 3 …; `width` is the number of channels. `doubt` and `possible` are the
    postings of what uncertain dates leave open.
    """

    rows: SumRows
    known_ats: Ints
    width: int
    doubt: SumRows
    possible: SumRows


class Withdrawal(NamedTuple):
    """That a candidate withdrew, and the version that told it."""

    version: Version
    candidate: str
    withdrew_at: Instant


class Counted(NamedTuple):
    """Sums by channel at one moment. The truth lies between `counted - doubt` and `counted + possible`."""

    counted: Ints
    doubt: Ints | None
    possible: Ints | None


_serial = count(1)
_NO_SUMS: Ints = np.zeros(0, np.int64)
# What Python's objects take, nearly: of an index without anything, a contest's version, each of its candidates, the
# totals of a cell, what an endorsement of uncertain date leaves open, and a withdrawal.
_EMPTY_BYTES, _CONTEST_BYTES, _CANDIDATE_BYTES = 12_000, 1000, 100
_TOTALS_BYTES, _OPEN_BYTES, _WITHDRAWAL_BYTES = 200, 500, 300


class Index:
    """Everything that a contest's ledger says up to `version`. Grows by appending."""

    def __init__(self, contest_id: str, generation: int) -> None:
        self.contest_id = contest_id
        self.generation = generation
        self.version, self.history = Version(0), NOTHING
        # Tells this index from every other one of the process, also from a later one of the same contest.
        self.serial = next(_serial)
        self.cells = Cells()
        self.sums = Sums()
        self.states = States()
        # From then on nothing changes in valid time: the last posting's or withdrawal's.
        self.latest_valid_at = 0
        # Before then nothing counted, whatever was known.
        self.earliest_valid_at = NEVER
        self._known_ats = Columns(1)
        self._histories = Columns(1)
        self._contests: list[tuple[Version, Contest]] = []
        self._contests_bytes = 0
        self._withdrawals: list[Withdrawal] = []
        self._totals: dict[Cell, Totals] = {}
        # What uncertain dates leave open, and for each endorsement with one what it put there.
        self._doubt, self._possible = Sums(), Sums()
        self._open: dict[int, tuple[tuple[Posting, ...], tuple[Posting, ...]]] = {}

    def append(self, entry: LedgerEntry) -> None:
        """Takes in the next entry. Raises `ValueError` on a gap, or if the counts do not add up."""
        if entry.version != self.version + 1:
            raise ValueError(f"ledger of {self.contest_id}: version {entry.version} follows {self.version}")
        self._post(entry)
        if entry.contest is not None:
            self._take_contest(entry.version, decode_contest(entry.contest))
        if entry.endorsement is not None:
            self._take_endorsement(entry, entry.endorsement)
        self._known_ats.append((entry.known_at,))
        self._histories.append((_signed(entry.history),))
        self.version, self.history = entry.version, entry.history

    def known_at(self, version: Version) -> Instant:
        """When a version became known. `version` is at least 1."""
        return Instant(int(self._known_ats.settle()[0, version - 1]))

    @property
    def first_known_at(self) -> Instant:
        """When the contest became known."""
        return self.known_at(Version(1))

    def history_at(self, version: Version) -> str:
        """The history that a version ends, which tells it from the same version of another log; of 0, the empty one."""
        if version == self.version:
            return self.history
        if version == 0:
            return NOTHING
        return f"{int(self._histories.settle()[0, version - 1]) % 2**64:016x}"

    def version_at(self, known_at: Instant) -> Version:
        """The last version known at an instant, 0 if none was."""
        return Version(int(self._known_ats.settle()[0].searchsorted(known_at, "right")))

    def known_ats(self, versions: Ints) -> Ints:
        """When each of these versions became known."""
        known_ats: Ints = self._known_ats.settle()[0][versions - 1]
        return known_ats

    def at(self, valid_at: Instant, version: Version) -> Counted:
        """What counts at a valid time, as versions up to `version` tell."""
        return Counted(
            self._sums(self.sums, valid_at, version),
            self._sums(self._doubt, valid_at, version) if self._doubt.width else None,
            self._sums(self._possible, valid_at, version) if self._possible.width else None,
        )

    def changed_since(self, valid_at: Instant, version: Version, then: Counted) -> bool:
        """Whether later versions changed what `version` told of a valid time: `then`, and who had withdrawn."""
        if version >= self.version:
            return False
        return (
            self.sums.differs(valid_at, version, then.counted)
            or _differs(self._doubt, valid_at, version, then.doubt)
            or _differs(self._possible, valid_at, version, then.possible)
            or self.withdrawn_since(valid_at, version) is not None
        )

    def withdrawn_since(self, valid_at: Instant, version: Version) -> Version | None:
        """The first version after one that told that a candidate of then had withdrawn by a valid time, if any did."""
        later = bisect_right(self._withdrawals, version, key=_first)
        if later == len(self._withdrawals):
            return None
        candidates = self.contest(version).candidates
        for withdrawal in self._withdrawals[later:]:
            if withdrawal.withdrew_at <= valid_at and withdrawal.candidate in candidates:
                return withdrawal.version
        return None

    def contest(self, version: Version) -> Contest:
        """The contest and its candidates as of a version. `version` is at least 1."""
        return self._contests[bisect_right(self._contests, version, key=_first) - 1][1]

    def seen(self) -> IndexView:
        """The postings as they are now."""
        width = max(self.sums.width, self._doubt.width, self._possible.width)
        known_ats = self._known_ats.settle()[0]
        return IndexView(self.sums.rows, known_ats, width, self._doubt.rows, self._possible.rows)

    @property
    def due(self) -> bool:
        """Whether there is enough to seal."""
        return self.sums.due

    def settle(self) -> None:
        """Makes ready for `seal`: all that was appended can be read by another thread."""
        for sums in (self.sums, self._doubt, self._possible):
            _ = sums.rows

    def seal(self) -> None:
        """Arranges what is due; may run in a thread of its own."""
        for sums in (self.sums, self._doubt, self._possible):
            sums.seal()

    @property
    def nbytes(self) -> int:
        """Bytes held, nearly."""
        sums = self.sums.nbytes + self._doubt.nbytes + self._possible.nbytes
        arrays = sums + self.states.nbytes + self._known_ats.nbytes + self._histories.nbytes
        cells = self.cells.nbytes + _TOTALS_BYTES * len(self._totals)
        others = _OPEN_BYTES * len(self._open) + _WITHDRAWAL_BYTES * len(self._withdrawals)
        return arrays + cells + others + self._contests_bytes + _EMPTY_BYTES

    def _sums(self, sums: Sums, valid_at: Instant, version: Version) -> Ints:
        if version >= self.version:
            return sums.latest(valid_at)
        return sums.at(valid_at, version)

    def _post(self, entry: LedgerEntry) -> None:
        for posting, _ in entry.postings:
            cell = posting.candidate, posting.category
            total, members = self._totals.get(cell, (0, 0))
            self._totals[cell] = total + posting.delta, members + posting.members
            self.latest_valid_at = max(self.latest_valid_at, posting.valid_at)
            self.earliest_valid_at = min(self.earliest_valid_at, posting.valid_at)
        for posting, after in entry.postings:
            if self._totals[posting.candidate, posting.category] != after:
                raise ValueError(
                    f"ledger of {self.contest_id}: the counts of version {entry.version} do not add up"
                )
        self.sums.append(entry.version, entry.known_at, self._rows(posting for posting, _ in entry.postings))

    def _rows(self, postings: Iterable[Posting]) -> list[SumRow]:
        rows: list[SumRow] = []
        for valid_at, candidate, category, delta, members in postings:
            channel = 2 * self.cells.number((candidate, category))
            rows.append(SumRow(valid_at, channel, delta))
            if members:
                rows.append(SumRow(valid_at, channel + 1, members))
        return rows

    def _take_contest(self, version: Version, contest: Contest) -> None:
        self._contests.append((version, contest))
        self._contests_bytes += _CONTEST_BYTES + _CANDIDATE_BYTES * len(contest.candidates)
        opened_at = start_of(contest.opened_at, contest.timezone, "opened_at")
        self.earliest_valid_at = min(self.earliest_valid_at, opened_at)
        withdrawn = {each.candidate for each in self._withdrawals}
        for candidate in contest.candidates.values():
            # A candidate withdraws once, and for good.
            if candidate.withdrew_at is not None and candidate.id not in withdrawn:
                withdrew_at = start_of(candidate.withdrew_at, contest.timezone, "withdrew_at")
                self.latest_valid_at = max(self.latest_valid_at, withdrew_at)
                self._withdrawals.append(Withdrawal(version, candidate.id, withdrew_at))

    def _take_endorsement(self, entry: LedgerEntry, stored: bytes) -> None:
        said: dict[str, Any] = orjson.loads(stored)
        zone = self._contests[-1][1].timezone
        announced_at, retracted_at = said["announced_at"], said["retracted_at"]
        begins = NEVER if said["struck"] else start_of(announced_at, zone, "announced_at")
        ends = NEVER if retracted_at is None else start_of(retracted_at, zone, "retracted_at")
        cell = self.cells.number((said["candidate"], said["category"]))
        first = said["first_version"]
        self.states.append(
            State(
                entry.version, first, cell, begins, ends, digest(said["id"]), digest(said["endorser"]["id"])
            )
        )
        certain = is_certain(announced_at) and (retracted_at is None or is_certain(retracted_at))
        if not certain or first in self._open:
            self._leave_open(entry, first, stored, zone)

    def _leave_open(self, entry: LedgerEntry, first: int, stored: bytes, zone: str) -> None:
        """Posts the difference in what an endorsement's uncertain dates leave open."""
        was = self._open.get(first, ((), ()))
        becomes = self._open[first] = may_stand_for(decode_endorsement(stored), zone)
        for posting in (*becomes[0], *becomes[1]):
            self.latest_valid_at = max(self.latest_valid_at, posting.valid_at)
            self.earliest_valid_at = min(self.earliest_valid_at, posting.valid_at)
        for sums, before, after in zip((self._doubt, self._possible), was, becomes, strict=True):
            reversed_ = [row._replace(delta=-row.delta, members=-row.members) for row in before]
            sums.append(entry.version, entry.known_at, self._rows([*reversed_, *after]))


def _signed(history: str) -> int:
    return int.from_bytes(bytes.fromhex(history), "big", signed=True)


def _first(pair: tuple[Version, object] | Withdrawal) -> Version:
    return pair[0]


def _differs(sums: Sums, valid_at: Instant, version: Version, then: Ints | None) -> bool:
    """Whether versions after this one changed the sums of a valid time; None stands for none."""
    return bool(sums.width) and sums.differs(valid_at, version, _NO_SUMS if then is None else then)
