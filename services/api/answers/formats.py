"""The formats that documents are written in: JSON, or their rows as CSV, NDJSON or Parquet. Pure."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

from services.api.answers.documents import Document, Row, encode, flat, join, names

# The names by which formats are asked for. A new one is named here, and told in `FORMATS` at the end.
Format = Literal["json", "csv", "ndjson", "parquet"]
Columns = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Unwritable(Exception):
    """The format needs a package that is not installed."""

    format: str
    package: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Rows that are written one after the other, some at a time, behind a head that may name the columns."""

    some: Callable[[Sequence[str], bool, Sequence[Row]], bytes]
    head: Callable[[Sequence[str]], bytes] | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """Rows that are written all at once, by column. Raises `Unwritable`."""

    write: Callable[[Columns], bytes]


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """How a format is asked for and written. Without `rows` it is the document's own: JSON.

    `also` are other media types that ask for it; what is no text is neither packed nor shown in a terminal.
    """

    media_type: str
    suffixes: tuple[str, ...]
    rows: Lines | Whole | None
    also: tuple[str, ...] = ()
    is_text: bool = True


def write(document: Document, form: Format) -> bytes:
    """A document without `Rows` in a format, at once. Raises `Unwritable`."""
    written = FORMATS[form].rows
    if written is None:
        return join(encode(document.times), encode(document.value))
    rows = list(flat(document.value[document.rows] if document.rows else [document.value], document))
    if isinstance(written, Whole):
        return written.write(by_column(names(rows), rows))
    columns = names(rows) if written.head else []
    return (written.head(columns) if written.head else b"") + written.some(columns, document.raw, rows)


def _ndjson(columns: Sequence[str], raw: bool, rows: Sequence[Row]) -> bytes:  # noqa: ARG001 - as `Lines`
    """A line of JSON for each row."""
    return b"".join(encode(row) + b"\n" for row in rows)


def _csv_header(columns: Sequence[str]) -> bytes:
    """The line of the columns' names, none of which comes from outside."""
    return _csv([columns])


def _csv_lines(columns: Sequence[str], raw: bool, rows: Sequence[Row]) -> bytes:
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
        values = [
            f"'{value}" if isinstance(value, str) and value[:1] in _FORMULA else value for value in values
        ]
    if Decimal in kinds:
        values = [f"{value:f}" if isinstance(value, Decimal) else value for value in values]
    if bool in kinds:
        values = [_TRUTH[value] if isinstance(value, bool) else value for value in values]
    return values


_TRUTH = ("false", "true")
# Text that begins so is a formula to a spreadsheet. Source: OWASP, CSV Injection; for the full-width forms, which are
# formulas where Japanese is set, issue 1088 of its pages (OWASP/www-community).
_FORMULA: Final = frozenset(
    "=+-@\t\r\n"
    "\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}"
)


def by_column(columns: Iterable[str], rows: Sequence[Row]) -> Columns:
    """The rows' values by column."""
    return {name: [row.get(name) for row in rows] for name in columns}


def _parquet(columns: Columns) -> bytes:
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


FORMATS: Final[Mapping[Format, AnswerFormat]] = {
    # A browser asks for text/html first, and is shown JSON.
    "json": AnswerFormat(
        "application/json", (".json",), None, also=("application/problem+json", "text/html")
    ),
    "csv": AnswerFormat("text/csv; charset=utf-8", (".csv",), Lines(_csv_lines, _csv_header)),
    "ndjson": AnswerFormat(
        "application/x-ndjson", (".ndjson", ".jsonl"), Lines(_ndjson), also=("application/jsonl",)
    ),
    "parquet": AnswerFormat(
        "application/vnd.apache.parquet",
        (".parquet",),
        Whole(_parquet),
        also=("application/x-parquet",),
        is_text=False,
    ),
}
"""Every format, the one that is taken where any will do first."""
