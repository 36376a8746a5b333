"""One snapshot of FiveThirtyEight's 2020 endorsement table, read into rows."""

import re
from decimal import Decimal, InvalidOperation

from services.cli.importers.rows import (
    MOST_COLUMNS,
    BadRow,
    CsvRecord,
    named,
    records,
    refuse_too_many,
    wrong_columns,
)
from services.cli.importers.snapshot_rows import Role, SnapshotRow
from shared.domain.errors import UnreadableTime
from shared.domain.times import start_of
from shared.values.policies import Policies

_POLICY = Policies().find("fivethirtyeight-2020")
TABLE = "FiveThirtyEight endorsement table"
COLUMNS = (
    "date",
    "position",
    "city",
    "state",
    "endorser",
    "endorsee",
    "endorser party",
    "source",
    "order",
    "category",
    "body",
    "district",
    "points",
)

# Source: FiveThirtyEight's published 2020 endorsement table, column `category` (CC BY 4.0).
CATEGORIES = {
    "Past presidents and vice presidents": "past-president",
    "Current party leaders": "party-leader",
    "Governors": "governor",
    "Senators": "senator",
    "Past nominees": "past-nominee",
    "Former party leaders": "former-party-leader",
    "Candidates who have dropped out": "former-candidate",
    "Representatives": "representative",
    "Mayors": "mayor",
    "Statewide officeholders": "statewide-officeholder",
    "State legislative leaders": "state-legislative-leader",
    "DNC members": "dnc-member",
}

_AS_OF = re.compile(r"as-of-(\d{4}-\d{2}-\d{2})\.csv$")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_AT_LARGE = "0"


def known_at_of(filename: str) -> str | None:
    """The day in a name that ends in `as-of-YYYY-MM-DD.csv`."""
    match = _AS_OF.search(filename)
    return match[1] if match and _reason_against_day(match[1]) is None else None


def read(text: str) -> tuple[list[SnapshotRow], list[BadRow]]:
    """The rows that have an endorsee, and what is wrong with those that cannot be read.

    Categories are slugs of the policy `fivethirtyeight-2020`. No two of the rows are of the same endorser in the
    same role for the same endorsee: the later one is bad. Raises `TooManyBadRows`.
    """
    rest = records(text)
    header = next(rest, BadRow(1, "", "", "the file is empty"))
    if isinstance(header, BadRow):
        return [], [header]
    if bad := _wrong_header(header):
        return [], bad
    rows: list[SnapshotRow] = []
    for record in rest:
        read_row, wrong = _row(record, header.cells)
        bad += wrong
        refuse_too_many(bad)
        rows += [read_row] if read_row else []
    return _without_repeats(rows, bad)


def _wrong_header(header: CsvRecord) -> list[BadRow]:
    twice = wrong_columns(header)
    if len(header.cells) > MOST_COLUMNS:
        return twice
    return (
        [
            BadRow(header.line, name, "", "the header lacks this column")
            for name in COLUMNS
            if name not in header.cells
        ]
        + [
            BadRow(header.line, name, name, "this table has no such column")
            for name in header.cells
            if name not in COLUMNS
        ]
        + twice
    )


def _row(record: CsvRecord | BadRow, header: list[str]) -> tuple[SnapshotRow | None, list[BadRow]]:
    cells = record if isinstance(record, BadRow) else named(record, header)
    if isinstance(cells, BadRow):
        return None, [cells]
    if not cells["endorsee"]:
        return None, []
    wrong = [
        BadRow(record.line, column, cells[column], reason)
        for column, reason in (
            ("endorser", None if cells["endorser"] else "an endorsement needs its endorser"),
            ("date", _reason_against_day(cells["date"])),
            ("category", _reason_against_category(cells["category"])),
            ("points", _reason_against_points(cells["points"], cells["category"])),
        )
        if reason
    ]
    return (None, wrong) if wrong else (_made(cells, record.line), [])


def _made(cells: dict[str, str], line: int) -> SnapshotRow:
    party = cells["endorser party"]
    return SnapshotRow(
        endorser=cells["endorser"],
        position=cells["position"],
        place=_place(cells["city"], cells["state"], cells["district"]),
        party="" if party == '""' else party,
        endorsee=cells["endorsee"],
        source=cells["source"],
        category=CATEGORIES[cells["category"]],
        date=cells["date"],
        line=line,
    )


def _place(city: str, state: str, district: str) -> str:
    """As "Philadelphia, PA", "PA-13", "VT-AL" or "PA"; empty where the table names none."""
    if city:
        return ", ".join(filter(None, (city, state)))
    return "-".join(filter(None, (state, "AL" if district == _AT_LARGE else district)))


def _reason_against_day(text: str) -> str | None:
    if not text:
        return "an endorsement needs its date"
    if not _DAY.fullmatch(text):
        return "a day is written YYYY-MM-DD"
    try:
        start_of(text, "UTC", "date")
    except UnreadableTime as error:
        return error.detail
    return None


def _reason_against_category(category: str) -> str | None:
    return None if category in CATEGORIES else f"the categories are {', '.join(CATEGORIES)}"


def _reason_against_points(points: str, category: str) -> str | None:
    if not points or category not in CATEGORIES:
        return None
    expected = _POLICY.weights[CATEGORIES[category]]
    try:
        agrees = Decimal(points) == expected
    except InvalidOperation:
        agrees = False
    return None if agrees else f"{category} count {expected} in policy {_POLICY.id}"


def _without_repeats(rows: list[SnapshotRow], bad: list[BadRow]) -> tuple[list[SnapshotRow], list[BadRow]]:
    first: dict[tuple[Role, str], SnapshotRow] = {}
    for row in rows:
        kept = first.setdefault((row.role, row.candidate), row)
        if kept is not row:
            bad.append(BadRow(row.line, "endorser", row.endorser, f"this repeats line {kept.line}"))
    return list(first.values()), sorted(bad, key=lambda wrong: wrong.line)
