"""What was recorded, events and states of endorsements, as rows that are read while they are written."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from hashlib import blake2b
from typing import TypeVar

from services.api import views
from services.api.boards import Board
from services.api.contests import Contests
from services.api.documents import Row, Rows
from services.api.evidence import Effect
from services.api.index import Index

T = TypeVar("T")

# So many are read at a time, and so many written: of the largest there may be, ten are a megabyte.
_READ, _WRITTEN = 50, 10


def events(contests: Contests, index: Index, versions: Sequence[int]) -> Rows:
    """The events of these versions."""

    async def blocks() -> AsyncIterator[list[Row]]:
        for some in _parts(versions, _READ):
            read = await contests.recorded(index, some)
            for part in _parts(read, _WRITTEN):
                yield [views.event(one) for one in part]

    return Rows(blocks, _digest(index, versions), uniform=False)


def endorsements(contests: Contests, index: Index, versions: Sequence[int]) -> Rows:
    """The states that these versions gave their endorsements."""

    async def blocks() -> AsyncIterator[list[Row]]:
        for some in _parts(versions, _READ):
            read = await contests.endorsements(index, some)
            for part in _parts(read, _WRITTEN):
                yield [views.endorsement(one) for one in part]

    return Rows(blocks, _digest(index, versions))


def effects(
    contests: Contests,
    index: Index,
    board: Board,
    found: Sequence[Effect],
    more: Callable[[], Callable[[Effect], Row]] = lambda: lambda _: {},
) -> Rows:
    """What each of these versions recorded and what it did, and what `more` says of each in their order."""

    async def blocks() -> AsyncIterator[list[Row]]:
        told = more()
        for some in _parts(found, _READ):
            versions = [effect.version for effect in some]
            read = await contests.recorded(index, versions)
            about = await contests.endorsements(index, versions)
            for part in _parts(list(zip(some, read, about, strict=True)), _WRITTEN):
                yield [
                    {
                        **views.event(event),
                        "endorsement": views.endorsement(endorsement),
                        "effect": {
                            board.candidates[n].id: board.points(units) for n, units in effect.units.items()
                        },
                        **told(effect),
                    }
                    for effect, event, endorsement in part
                ]

    made_of = _digest(index, [effect.version for effect in found])
    return Rows(blocks, made_of + repr(found).encode(), uniform=False)


def _parts(every: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for begin in range(0, len(every), size):
        yield every[begin : begin + size]


def _digest(index: Index, versions: Sequence[int]) -> bytes:
    """These versions of this contest, in this history."""
    last = max((version for version in versions if version <= index.version), default=0)
    told = repr((index.contest_id, index.generation, list(versions), index.history_at(last)))
    return blake2b(told.encode(), digest_size=16).digest()
