"""Documents written piece by piece, so that no piece takes long and none of them is large."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

from services.api.answers.documents import Document, Row, Rows, encode, flat, names
from services.api.answers.formats import FORMATS, Columns, Format, Lines, Whole
from services.api.answers.turns import Turns

# Flat rows, or rows of JSON, that are written at a time: one to three milliseconds, up to a few hundred kilobytes.
_ROWS: Final = 250
# What is sent at a time has at least so many bytes, unless it is the last.
_PIECE: Final = 1 << 16


async def pieces(document: Document, form: Format, turns: Turns) -> AsyncGenerator[bytes, None]:
    """The document in a format, in pieces; JSON without the times. Raises `Unwritable` before the first of them."""
    gathered: list[bytes] = []
    size = 0
    async for piece in _parts(document, FORMATS[form].rows, turns):
        gathered.append(piece)
        size += len(piece)
        if size >= _PIECE:
            yield b"".join(gathered)
            gathered, size = [], 0
    yield b"".join(gathered)


def _parts(document: Document, written: Lines | Whole | None, turns: Turns) -> AsyncIterator[bytes]:
    if written is None:
        return _json(document, turns)
    return (
        _lines(document, written, turns) if isinstance(written, Lines) else _whole(document, written, turns)
    )


async def _json(document: Document, turns: Turns) -> AsyncIterator[bytes]:
    before = b"{"
    for name, value in document.value.items():
        yield before + encode(name) + b":"
        before = b","
        if isinstance(value, Rows) or (isinstance(value, list) and len(value) > _ROWS):
            async for piece in _json_rows(value, turns):
                yield piece
        else:
            yield encode(value)
    yield b"}" if document.value else b"{}"


async def _json_rows(rows: Rows | Sequence[Row], turns: Turns) -> AsyncIterator[bytes]:
    before = b"["
    async for block in _blocks(rows):
        if block:
            yield before + (await turns.take(partial(encode, list(block))))[1:-1]
            before = b","
    yield b"]" if before == b"," else b"[]"


async def _lines(document: Document, written: Lines, turns: Turns) -> AsyncIterator[bytes]:
    columns: list[str] = []
    if written.head:
        columns = await _columns(document, turns)
        yield written.head(columns)
    write = partial(written.some, columns, document.raw)
    async for rows in _flat(document):
        while some := await turns.take(partial(_next, rows, write)):
            yield some


async def _whole(document: Document, written: Whole, turns: Turns) -> AsyncIterator[bytes]:
    columns: Columns = {}
    size = 0
    async for rows in _flat(document):
        while some := await turns.take(partial(_next, rows, list)):
            size = _add(columns, some, size)
    whole = await asyncio.to_thread(written.write, columns)
    for begin in range(0, len(whole), _PIECE):
        yield whole[begin : begin + _PIECE]


def _add(columns: Columns, rows: list[Row], size: int) -> int:
    """Adds rows to the columns, which have so many; how many there are then."""
    for name in names(rows):
        columns.setdefault(name, [None] * size)
    for name, values in columns.items():
        values += [row.get(name) for row in rows]
    return size + len(rows)


async def _columns(document: Document, turns: Turns) -> list[str]:
    """Every name of the rows, in the order in which they come first."""
    told = document.value[document.rows] if document.rows else None
    columns: dict[str, None] = {}
    async for rows in _flat(document):
        while some := await turns.take(partial(_next, rows, names)):
            columns |= dict.fromkeys(some)
            if isinstance(told, Rows) and told.uniform:
                return list(columns)
    return list(columns)


async def _flat(document: Document) -> AsyncIterator[Iterator[Row]]:
    """The flat rows, as an iterator for each block."""
    async for block in _blocks(document.value[document.rows] if document.rows else [document.value]):
        yield flat(block, document)


def _next(rows: Iterator[Row], write: Any) -> Any:
    """The next rows as `write` has them; nothing if there are no more."""
    some = list(islice(rows, _ROWS))
    return write(some) if some else None


async def _blocks(rows: Rows | Sequence[Row] | Iterable[Row]) -> AsyncIterator[Sequence[Row]]:
    if isinstance(rows, Rows):
        async for block in rows.blocks():
            yield block
    else:
        every = iter(rows)
        while block := list(islice(every, _ROWS)):
            yield block
