"""What a snapshot of the table says that is not recorded yet, as commands.

The difference between the recorded endorsements and the snapshot's rows. An empty list means: nothing to tell.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from services.cli.importers.matching import ListedEndorsement, endorser_ids, listed
from services.cli.importers.snapshot_rows import SnapshotRow
from services.cli.importers.writing import Command, CommandWriter, changes, earliest
from shared.domain.times import start_of

Mode = Literal["mirror", "history"]


def commands(
    rows: Sequence[SnapshotRow],
    current: Iterable[Mapping[str, Any]],
    candidates: Collection[str],
    *,
    table: str,
    contest: str,
    known_at: str,
    mode: Mode,
    recorded_by: str,
) -> list[Command]:
    """Commands after which the endorsements in force are exactly the rows'; none where they are already.

    `rows` are as the table's importer gives them, `table` is how it is cited, `current` is every endorsement that
    was not struck, as the API lists it with state=all, `candidates` the ids of those who entered. `mirror`
    rewrites the past as the file has it: what changed is corrected, what vanished is struck. `history` keeps it:
    an endorser who changed switches, what vanished is retracted at `known_at`. Raises `ValueError` where two rows
    are of one endorser and candidate.
    """
    recorded = [listed(answer) for answer in current]
    write = CommandWriter(
        table, contest, known_at, recorded_by, frozenset(listing.id for listing in recorded)
    )
    ids = endorser_ids(rows, recorded)
    theirs: dict[str, list[SnapshotRow]] = defaultdict(list)
    for row in rows:
        theirs[ids[row.role]].append(row)
    mine: dict[str, list[ListedEndorsement]] = defaultdict(list)
    for listing in recorded:
        mine[listing.endorser.id].append(listing)
    made = _entries(rows, candidates, write)
    for endorser in _in_order_of_day(theirs, mine):
        made += _Difference(endorser, tuple(mine[endorser]), write, mode).commands(theirs[endorser])
    return made


def _entries(rows: Sequence[SnapshotRow], candidates: Collection[str], write: CommandWriter) -> list[Command]:
    named: dict[str, list[SnapshotRow]] = defaultdict(list)
    for row in rows:
        named[row.candidate].append(row)
    return [
        write.enter(backers[0], earliest(backers))
        for candidate, backers in sorted(named.items())
        if candidate not in candidates
    ]


def _in_order_of_day(
    theirs: Mapping[str, list[SnapshotRow]], mine: Mapping[str, list[ListedEndorsement]]
) -> list[str]:
    vanished = sorted(mine.keys() - theirs.keys())
    return sorted(theirs, key=lambda endorser: (earliest(theirs[endorser]), endorser)) + vanished


@dataclass(frozen=True, slots=True)
class _Difference:
    """Between one endorser's recorded endorsements and the rows."""

    endorser: str
    recorded: tuple[ListedEndorsement, ...]
    write: CommandWriter
    mode: Mode

    @property
    def _gone(self) -> str:
        return f"no longer listed in the {self.write.table}"

    @property
    def _another_stands(self) -> str:
        return f"the {self.write.table} lists one endorsement where two were recorded"

    def commands(self, rows: list[SnapshotRow]) -> list[Command]:
        """First what stays with its candidate, then who went elsewhere, then what began or vanished."""
        wanted = {row.candidate: row for row in rows}
        if len(wanted) != len(rows):
            raise ValueError(f"two rows are of endorser {self.endorser!r} and one candidate")
        active = {listing.candidate: listing for listing in self.recorded if listing.active}
        made: list[Command] = []
        for candidate in sorted(wanted.keys() & active.keys()):
            made += self._rewritten(wanted.pop(candidate), active.pop(candidate))
        came = sorted(wanted.values(), key=lambda row: (row.date, row.candidate))
        left = sorted(active.values(), key=lambda listing: (_counts_from(listing.announced_at), listing.id))
        went_over = min(len(came), len(left))
        for row, old in zip(came, left, strict=False):
            made += self._went_over(row, old)
        for old in left[went_over:]:
            made.append(self._vanished(old))
        for row in came[went_over:]:
            made += self._begun(row)
        return made

    def _rewritten(self, row: SnapshotRow, old: ListedEndorsement) -> list[Command]:
        changed = changes(row, old)
        if not changed:
            return []
        # Corrected in place it would overlap an earlier one for the same candidate: that one goes on instead.
        if changed.keys() & {"candidate", "announced_at"} and self._in_the_way(row):
            return [self.write.strike(old, self._another_stands, row), *self._begun(row)]
        return [self.write.correct(row, old)]

    def _went_over(self, row: SnapshotRow, old: ListedEndorsement) -> list[Command]:
        if self.mode == "mirror" or _counts_from(row.date) < _counts_from(old.announced_at):
            return self._rewritten(row, old)
        if self._in_the_way(row):
            return [self.write.retract(old, row.date, row), *self._begun(row)]
        return [self.write.switch(row, old)]

    def _vanished(self, old: ListedEndorsement) -> Command:
        if self.mode == "mirror":
            return self.write.strike(old, self._gone)
        return self.write.retract(old, self.write.known_at, note=self._gone)

    def _begun(self, row: SnapshotRow) -> list[Command]:
        """Announced; or, where it overlaps one that was recorded as ended, that one goes on."""
        in_the_way = self._in_the_way(row)
        if not in_the_way:
            return [self.write.announce(row, self.endorser)]
        *others, last = in_the_way
        return [
            *(self.write.strike(old, self._another_stands, row) for old in others),
            self.write.correct(row, last),
        ]

    def _in_the_way(self, row: SnapshotRow) -> list[ListedEndorsement]:
        """Ended ones of the same candidate that reach beyond the row's day, in order of their ends."""
        reaching = [
            (ends, old.id, old)
            for old in self.recorded
            if old.candidate == row.candidate
            and old.retracted_at is not None
            and (ends := _counts_from(old.retracted_at)) > _counts_from(row.date)
        ]
        return [old for _, _, old in sorted(reaching, key=lambda entry: entry[:2])]


def _counts_from(text: str) -> int:
    # As text, `2019-04?` would sort after every day of that month. The table knows days only, in no zone.
    return start_of(text, "UTC")
