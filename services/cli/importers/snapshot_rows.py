"""What every snapshot of a published table comes to: rows without the table's own columns."""

from dataclasses import dataclass

from services.cli.importers.names import slug

Role = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """One endorsement as a table lists it: names as they stand there, `category` a slug, `date` a day.

    `place` is "Philadelphia, PA", "PA-13", "PA" or the like, empty where the table names none.
    """

    endorser: str
    position: str
    place: str
    party: str
    endorsee: str
    source: str
    category: str
    date: str
    line: int
    members: int = 0

    @property
    def candidate(self) -> str:
        """The endorsee's id."""
        return slug(self.endorsee)

    @property
    def role(self) -> Role:
        """Name, position and place: one endorser within one snapshot, where a name alone may be two."""
        return slug(self.endorser), self.position, self.place
