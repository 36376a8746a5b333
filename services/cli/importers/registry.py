"""Every format that files are imported from. A new one is a module and its line here."""

from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple

from services.cli.importers import fivethirtyeight
from services.cli.importers.rows import BadRow
from services.cli.importers.snapshot_rows import SnapshotRow
from services.cli.importers.table import Read, read_csv, read_ndjson

Format = Literal["fivethirtyeight-2020", "csv", "ndjson"]


class Snapshots(NamedTuple):
    """A table that somebody publishes, of which files are snapshots: what changed between two of them is recorded.

    `read` gives a text's rows, and what is wrong with those that cannot be read; it raises `TooManyBadRows`.
    `known_at_of` gives the day that a file's name tells, None if it tells none.
    """

    table: str
    read: Callable[[str], tuple[list[SnapshotRow], list[BadRow]]]
    known_at_of: Callable[[str], str | None]


class Tables(NamedTuple):
    """Files of commands: `read` takes a text, or the bytes where it is not `of_text`."""

    read: Callable[..., Read]
    of_text: bool


IMPORTERS: Final[Mapping[Format, Snapshots | Tables]] = {
    "fivethirtyeight-2020": Snapshots(
        fivethirtyeight.TABLE, fivethirtyeight.read, fivethirtyeight.known_at_of
    ),
    "csv": Tables(read_csv, of_text=True),
    "ndjson": Tables(read_ndjson, of_text=False),
}
