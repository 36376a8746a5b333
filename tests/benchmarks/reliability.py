"""What promises cost: appending at each level of durability, on servers of their own over loopback."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from shared.runtime.settings import Settings
from shared.storage.connections import connect
from shared.storage.log import Log, NewEvent, Replicas
from tests.benchmarks.events import CONTEST, announcement
from tests.valkeys import replica_of, valkey

BATCHES = (1, 100, 1000)


class Level(NamedTuple):
    """Events a second at one level of durability, by size of batch."""

    name: str
    a_second: dict[int, float]


def levels(events: int) -> Iterator[Level]:
    """Each level: memory (the server writes its file when it likes), fsync, and fsync with a replica that has it."""
    with TemporaryDirectory() as directory, ExitStack() as stack:
        root = Path(directory)
        lazy = stack.enter_context(valkey(root / "lazy", "--appendfsync", "no"))
        durable = stack.enter_context(valkey(root / "durable"))
        primary = stack.enter_context(valkey(root / "primary"))
        stack.enter_context(replica_of(primary, root / "replica"))
        for name, url, replicas in (
            ("memory", lazy.url, None),
            ("fsync", durable.url, None),
            ("replicated, one replica on the same machine", primary.url, Replicas(1, 1000)),
        ):
            yield Level(name, {size: asyncio.run(_append(url, events, size, replicas)) for size in BATCHES})


async def _append(url: str, events: int, batch: int, replicas: Replicas | None) -> float:
    client = connect(Settings(redis_url=url))
    await client.flushall()
    log = Log(client, 1, replicas)
    number = min(events, batch * 2000)
    new = [NewEvent(f"event-{n}", announcement(n)) for n in range(number)]
    began = time.perf_counter()
    for first in range(0, number, batch):
        await log.append(CONTEST, first, new[first : first + batch])
    took = time.perf_counter() - began
    await client.aclose()
    return number / took
