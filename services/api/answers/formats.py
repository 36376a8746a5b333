"""Answers as documents: one value, written as JSON, or its rows as CSV, NDJSON or Parquet. Pure."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from decimal import Decimal
from itertools import chain
from typing import Any, Final, Literal, NamedTuple

import orjson

from shared.storage.codec import exact

Format = Literal["json", "csv", "ndjson", "parquet"]

MEDIA_TYPES: Final[Mapping[Format, str]] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}


Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that are made when they are written, some at a time; `blocks` begins anew each time it is called.

    What they are made of is told from everything else by `identity`. Unless they are `uniform`, some rows may have
    names that the first has not.
    """

    blocks: Callable[[], AsyncIterator[Sequence[Row]]]
    identity: bytes
    uniform: bool = True


class Document(NamedTuple):
    """An answer: its value, under which of its names the rows lie ('': it is one row), and the times that it is of.

    The times stand apart because they move with the clock while the rest stays the same. Under any of its names the
    value may have `Rows`. Where it is `raw`, text cells of its CSV are as they are, for a program to read.
    """

    value: dict[str, Any]
    rows: str
    times: Mapping[str, Mapping[str, str | None]] = {}
    raw: bool = False


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


def join(times: bytes, rest: bytes) -> bytes:
    """The JSON of two objects as one, the times first."""
    return b"%b,%b" % (times[:-1], rest[1:]) if times != b"{}" else rest


def encode(value: object) -> bytes:
    """JSON in which decimals are numbers, written exactly."""
    return orjson.dumps(value, default=exact)


def flat(rows: Iterable[Row], document: Document) -> Iterator[Row]:
    """Rows of a document without nesting, each with the moment, version and policy that it is of.

    A name within another is joined by a dot (`endorser.name`), and what is told by candidate becomes a row each.
    """
    context = dict(_context(document))
    for row in rows:
        name = next((name for name in _BY_CANDIDATE if isinstance(row.get(name), dict)), None)
        if name is None:
            yield {**context, **dict(_leaves(row))}
            continue
        rest = {**context, **dict(_leaves({key: value for key, value in row.items() if key != name}))}
        for candidate, told in row[name].items():
            more = dict(_leaves(told)) if isinstance(told, dict) else {"score": told}
            yield {**rest, "candidate": candidate, **more}


# What a row tells of several candidates.
_BY_CANDIDATE = ("scores", "moved")


def _context(document: Document) -> Iterator[tuple[str, Any]]:
    value = document.value
    if "contest" in value:
        yield "contest", value["contest"]
    if "version" in value:
        yield "as_of_version", value["version"]
    for name, time in document.times.items():
        yield name, time["instant"]
    if "policy" in value:
        yield "policy", f"{value['policy']['id']}@{value['policy']['version']}"


def _leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{at}.{name}" if at else name)
    elif isinstance(value, list):
        yield at, encode(value).decode()
    else:
        yield at, value


def names(rows: Iterable[Row]) -> list[str]:
    """Every name, in the order in which they come first."""
    return list(dict.fromkeys(chain.from_iterable(rows)))


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
