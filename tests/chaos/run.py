"""One run: load and nemesis together, then quiet, then the checker."""

import asyncio
from pathlib import Path

from redis import Redis

from shared.runtime.tasks import end
from tests.chaos.aftermath import Report, Storage, check, check_emptied, check_notes
from tests.chaos.load import Load
from tests.chaos.nemesis import Nemesis
from tests.chaos.processes import Deployment, Setup, deployed

_WORKERS = 6


def run(setup: Setup, seconds: float, directory: Path) -> Report:
    """Runs chaos for so long and checks."""
    with deployed(setup, directory) as deployment:
        return asyncio.run(_run(setup, seconds, deployment))


async def _run(setup: Setup, seconds: float, deployment: Deployment) -> Report:
    load = Load(deployment.ingests, deployment.api, setup.seed)
    nemesis = Nemesis(deployment, setup.seed)
    await load.open()
    files = deployment.subscribe()
    raging = None if setup.calm else asyncio.create_task(nemesis.rage())
    try:
        answered = await load.run(seconds, _WORKERS, setup.patience)
    finally:
        if raging is not None:
            await end(raging)
            nemesis.relent()
    report = Report(setup.seed, unanswered=load.silent, hurt=nemesis.done)
    if not answered:
        report.violations.append("commands stay without an answer")
    keeping = asyncio.create_task(_keep_alive(deployment, setup))
    with Redis.from_url(deployment.redis_url) as redis:
        await check(Storage(redis), load, report, setup.patience)
        if not report.violations:
            await asyncio.to_thread(check_notes, redis, files, report, setup.patience)
        if not report.violations:
            await asyncio.to_thread(check_emptied, Storage(redis), load.api, report)
    await end(keeping)
    return report


async def _keep_alive(deployment: Deployment, setup: Setup) -> None:
    """Services may still die at their points."""
    while not setup.calm:
        deployment.revive()
        await asyncio.sleep(0.1)
