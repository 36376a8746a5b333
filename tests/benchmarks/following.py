"""How soon subscribers learn of a change: from ingest's acknowledgement to a thousand clients of server-sent events.

Commands come at a steady rate, whatever becomes of those before; each is a version of its contest. Clients note when
they read it. All clocks are this machine's monotonic one. Writer and clients are processes of their own.
"""

import asyncio
import multiprocessing
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import httpx
import orjson
import uvloop

from tests.benchmarks.reading import processor_seconds
from tests.running import Standings, standings

CONTESTS = 50
CANDIDATES = 8
_CONNECTIONS = 32
_WARMING_SECONDS = 2.0
_VERSION = re.compile(rb"^id: (\d+)$", re.MULTILINE)

# When a version of a contest was acknowledged, or came.
Moments = dict[tuple[int, int], float]


class Delay(NamedTuple):
    """What subscribers saw; delays in milliseconds. One is negative if the change came before the acknowledgement."""

    name: str
    subscribers: int
    changes_a_second: float
    deliveries: int
    missing: int
    p50: float
    p99: float
    longest: float
    processor_a_subscriber: float
    kilobytes_a_subscriber: float
    processor: dict[str, float]


def delays(url: str, subscribers: int, a_second: int, seconds: float) -> Iterator[Delay]:
    """Subscribers spread over the contests, and all of them on one."""
    with standings(url) as deployment:
        _open(deployment)
        for name, spread in (("over all contests", CONTESTS), ("all on one", 1)):
            yield _measured(deployment, name, spread, subscribers, a_second, seconds)


def _open(deployment: Standings) -> None:
    candidates = [{"candidate": f"candidate-{n}", "name": f"Candidate {n}"} for n in range(CANDIDATES)]
    for n in range(CONTESTS):
        told = deployment.told(
            "/v1/contests", contest=f"c{n}", title="T", timezone="UTC", candidates=candidates
        )
        deployment.ask(f"/v1/contests/c{n}", min_version=told["version"], wait_ms=10_000)


