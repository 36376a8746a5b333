"""Rebuilding a projection from the log: a new generation beside the old one, which takes over when it has caught up."""

from importlib.resources import files
from typing import Any, cast

from services.scorer.consume import Fold
from shared.log import Log
from shared.projections import Projections


async def rebuild(log: Log, projections: Projections, contest: str) -> int:
    """Builds the next generation of a contest's projection and lets it take over; its number.

    The old one answers until then.
    """
    old = await projections.generation(contest)
    new = old + 1
    await _clear(log, contest, new)
    take_over = log.redis.register_script(files("shared").joinpath("take_over.lua").read_text())
    keys = log.keys(contest)
    fold = Fold(log, projections, contest, new, oldest_change=lambda: "")
    while True:
        await fold.to_the_end()
        names = [keys.generation, keys.ledger(old), keys.state(old), keys.ledger(new)]
        if await cast(Any, take_over(names, [old, new])):
            return new


async def _clear(log: Log, contest: str, generation: int) -> None:
    """Removes what an interrupted rebuild left behind."""
    keys = log.keys(contest)
    await log.redis.unlink(keys.ledger(generation), keys.state(generation))
