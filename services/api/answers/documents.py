"""Answers as documents: one value, and the rows in it. Pure."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from itertools import chain
from typing import Any, NamedTuple

import orjson

from shared.storage.codec import exact

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
        yield "as_of_version", value.get("as_of_version", value["version"])
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
