"""How fast the API answers the current standings, beside a bare ASGI app that returns the same bytes."""

import asyncio
import multiprocessing
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from services.scorer.consume import Folder
from shared.log import Log
from shared.projections import Projections
from shared.server import connect
from shared.settings import Settings
from tests.benchmarks.events import CONTEST
from tests.benchmarks.writing import fill, service

CONNECTIONS = 64
_BARE = """
import sys
import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server

body = bytes.fromhex(sys.argv[2])

async def app(scope, receive, send):
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

async def main():
    await Server(app, "127.0.0.1", int(sys.argv[1]), interface=Interfaces.ASGINL, log_enabled=False).serve()

try:
    uvloop.run(main())
except KeyboardInterrupt:
    pass
"""


def current_standings(url: str, port: int, seconds: float) -> tuple[float, float]:
    """Requests a second of the API's current standings, and of the bare app with the same bytes."""
    asyncio.run(fill(url, 2000))
    asyncio.run(_drain(url))
    path = f"/v1/contests/{CONTEST}/standings"
    with service("api", url, port) as address:
        body = httpx.get(address + path).content
        answered = requests(port, path, seconds)
    with _bare(port + 1, body):
        return answered, requests(port + 1, "/", seconds)


async def _drain(url: str) -> None:
    client = connect(Settings(redis_url=url))
    log = Log(client, 1)
    await Folder(log, Projections(client, log), lambda: time.time_ns() // 1_000_000, 1).drain(CONTEST)
    await client.aclose()


@contextmanager
def _bare(port: int, body: bytes) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", _BARE, str(port), body.hex()])
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                httpx.get(f"http://127.0.0.1:{port}/")
                break
            except httpx.HTTPError:
                time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def requests(port: int, path: str, seconds: float) -> float:
    """Requests a second that a process of its own makes over 64 connections, one at a time on each."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_load, (port, path, seconds))


def _load(port: int, path: str, seconds: float) -> float:
    return asyncio.run(_hammer(port, path, seconds))


async def _hammer(port: int, path: str, seconds: float) -> float:
    loop = asyncio.get_running_loop()
    until = time.perf_counter() + seconds
    protocols = [
        (await loop.create_connection(lambda: _Asking(path, until), "127.0.0.1", port))[1]
        for _ in range(CONNECTIONS)
    ]
    began = time.perf_counter()
    await asyncio.gather(*(protocol.done for protocol in protocols))
    return sum(protocol.answers for protocol in protocols) / (time.perf_counter() - began)


class _Asking(asyncio.Protocol):
    """Asks the same again as soon as the answer is there."""

    def __init__(self, path: str, until: float) -> None:
        self._request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        self._until = until
        self._length = 0
        self._got = 0
        self.answers = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._length == 0:
            # The head comes whole with the first bytes, and tells how long the answer is.
            head, _, _ = data.partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            self._length = len(head) + 4 + int(length.split(b":")[1])
        self._got += len(data)
        if self._got >= self._length:
            self._got = self._length = 0
            self.answers += 1
            self._next()

    def _next(self) -> None:
        if time.perf_counter() < self._until:
            self._transport.write(self._request)
        else:
            self._transport.close()
            self.done.set_result(None)
