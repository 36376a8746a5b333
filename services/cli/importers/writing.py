"""Commands of an import, written so that the same finding always gives the same command with the same id."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from services.cli.importers.matching import ListedEndorsement
from services.cli.importers.names import digest
from services.cli.importers.snapshot_rows import SnapshotRow
from shared.domain.events import Endorser

Command = dict[str, object]
Facts = dict[str, object]


@dataclass(frozen=True, slots=True)
class CommandWriter:
    """Writes the commands of one snapshot of a table."""

    table: str
    contest: str
    known_at: str
    recorded_by: str
    taken: frozenset[str]

    def enter(self, row: SnapshotRow, entered_at: str) -> Command:
        body: Facts = {"candidate": row.candidate, "name": row.endorsee, "entered_at": entered_at}
        return self._sealed("enter", body, row)

    def announce(self, row: SnapshotRow, endorser: str) -> Command:
        body = {"endorsement": self._new_endorsement(row, endorser), **facts(row, endorser)}
        return self._sealed("announce", body, row)

    def switch(self, row: SnapshotRow, old: ListedEndorsement) -> Command:
        """The endorser goes over, with those of its own facts that changed as well."""
        changed = changes(row, old)
        body: Facts = {
            "endorsement": old.id,
            "candidate": row.candidate,
            "switched_at": row.date,
            "new_endorsement": self._new_endorsement(row, old.endorser.id),
            **{name: changed[name] for name in ("endorser", "category", "members") if name in changed},
        }
        return self._sealed("switch", body, row)

    def correct(self, row: SnapshotRow, old: ListedEndorsement) -> Command:
        """The endorsement reads as the row does, in force."""
        return self._sealed("correct", {"endorsement": old.id, **changes(row, old)}, row)

    def retract(
        self, old: ListedEndorsement, at: str, row: SnapshotRow | None = None, note: str = ""
    ) -> Command:
        return self._sealed("retract", {"endorsement": old.id, "retracted_at": at}, row, note)

    def strike(self, old: ListedEndorsement, note: str, row: SnapshotRow | None = None) -> Command:
        return self._sealed("strike", {"endorsement": old.id}, row, note)

    def _sealed(self, command: str, body: Facts, row: SnapshotRow | None, note: str = "") -> Command:
        content: Command = {
            "command": command,
            **body,
            "known_at": self.known_at,
            "recorded_by": self.recorded_by,
            "source": {"url": row.source} if row and row.source else {"title": self.table},
        }
        if note:
            content["note"] = note
        return {**content, "id": f"{self.known_at}:{command}:{digest([self.contest, content])}"}

    def _new_endorsement(self, row: SnapshotRow, endorser: str) -> str:
        # A struck endorsement keeps its id and is not among those taken: the known time tells the new one apart.
        finding = digest([self.contest, self.known_at, endorser, row.candidate, row.date])[:8]
        first = f"{endorser[:48]}.{row.candidate[:40]}.{row.date}.{finding}"
        return _free(first, self.taken)


def _free(first: str, taken: frozenset[str]) -> str:
    if first not in taken:
        return first
    number = 2
    while f"{first}-{number}" in taken:
        number += 1
    return f"{first}-{number}"


def facts(row: SnapshotRow, endorser: str) -> Facts:
    """What the row says of its endorsement, by the names that commands have for it."""
    described = Endorser(
        id=endorser, name=row.endorser, position=row.position, party=row.party, place=row.place
    )
    return {
        "endorser": asdict(described),
        "candidate": row.candidate,
        "category": row.category,
        "members": row.members,
        "announced_at": row.date,
    }


def changes(row: SnapshotRow, old: ListedEndorsement) -> Facts:
    """Those facts of the row, and that it is in force, which the recorded endorsement does not have."""
    was = asdict(old)
    is_now: Facts = {**facts(row, old.endorser.id), "retracted_at": None}
    return {name: value for name, value in is_now.items() if value != was[name]}


def earliest(rows: Iterable[SnapshotRow]) -> str:
    """The first day on which one of the rows counts."""
    return min(row.date for row in rows)
