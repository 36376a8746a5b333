"""The addresses of names: looked up apart from everything else, each name by itself, kept for a moment.

`getaddrinfo` knows the hosts file, `nsswitch.conf` and search domains, as an operator expects, but cannot be ended:
one that hangs holds its thread for as long as the system's resolver likes. So a name has one at a time, those that hung
before have few threads among them, and nobody waits longer than five seconds. The threads are daemons, which do not
keep the process from ending.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from services.webhooks.addresses import Target
from services.webhooks.public_addresses import is_address, is_public

log = logging.getLogger("standings")


class NotPublic(Exception):
    """The host has an address that is not public."""


# Gives the addresses of a host, and may take as long as it likes. Raises `OSError`.
LookUp = Callable[[str], list[str]]

LOOK_UP_SECONDS = 5.0
# Threads that look names up, and those for names that were not answered for in time.
AT_ONCE = 128
AT_ONCE_HUNG = 8
KEPT_SECONDS = 30.0
MOST_KEPT = 1024
MOST_ADDRESSES = 8


def look_up(host: str) -> list[str]:
    """The addresses that the system's resolver gives, each once."""
    addresses = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in addresses))


class Addresses:
    """Where hosts are: checked to be public, unless development allows all. `seconds` rise steadily."""

    def __init__(self, look_up: LookUp, development: bool, seconds: Callable[[], float]) -> None:
        self.development = development
        self._look_up = look_up
        self._seconds = seconds
        self._running: dict[str, asyncio.Task[list[str]]] = {}
        self._in_threads: set[str] = set()
        # Both in the order in which they came.
        self._kept: dict[str, tuple[float, list[str]]] = {}
        self._hung: dict[str, None] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self._room_of_hung = asyncio.Semaphore(AT_ONCE_HUNG)

    async def of(self, target: Target) -> list[str]:
        """The addresses to connect to, at most eight.

        Raises `NotPublic` if one of the host's is not, and `OSError` if it has none or is not answered for in time.
        """
        host = target.host
        if is_address(host):
            return self._checked(host, [host])
        until, addresses = self._kept.get(host, (0.0, []))
        if self._seconds() < until:
            return addresses
        running = self._running.get(host) or self._begin(host)
        done, _ = await asyncio.wait((running,), timeout=LOOK_UP_SECONDS)
        if not done:
            raise self._too_late(host)
        self._hung.pop(host, None)
        return running.result()

    def _too_late(self, host: str) -> OSError:
        if host not in self._in_threads:
            return _no_turn(host)
        _put(self._hung, host, None)
        return OSError(f"the name {host} was not answered for within {LOOK_UP_SECONDS:g} seconds")

    def _begin(self, host: str) -> asyncio.Task[list[str]]:
        running = self._running[host] = asyncio.create_task(self._found(host))
        running.add_done_callback(lambda ended: self._end(host, ended))
        return running

    def _end(self, host: str, ended: asyncio.Task[list[str]]) -> None:
        del self._running[host]
        if not ended.cancelled() and ended.exception() is None:
            _put(self._kept, host, (self._seconds() + KEPT_SECONDS, ended.result()))

    async def _found(self, host: str) -> list[str]:
        room = self._room_of_hung if host in self._hung else self._room
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS):
                await room.acquire()
        except TimeoutError:
            raise _no_turn(host) from None
        self._in_threads.add(host)
        try:
            return self._checked(host, await _in_a_thread(self._look_up, host))
        finally:
            self._in_threads.discard(host)
            room.release()

    def _checked(self, host: str, addresses: list[str]) -> list[str]:
        if not addresses:
            raise OSError(f"{host} has no address")
        for address in addresses:
            if not self.development and not is_public(address):
                # For the operator: whoever registers is not told what lies inside.
                log.warning("the webhooks' host %s has the address %s, which is not public", host, address)
                raise NotPublic(f"{host} is not a public host")
        return addresses[:MOST_ADDRESSES]


def _no_turn(host: str) -> OSError:
    return OSError(f"the name {host} had no turn to be looked up: others hang")


_T = TypeVar("_T")


def _put(kept: dict[str, _T], host: str, value: _T) -> None:
    """At the end, in the place of the oldest if there are too many."""
    kept.pop(host, None)
    if len(kept) >= MOST_KEPT:
        del kept[next(iter(kept))]
    kept[host] = value


async def _in_a_thread(look_up: LookUp, host: str) -> list[str]:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def tell(set_to: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(lambda: None if answer.done() else set_to())

    def work() -> None:
        try:
            addresses = look_up(host)
        except Exception as error:
            failure = error if isinstance(error, OSError) else OSError(f"{host} is no name: {error}")
            tell(lambda: answer.set_exception(failure))
        else:
            tell(lambda: answer.set_result(addresses))

    threading.Thread(target=work, name=f"look up {host}"[:60], daemon=True).start()
    return await answer
