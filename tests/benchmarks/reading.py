"""How fast the API answers standings, beside a bare ASGI app that returns the same bytes, each on one core."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
import orjson

from services.scorer.folder import Folder
from shared.projection.projections import Projections
from shared.runtime.present import now
from shared.runtime.settings import Settings
from shared.storage.connections import connect
from shared.storage.log import Log
from shared.values.policies import Policies
from tests.benchmarks.events import CONTEST
from tests.benchmarks.load import Load, load
from tests.benchmarks.writing import fill, service

SIZES = (2_000, 100_000)
_PATH = f"/v1/contests/{CONTEST}/standings"
_TICKS = os.sysconf("SC_CLK_TCK")
_BARE = """
import sys
import orjson
import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server

answer = orjson.loads(sys.stdin.read())
body = answer["body"].encode()
headers = [(name.encode(), value.encode()) for name, value in answer["headers"]]

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

async def main():
    port = int(sys.argv[1])
    await Server(app, "127.0.0.1", port, interface=Interfaces.ASGINL, log_enabled=False, websockets=False).serve()

try:
    uvloop.run(main())
except KeyboardInterrupt:
    pass
"""


class Answered(NamedTuple):
    """Requests a second, and microseconds of the server's processor time for each."""

    a_second: float
    processor: float


class Compared(NamedTuple):
    """The API beside the bare app."""

    name: str
    api: Answered
    bare: Answered


def standings(url: str, port: int, seconds: float, endorsements: int) -> Iterator[Compared]:
    """Current standings, pinned ones of the past, and random ones of any time, of a contest of this size."""
    asyncio.run(fill(url, endorsements))
    asyncio.run(_drain(url))
    with service("api", url, port) as api:
        address, pid = api
        httpx.get(f"{address}{_PATH}?min_version={endorsements}&wait_ms=10000", timeout=120)
        for name, paths in _questions(endorsements).items():
            answer = httpx.get(address + paths[0], headers={"accept-encoding": "identity"})
            own = _measured(port, pid, paths, seconds)
            with _bare(port + 1, answer) as bare_pid:
                yield Compared(name, own, _measured(port + 1, bare_pid, ["/"], seconds))


def _questions(endorsements: int) -> dict[str, list[str]]:
    draw = random.Random(1)
    first = datetime(2019, 2, 1, tzinfo=UTC)

    def moment() -> str:
        at = first + timedelta(seconds=draw.randrange(330 * 86_400))
        version = draw.randrange(endorsements // 10, endorsements)
        return f"{_PATH}?valid_at={at:%Y-%m-%dT%H:%M:%SZ}&version={version}"

    return {
        "current": [_PATH],
        "the pinned past": [f"{_PATH}?valid_at=2019-06-01&version={endorsements // 2}"],
        "a random moment each": [moment() for _ in range(50_000)],
    }


def _measured(port: int, pid: int, paths: list[str], seconds: float) -> Answered:
    os.sched_setaffinity(pid, {0})
    before = processor_seconds(pid)
    done: Load = load(port, paths, seconds)
    used = processor_seconds(pid) - before
    return Answered(done.answers / done.seconds, used / done.answers * 1e6)


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


async def _drain(url: str) -> None:
    client = connect(Settings(redis_url=url))
    log = Log(client, 1)
    await Folder(log, Projections(client, log), now, 1, Policies()).drain(CONTEST)
    await client.aclose()


@contextmanager
def _bare(port: int, answer: httpx.Response) -> Iterator[int]:
    told = {
        "body": answer.text,
        "headers": [pair for pair in answer.headers.items() if pair[0] not in ("server", "date")],
    }
    process = subprocess.Popen([sys.executable, "-c", _BARE, str(port)], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(orjson.dumps(told))
    process.stdin.close()
    try:
        _until_it_answers(port)
        yield process.pid
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until_it_answers(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            httpx.get(f"http://127.0.0.1:{port}/")
            return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise RuntimeError(f"nothing answers on port {port}")
