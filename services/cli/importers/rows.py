"""The records of a CSV text with the lines they stand on, and what is wrong with those that cannot be read."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

MOST_COLUMNS: Final = 100
# With more, it is another table than was said, and what is wrong with it is not told row by row.
MOST_BAD: Final = 10_000


@dataclass(frozen=True, slots=True)
class BadRow:
    """A value that cannot be read: the line it stands on (from 1), its column, itself, and why not.

    `column` is the column's name, or "" where the whole line is meant; in NDJSON it is the character's number.
    """

    line: int
    column: str
    value: str
    reason: str


class TooManyBadRows(Exception):
    """So much of a file cannot be read that none of it is."""


def refuse_too_many(bad: list[BadRow]) -> None:
    """Raises `TooManyBadRows`."""
    if len(bad) > MOST_BAD:
        raise TooManyBadRows(
            f"more than {MOST_BAD:,} values cannot be read up to line {bad[-1].line}; the first, in line "
            f"{bad[0].line}: {bad[0].reason}"
        )


class CsvRecord(NamedTuple):
    """One record: the line on which it begins, and its cells without surrounding white space."""

    line: int
    cells: list[str]


def records(text: str) -> Iterator[CsvRecord | BadRow]:
    """Every record that is not blank; a BadRow ends them, since after it no cell can be told from another."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield CsvRecord(line, stripped)
            line = reader.line_num + 1
    except csv.Error as error:
        yield BadRow(line, "", "", f"this is not CSV: {error}")


def wrong_columns(header: CsvRecord) -> list[BadRow]:
    """What is wrong with a header whatever its columns are called: they are too many, or one is there twice."""
    if len(header.cells) > MOST_COLUMNS:
        return [
            BadRow(
                header.line,
                "",
                "",
                f"the header has {len(header.cells)} columns, and {MOST_COLUMNS} is the most",
            )
        ]
    twice = sorted(name for name, times in Counter(header.cells).items() if times > 1)
    return [BadRow(header.line, name, name, "the header has this column twice") for name in twice]


def named(record: CsvRecord, header: list[str]) -> dict[str, str] | BadRow:
    """The record's cells by the names in the header."""
    if len(record.cells) == len(header):
        return dict(zip(header, record.cells, strict=True))
    return BadRow(
        record.line,
        "",
        ",".join(record.cells),
        f"{len(record.cells)} cells stand under {len(header)} columns",
    )
