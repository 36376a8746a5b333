"""Load on an HTTP server of this machine: as many requests as 64 connections can make, one at a time on each."""

import asyncio
import itertools
import multiprocessing
import os
import time
from collections.abc import Iterator
from typing import NamedTuple, cast

import uvloop

CONNECTIONS = 64
_CORE = 1


class Load(NamedTuple):
    """What a load came to."""

    answers: int
    seconds: float


def load(port: int, paths: list[str], seconds: float) -> Load:
    """Asks these paths round and round, from a process of its own on a core of its own where there are two."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_load, (port, paths, seconds))


def _load(port: int, paths: list[str], seconds: float) -> Load:
    if (os.cpu_count() or 1) > _CORE:
        os.sched_setaffinity(0, {_CORE})
    requests = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for path in paths]
    return uvloop.run(_hammer(port, itertools.cycle(requests), seconds))


async def _hammer(port: int, requests: Iterator[bytes], seconds: float) -> Load:
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    protocols = [
        (await loop.create_connection(lambda: _Asking(requests, began + seconds), "127.0.0.1", port))[1]
        for _ in range(CONNECTIONS)
    ]
    await asyncio.gather(*(protocol.done for protocol in protocols))
    return Load(sum(protocol.answers for protocol in protocols), time.perf_counter() - began)


class _Asking(asyncio.Protocol):
    """Asks the next as soon as the answer is there."""

    def __init__(self, requests: Iterator[bytes], until: float) -> None:
        self._requests = requests
        self._until = until
        self._missing = 0
        self.answers = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not asyncio's by type.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        if self._missing == 0:
            # The head comes whole with the first bytes, and tells how long the answer is.
            head = data.find(b"\r\n\r\n")
            if not data.startswith(b"HTTP/1.1 200"):
                self.done.set_exception(RuntimeError(data[:500].decode()))
                self._transport.close()
                return
            begins = data.lower().find(b"content-length:", 0, head) + len(b"content-length:")
            self._missing = head + 4 + int(data[begins : data.find(b"\r", begins)])
        self._missing -= len(data)
        if self._missing == 0:
            self.answers += 1
            if time.perf_counter() < self._until:
                self._transport.write(next(self._requests))
            else:
                self._transport.close()
                self.done.set_result(None)
