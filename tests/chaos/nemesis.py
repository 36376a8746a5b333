"""The nemesis: kills and pauses processes, in an order that its seed decides."""

import asyncio
import random
import signal
from collections import Counter

from tests.chaos.processes import Deployment

# How often each is hurt, against the others; Valkey seldom, since everything else stands still without it.
_WEIGHTS = {"ingest": 4, "scorer": 5, "api": 3, "subscriber": 5, "valkey": 1}
_REST_SECONDS = (0.1, 0.7)
_PAUSE_SECONDS = (0.1, 1.5)
_REVIVED_EVERY_SECONDS = 0.1


class Nemesis:
    """Hurts a deployment until it is cancelled. `done` counts what it did."""

    def __init__(self, deployment: Deployment, seed: int) -> None:
        self._deployment = deployment
        self._random = random.Random(seed)
        self.done: Counter[str] = Counter()

    async def rage(self) -> None:
        """Goes on until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._revive())
            tasks.create_task(self._hurt())

    async def _revive(self) -> None:
        while True:
            for name in self._deployment.revive():
                self.done[f"{name.partition('-')[0]} started again"] += 1
            await asyncio.sleep(_REVIVED_EVERY_SECONDS)

    async def _hurt(self) -> None:
        draw = self._random
        while True:
            await asyncio.sleep(draw.uniform(*_REST_SECONDS))
            kind = draw.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
            victim = draw.choice(self._deployment.named(kind))
            if draw.random() < 0.5:
                self.done[f"{kind} killed"] += 1
                victim.signal(signal.SIGKILL)
            else:
                self.done[f"{kind} paused"] += 1
                victim.signal(signal.SIGSTOP)
                await asyncio.sleep(draw.uniform(*_PAUSE_SECONDS))
                victim.signal(signal.SIGCONT)

    def relent(self) -> None:
        """Leaves everything running."""
        for victim in self._deployment.victims:
            victim.signal(signal.SIGCONT)
        self._deployment.revive()
