"""Answers as documents: one value, written as JSON, or its rows as CSV, NDJSON or Parquet. Pure."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

import orjson

from shared.codec import exact

Format = Literal["json", "csv", "ndjson", "parquet"]

MEDIA_TYPES: Final[Mapping[Format, str]] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}


class Document(NamedTuple):
    """An answer: its value, under which of its names the rows lie ('': it is one row), and the times that it is of.

    The times stand apart because they move with the clock while the rest stays the same.
    """

    value: dict[str, Any]
    rows: str
    times: Mapping[str, Mapping[str, str | None]] = {}


@dataclass(frozen=True, slots=True)
class Unwritable(Exception):
    """The format needs a package that is not installed."""

    format: str
    package: str


def write(document: Document, form: Format) -> bytes:
    """The document in a format. Raises `Unwritable`."""
    if form == "json":
        return join(encode(document.times), encode(document.value))
    rows = list(flat(document))
    if form == "ndjson":
        return b"".join(encode(row) + b"\n" for row in rows)
    return _csv(rows) if form == "csv" else _parquet(rows)


def join(times: bytes, rest: bytes) -> bytes:
    """The JSON of two objects as one, the times first."""
    return b"%b,%b" % (times[:-1], rest[1:]) if times != b"{}" else rest


def encode(value: object) -> bytes:
    """JSON in which decimals are numbers, written exactly."""
    return orjson.dumps(value, default=exact)


def flat(document: Document) -> Iterator[dict[str, Any]]:
    """The rows without nesting, each with the moment, version and policy that it is of.

    A name within another is joined by a dot (`endorser.name`), and what is told by candidate becomes a row each.
    """
    context = dict(_context(document))
    for row in document.value[document.rows] if document.rows else [document.value]:
        for one in _by_candidate(row):
            yield {**context, **dict(_leaves(one))}


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


def _by_candidate(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A row for every candidate where a row tells of several."""
    for name in ("scores", "moved"):
        if isinstance(row.get(name), dict):
            rest = {key: value for key, value in row.items() if key != name}
            for candidate, told in row[name].items():
                yield {
                    **rest,
                    "candidate": candidate,
                    **(told if isinstance(told, dict) else {"score": told}),
                }
            return
    yield row


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


def _columns(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every name, in the order in which they come first."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, _columns(rows), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise Unwritable("parquet", "pyarrow") from None
    names = _columns(rows)
    table = pa.table({name: _values(pa, [row.get(name) for row in rows]) for name in names})
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _values(pa: Any, values: list[Any]) -> Any:
    """A column; whole numbers and decimals together are decimals."""
    if any(isinstance(value, Decimal) for value in values):
        values = [Decimal(value) if isinstance(value, int) else value for value in values]
    return pa.array(values)
