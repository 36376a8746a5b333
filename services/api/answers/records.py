"""What was recorded, events and states of endorsements, as rows that are read while they are written."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from hashlib import blake2b
from typing import TypeVar

from services.api.answers import views
from services.api.answers.documents import Row, Rows, encode
from services.api.engine.attribution import VersionEffect
from services.api.engine.boards import Board
from services.api.engine.index import Index
from services.api.live.contests import Contests
from services.api.live.stride import Stride
from shared.domain.events import Version

T = TypeVar("T")

# Of the pieces that subscribers are sent, so many are read at a time: a question for each takes longer than its rows.
_PIECES = 4


def events(contests: Contests, index: Index, versions: Sequence[int]) -> Rows:
    """The events of these versions."""

    async def rows(some: Sequence[int]) -> list[Row]:
        return [views.event(recorded) for recorded in await contests.recorded(index, some)]

    return Rows(lambda: _blocks(versions, rows), _digest(index, versions), uniform=False)


def endorsements(contests: Contests, index: Index, versions: Sequence[int]) -> Rows:
    """The states that these versions gave their endorsements."""

    async def rows(some: Sequence[int]) -> list[Row]:
        return [views.endorsement(endorsement) for endorsement in await contests.endorsements(index, some)]

    return Rows(lambda: _blocks(versions, rows), _digest(index, versions))


def effects(
    contests: Contests,
    index: Index,
    board: Board,
    shown: Sequence[VersionEffect],
    more: Callable[[], Callable[[VersionEffect], Row]] = lambda: lambda _: {},
) -> Rows:
    """What each of these versions recorded and what it did, and what `more` says of each in their order."""

    def blocks() -> AsyncIterator[list[Row]]:
        told = more()

        async def rows(some: Sequence[VersionEffect]) -> list[Row]:
            versions = [effect.version for effect in some]
            read = await contests.recorded(index, versions)
            about = await contests.endorsements(index, versions)
            return [
                {
                    **views.event(event),
                    "endorsement": views.endorsement(endorsement),
                    "effect": {
                        board.candidates[n].id: board.points(units) for n, units in effect.units.items()
                    },
                    **told(effect),
                }
                for effect, event, endorsement in zip(some, read, about, strict=True)
            ]

        return _blocks(shown, rows)

    made_of = _digest(index, [effect.version for effect in shown])
    return Rows(blocks, made_of + repr(shown).encode(), uniform=False)


async def _blocks(
    every: Sequence[T], rows: Callable[[Sequence[T]], Awaitable[list[Row]]]
) -> AsyncIterator[list[Row]]:
    """The rows of these in blocks of about half a megabyte, as the first and last row of the one before tell."""
    stride = Stride()
    begin = 0
    while begin < len(every):
        block = await rows(every[begin : begin + stride.count])
        yield block
        begin += len(block)
        row = max(len(encode(block[0])), len(encode(block[-1])))
        stride.took(len(block), len(block) * row // _PIECES)


def _digest(index: Index, versions: Sequence[int]) -> bytes:
    """These versions of this contest, in this history."""
    last = Version(max((version for version in versions if version <= index.version), default=0))
    told = repr((index.contest_id, index.generation, list(versions), index.history_at(last)))
    return blake2b(told.encode(), digest_size=16).digest()
