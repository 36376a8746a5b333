"""Rebuilding a projection from the log: a new generation beside the old one, which takes over when it has caught up."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any, cast

from services.scorer.consume import CHUNK, ENDORSEMENTS_KEPT, fold
from shared.log import Log
from shared.projections import Projections


async def rebuild(log: Log, projections: Projections, contest: str, progress: Callable[[int], None]) -> int:
    """Builds the next generation of a contest's projection and lets it take over; its number.

    The old one answers until then. `progress` is told each version reached.
    """
    old = await projections.generation(contest)
    new = old + 1
    await _clear(log, contest, new)
    take_over = log.redis.register_script(files("shared").joinpath("take_over.lua").read_text())
    keys = log.keys(contest)
    while True:
        await _catch_up(log, projections, contest, new, progress)
        names = [keys.generation, keys.ledger(old), keys.state(old), keys.ledger(new)]
        if await cast(Any, take_over(names, [old, new])):
            return new


async def _catch_up(
    log: Log, projections: Projections, contest: str, generation: int, progress: Callable[[int], None]
) -> None:
    book = await projections.begin(contest, generation)
    while chunk := await log.read(contest, book.version, CHUNK):
        folded = await fold(projections, contest, generation, book, chunk)
        await projections.commit(contest, generation, book, folded, oldest_change="")
        progress(book.version)
        if len(book.endorsements) > ENDORSEMENTS_KEPT:
            book = await projections.begin(contest, generation)


async def _clear(log: Log, contest: str, generation: int) -> None:
    """Removes what an interrupted rebuild left behind."""
    keys = log.keys(contest)
    await log.redis.unlink(keys.ledger(generation), keys.state(generation))