def _measured(
    deployment: Standings, name: str, spread: int, subscribers: int, a_second: int, seconds: float
) -> Delay:
    ports = {service: cast(int, client.base_url.port) for service, client in _clients(deployment).items()}
    pids = {service: _listener(port) for service, port in ports.items()}
    before_kb = _resident_kb(pids["api"])
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        reader, writer = (stack.enter_context(context.Pool(1)) for _ in range(2))
        last_for = seconds + _WARMING_SECONDS + 2
        reading = reader.apply_async(_subscribe, (ports["api"], spread, subscribers, last_for + 5))
        _until_connected(deployment, pids["api"], subscribers)
        kilobytes = (_resident_kb(pids["api"]) - before_kb) / subscribers
        used = {service: processor_seconds(pid) for service, pid in pids.items()}
        began = time.monotonic()
        acknowledged: Moments = writer.apply(_write, (ports["ingest"], a_second, seconds + _WARMING_SECONDS))
        took = time.monotonic() - began
        used = {service: (processor_seconds(pid) - used[service]) / took for service, pid in pids.items()}
        came: list[tuple[int, int, float]] = reading.get()
    warm = {one: at for one, at in acknowledged.items() if at > began + _WARMING_SECONDS and one[0] < spread}
    found = sorted(
        (at - warm[contest, version]) * 1000 for contest, version, at in came if (contest, version) in warm
    )
    due = len(warm) * (subscribers // spread)
    return Delay(
        name,
        subscribers,
        len(acknowledged) / took,
        len(found),
        due - len(found),
        found[len(found) // 2],
        found[len(found) * 99 // 100],
        found[-1],
        used["api"] / subscribers * 1e6,
        kilobytes,
        used,
    )


def _clients(deployment: Standings) -> dict[str, httpx.Client]:
    return {"api": deployment.api, "ingest": deployment.ingest}


def _listener(port: int) -> int:
    """The process that listens on a port of this machine."""
    wanted = f":{port:04X}"
    [inode] = [
        fields[9]
        for fields in (
            line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        )
        if fields[1].endswith(wanted) and fields[3] == "0A"
    ]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(one.readlink().name == f"socket:[{inode}]" for one in (process / "fd").iterdir()):
                return int(process.name)
        except OSError:
            continue
    raise RuntimeError(f"nobody listens on {port}")


def _resident_kb(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    return int(found[1]) if found else 0


def _until_connected(deployment: Standings, pid: int, subscribers: int) -> None:
    deadline = time.monotonic() + 60
    while len(list(Path(f"/proc/{pid}/fd").iterdir())) < subscribers:
        if time.monotonic() > deadline:
            raise RuntimeError("the subscribers could not connect")
        time.sleep(0.1)
    deployment.ask("/healthz")
    time.sleep(1)


def _subscribe(port: int, spread: int, subscribers: int, seconds: float) -> list[tuple[int, int, float]]:
    return uvloop.run(_subscribed(port, spread, subscribers, seconds))


async def _subscribed(
    port: int, spread: int, subscribers: int, seconds: float
) -> list[tuple[int, int, float]]:
    loop = asyncio.get_running_loop()
    came: list[tuple[int, int, float]] = []
    transports: list[asyncio.Transport] = []
    for n in range(subscribers):
        reading = partial(_Reading, n % spread, came)
        transport, _ = await loop.create_connection(reading, "127.0.0.1", port)
        transports.append(transport)
    await asyncio.sleep(seconds)
    for transport in transports:
        transport.close()
    return came


class _Reading(asyncio.Protocol):
    """Notes the versions that come."""

    def __init__(self, contest: int, came: list[tuple[int, int, float]]) -> None:
        self._contest = contest
        self._came = came

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        path = f"/v1/contests/c{self._contest}/changes"
        asked = f"GET {path} HTTP/1.1\r\nHost: b\r\nAccept: text/event-stream\r\n\r\n"
        cast(asyncio.WriteTransport, transport).write(asked.encode())

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        for version in _VERSION.findall(data):
            self._came.append((self._contest, int(version), now))


def _write(port: int, a_second: int, seconds: float) -> Moments:
    return uvloop.run(_written(port, a_second, seconds))


async def _written(port: int, a_second: int, seconds: float) -> Moments:
    acknowledged: Moments = {}
    due: asyncio.Queue[int | None] = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        for _ in range(_CONNECTIONS):
            group.create_task(_commands(port, due, acknowledged))
        began = time.monotonic()
        for n in range(int(a_second * seconds)):
            await asyncio.sleep(max(began + n / a_second - time.monotonic(), 0))
            due.put_nowait(n)
        for _ in range(_CONNECTIONS):
            due.put_nowait(None)
    return acknowledged


async def _commands(port: int, due: "asyncio.Queue[int | None]", acknowledged: Moments) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (n := await due.get()) is not None:
        contest = n % CONTESTS
        body = orjson.dumps(_announcement(n))
        head = f"POST /v1/contests/c{contest}/endorsements HTTP/1.1\r\nHost: localhost\r\n"
        kind = "Content-Type: application/json\r\n"
        writer.write(f"{head}{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answered = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", answered, re.IGNORECASE)
        answer = await reader.readexactly(int(length[1]) if length else 0)
        now = time.monotonic()
        if not answered.startswith(b"HTTP/1.1 201"):
            raise RuntimeError(answer.decode())
        acknowledged[contest, orjson.loads(answer)["version"]] = now
    writer.close()


def _announcement(n: int) -> dict[str, Any]:
    return {
        "endorser": {"id": f"e{time.monotonic_ns()}-{n}", "name": f"Endorser {n}"},
        "candidate": f"candidate-{n // CONTESTS % CANDIDATES}",
        "category": ("governor", "senator", "mayor")[n % 3],
        "announced_at": "2025-03-01",
        "recorded_by": "bench",
        "source": {"title": "bench"},
    }
