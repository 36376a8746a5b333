"""How fast a scorer folds a log into a committed ledger, and a rebuild into a new generation."""

import asyncio
import time

import uvloop

from services.scorer.folder import Folder
from services.scorer.rebuild import Rebuild
from shared.projection.projections import Projections
from shared.runtime.present import now
from shared.runtime.settings import Settings
from shared.storage.connections import connect
from shared.storage.log import Log
from shared.values.policies import Policies
from tests.benchmarks.events import CONTEST
from tests.benchmarks.writing import fill


def scorer(url: str, events: int) -> tuple[float, float]:
    """Events a second of a drain from the log to the committed ledger, and of a rebuild of the same log."""
    asyncio.run(fill(url, events))
    return uvloop.run(_fold(url, events))


async def _fold(url: str, events: int) -> tuple[float, float]:
    client = connect(Settings(redis_url=url))
    log = Log(client, 1)
    projections = Projections(client, log)
    folder = Folder(log, projections, now, 1, Policies())
    began = time.perf_counter()
    await folder.drain(CONTEST)
    folded = time.perf_counter()
    await Rebuild(log, projections, time.time_ns() // 1000).take_over(CONTEST)
    rebuilt = time.perf_counter()
    await client.aclose()
    return events / (folded - began), events / (rebuilt - folded)
