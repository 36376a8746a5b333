"""The formats that documents are written in: JSON, or their rows as CSV, NDJSON or Parquet. Pure."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

from services.api.answers.documents import Document, Row, encode, flat, join, names

Format = Literal["json", "csv", "ndjson", "parquet"]

MEDIA_TYPES: Final[Mapping[Format, str]] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}


@dataclass(frozen=True, slots=True)
class Unwritable(Exception):
    """The format needs a package that is not installed."""

    format: str
    package: str


def write(document: Document, form: Format) -> bytes:
    """A document without `Rows` in a format, at once. Raises `Unwritable`."""
    if form == "json":
        return join(encode(document.times), encode(document.value))
    rows = list(flat(document.value[document.rows] if document.rows else [document.value], document))
    if form == "ndjson":
        return ndjson(rows)
    columns = names(rows)
    if form == "parquet":
        return parquet(by_column(columns, rows))
    return csv_header(columns) + csv_lines(columns, document.raw, rows)


def ndjson(rows: Iterable[Row]) -> bytes:
    """A line of JSON for each row."""
    return b"".join(encode(row) + b"\n" for row in rows)


def csv_header(columns: Sequence[str]) -> bytes:
    """The line of the columns' names, none of which comes from outside."""
    return _csv([columns])


def csv_lines(columns: Sequence[str], raw: bool, rows: Sequence[Row]) -> bytes:
    """A line of these columns for each row. Unless it is raw, what a spreadsheet takes for a formula is quoted."""
    # By columns, which are of one type mostly: to look at each cell by itself takes twice as long.
    return _csv(zip(*(_cells([row.get(name) for row in rows], raw) for name in columns), strict=True))


def _csv(lines: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(lines)
    return text.getvalue().encode()


def _cells(values: list[Any], raw: bool) -> list[Any]:
    """A column's values as CSV has them."""
    kinds = set(map(type, values))
    if str in kinds and not raw:
        values = [f"'{one}" if isinstance(one, str) and one[:1] in _FORMULA else one for one in values]
    if Decimal in kinds:
        values = [f"{one:f}" if isinstance(one, Decimal) else one for one in values]
    if bool in kinds:
        values = [_TRUTH[one] if isinstance(one, bool) else one for one in values]
    return values


_TRUTH = ("false", "true")
# Text that begins so is a formula to a spreadsheet. Source: OWASP, CSV Injection; for the full-width forms, which are
# formulas where Japanese is set, issue 1088 of its pages (OWASP/www-community).
_FORMULA: Final = frozenset(
    "=+-@\t\r\n"
    "\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}"
)


Columns = dict[str, list[Any]]


def by_column(columns: Iterable[str], rows: Sequence[Row]) -> Columns:
    """The rows' values by column."""
    return {name: [row.get(name) for row in rows] for name in columns}


def parquet(columns: Columns) -> bytes:
    """A Parquet file of these columns. Raises `Unwritable`."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise Unwritable("parquet", "pyarrow") from None
    table = pa.table({name: _values(pa, values) for name, values in columns.items()})
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _values(pa: Any, values: list[Any]) -> Any:
    """A column; whole numbers and decimals together are decimals."""
    if any(isinstance(value, Decimal) for value in values):
        values = [Decimal(value) if isinstance(value, int) else value for value in values]
    return pa.array(values)
