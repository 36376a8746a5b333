"""Serving HTTP: an app beside the work of its service."""

import asyncio
import logging
import os
import resource
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from granian._granian import ListenerSpec
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server
from starlette.types import ASGIApp

from shared.runtime.process import Ending
from shared.runtime.settings import Settings
from shared.runtime.startup import RefusesToStart

log = logging.getLogger("standings")
_LAST_ANSWERS_SECONDS = 10
_WAITING_CONNECTIONS = 1024
# What is buffered of a connection when hyper reads once more: a head of so many bytes fits always, one of twice as
# many never.
_BUFFER_BYTES = 64 << 10
# What the system takes of an answer that it cannot send yet; it took 4 MB for each client that did not read.
_UNSENT_BYTES = 128 << 10
# Files that a service has open beside its clients' connections.
_OTHER_FILES = 1000


class PortTaken(RefusesToStart):
    """Something else listens where this service is to."""


class _Server(Server):
    """Granian, where no client can hold a connection for ever by doing nothing."""

    def __init__(self, app: ASGIApp, host: str, port: int, settings: Settings) -> None:
        super().__init__(
            app,
            host,
            port,
            interface=Interfaces.ASGINL,
            log_enabled=False,
            websockets=False,
            backlog=_WAITING_CONNECTIONS,
            backpressure=_as_files_allow(settings.connections),
            # Also for HTTP/2 Granian's default mode waits for the first bytes without a bound.
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(
                header_read_timeout=int(settings.header_seconds * 1000), max_buffer_size=_BUFFER_BYTES
            ),
        )
        self._unread_ms = int(settings.unread_seconds * 1000)

    def _init_shared_socket(self) -> None:
        """As Granian's own, with a bound for unread answers: connections inherit it from the listening socket."""
        holder = ListenerSpec(self.bind_addr, self.bind_port, self.backlog).build()
        self._ssp, self._shd = None, holder  # type: ignore[assignment]
        with socket.socket(fileno=os.dup(holder.get_fd())) as listener:
            # Linux: who takes nothing of what is sent for so long is disconnected, also if its system answers probes.
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, self._unread_ms)
            # What is on its way to a client that reads is not bounded by this, so it slows nobody down.
            if hasattr(socket, "TCP_NOTSENT_LOWAT"):
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)


async def serve(
    app: ASGIApp,
    host: str,
    port: int,
    work: Callable[[], AbstractAsyncContextManager[None]],
    settings: Settings,
    close: Callable[[], None] = lambda: None,
) -> None:
    """Serves an app inside its own work until signalled; `close` ends answers that would go on for ever.

    More connections than `settings.connections` wait until others close. A client that is silent, slow with the head of
    a request, or takes nothing of its answer is disconnected. Raises `PortTaken` if the address is taken.
    """
    ending = Ending()
    _refuse_taken(host, port)
    async with work():
        server = _Server(app, host, port, settings)
        serving = asyncio.create_task(server.serve())
        log.info("listening on http://%s:%d", host, port)
        ended = asyncio.create_task(ending.wait())
        try:
            await asyncio.wait({serving, ended}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done() and not ended.done():
                serving.result()
                raise RuntimeError("the HTTP server ended by itself")
        finally:
            close()
            server.stop()  # type: ignore[no-untyped-call]
            # What is still being answered may end; a connection that is merely open is not waited for.
            await asyncio.wait({serving}, timeout=_LAST_ANSWERS_SECONDS)


def _as_files_allow(connections: int) -> int:
    """As many connections as this process may have files open for; it asks for as many as it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft != resource.RLIM_INFINITY and soft < wanted:
        log.warning(
            "this process may have %d files open: it serves %d clients at a time", soft, soft * 9 // 10
        )
        return soft * 9 // 10
    return connections


def _refuse_taken(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(f"cannot listen on {host}:{port}: {error.strerror}") from None
