"""How fast events come in: a bare pipeline of XADD, the log's append, and ingest over HTTP."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import httpx
import redis

from shared.runtime.settings import Settings
from shared.storage.codec import encode_event, type_of
from shared.storage.connections import connect
from shared.storage.log import Log, NewEvent
from tests.benchmarks.events import CONTEST, announcement, command, opening
from tests.running import NDJSON


def pipeline(url: str, events: int, batch: int = 1000) -> float:
    """Events a second of redis-py's pipeline of XADD, the same fields as a log entry has, written to disk."""
    client = redis.Redis.from_url(url)
    client.flushall()
    bodies = [(f"event-{n}", type_of(announcement(n)), encode_event(announcement(n))) for n in range(events)]
    began = time.perf_counter()
    for first in range(0, events, batch):
        pipe = client.pipeline(transaction=False)
        for n in range(first, min(first + batch, events)):
            id_, kind, data = bodies[n]
            fields = {"id": id_, "type": kind, "known_at": "2019-01-01T00:00:00.000000Z", "data": data}
            pipe.xadd("raw", fields, id=f"{n + 1}-0")  # type: ignore[arg-type]
        pipe.execute()
    return events / (time.perf_counter() - began)


def append(url: str, events: int, batch: int) -> float:
    """Events a second of the log's append in batches of this size."""
    return asyncio.run(_append(url, events, batch))


async def _append(url: str, events: int, batch: int) -> float:
    client = connect(Settings(redis_url=url))
    await client.flushall()
    log = Log(client, 1)
    new = [NewEvent(f"event-{n}", announcement(n)) for n in range(events)]
    began = time.perf_counter()
    for first in range(0, events, batch):
        await log.append(CONTEST, first, new[first : first + batch])
    took = time.perf_counter() - began
    await client.aclose()
    return events / took


async def fill(url: str, events: int) -> None:
    """A log of this many announcements, and no projection."""
    client = connect(Settings(redis_url=url))
    await client.flushall()
    log = Log(client, 1)
    new = [NewEvent(f"opening-{n}", event) for n, event in enumerate(opening())]
    version = (await log.append(CONTEST, 0, new)).version
    for first in range(0, events, 1000):
        chunk = [NewEvent(f"event-{n}", announcement(n)) for n in range(first, min(first + 1000, events))]
        version = (await log.append(CONTEST, version, chunk)).version
    await client.aclose()


class Running(NamedTuple):
    """A service as a process."""

    address: str
    pid: int


@contextmanager
def service(name: str, url: str, port: int) -> Iterator[Running]:
    """One service as a process of its own, once it is ready."""
    environment = {
        **os.environ,
        "STANDINGS_REDIS_URL": url,
        f"STANDINGS_{name.upper()}_PORT": str(port),
        "STANDINGS_LOG_LEVEL": "WARNING",
    }
    process = subprocess.Popen([sys.executable, "-m", "services.cli", name], env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        _until_ready(address, process)
        yield Running(address, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _until_ready(address: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{address}/readyz").status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise RuntimeError(f"{address} did not get ready")


def http_batch(url: str, events: int, lines: int, port: int) -> float:
    """Events a second of ingest's batch route, so many lines a request, from the first byte to the last answer."""
    asyncio.run(fill(url, 0))
    bodies = [
        b"".join(command(n) for n in range(first, min(first + lines, events)))
        for first in range(0, events, lines)
    ]
    with service("ingest", url, port) as ingest, httpx.Client(base_url=ingest.address, timeout=120) as client:
        began = time.perf_counter()
        for body in bodies:
            answer = client.post(f"/v1/contests/{CONTEST}/batch", content=body, headers=NDJSON)
            answer.raise_for_status()
            if b'"refused":0' not in answer.content[-200:]:
                raise RuntimeError(answer.text[-500:])
        return events / (time.perf_counter() - began)
