"""A primary, its replicas and Sentinels: when the primary dies a replica takes over, and nothing is lost."""

import asyncio
from pathlib import Path

from tests.chaos.aftermath import Report, Storage, check
from tests.chaos.load import Load
from tests.running import standings
from tests.sentinels import Watched, watched
from tests.servers import eventually

SETTINGS = {
    "durability": "replicated",
    "replica_timeout_ms": "2000",
    "claim_after_ms": "1000",
    "log_level": "WARNING",
}


async def through(deployed: Watched, ingest: str, api: str, seconds: float) -> Report:
    """Runs the chaos suite's load while the primary dies, and checks what it left."""
    load = Load([ingest], api, seed=4)
    report = Report(seed=4)
    await load.open()
    answering = asyncio.create_task(load.run(seconds, workers=4, patience=60))
    await asyncio.sleep(seconds / 4)
    dying = deployed.primary()
    dying.kill()
    if not await answering:
        report.violations.append("commands stay without an answer")
    await asyncio.to_thread(eventually, lambda: deployed.primary() is not dying)
    with deployed.primary().client as client:
        await check(Storage(client), load, report, 60)
    return report


def test_nothing_is_lost_when_the_primary_dies_and_sentinels_let_a_replica_take_over(tmp_path: Path) -> None:
    with watched(tmp_path) as deployed, standings(deployed.url, scorers=2, **SETTINGS) as running:
        report = asyncio.run(
            through(deployed, str(running.ingest.base_url), str(running.api.base_url), seconds=12)
        )

    assert report.violations == []
    assert report.acknowledged > 50
