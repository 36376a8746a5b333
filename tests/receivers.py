"""A webhook's receiver for tests: a real server, which does as it is told."""

import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True)
class Got:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def version(self) -> int:
        version: int = self.json["data"]["version"]
        return version

    @property
    def contest(self) -> str:
        contest: str = self.json["data"]["contest"]
        return contest

    def signed_by(self, secret: str) -> bool:
        """Whether the standard's own library finds it signed with this secret. Raises what that raises."""
        Webhook(secret).verify(self.body, self.headers)
        return True


# Gives status, headers and body of the answer.
Behave = Callable[[Got], tuple[int, dict[str, str], bytes]]


def echo(got: Got) -> tuple[int, dict[str, str], bytes]:
    """Takes everything and answers challenges."""
    said = got.json
    if isinstance(said, dict) and "challenge" in said:
        return (
            200,
            {"Content-Type": "application/json"},
            json.dumps({"challenge": said["challenge"]}).encode(),
        )
    return 204, {}, b""


@dataclass
class Receiver:
    """What came, and how it behaves."""

    url: str
    behave: Behave = echo
    got: list[Got] = field(default_factory=list)

    @property
    def changes(self) -> list[Got]:
        """What came that was no challenge."""
        return [one for one in self.got if "specversion" in one.json]

    def versions(self, contest: str = "") -> list[int]:
        """The versions that came, each attempt counted."""
        return [one.version for one in list(self.changes) if contest in ("", one.contest)]


@contextmanager
def receiver(host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver that is listening."""
    running = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got = Got(self.path, {k.lower(): v for k, v in self.headers.items()}, body, time.monotonic())
            running.got.append(got)
            status, headers, answer = running.behave(got)
            try:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(answer)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)
            except OSError:
                pass  # whoever asked has left

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A handshake that fails is the client's to tell."""

    with Server((host, 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        running.url = f"{'https' if tls else 'http'}://{host}:{server.server_port}/hook"
        threading.Thread(target=server.serve_forever).start()
        try:
            yield running
        finally:
            server.shutdown()


@contextmanager
def resetting(port: int = 0) -> Iterator[str]:
    """The URL of a receiver that resets each connection as soon as it is there."""
    at_once = struct.pack("ii", 1, 0)

    def reset_all(listening: socket.socket) -> None:
        while True:
            try:
                connected, _ = listening.accept()
            except OSError:
                return  # it was shut down
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            connected.close()

    with socket.create_server(("127.0.0.1", port), backlog=512) as listening:
        taking = threading.Thread(target=reset_all, args=(listening,))
        taking.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/hook"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            taking.join()


@contextmanager
def pouring(opening: bytes, piece: bytes, every_seconds: float = 0.0) -> Iterator[str]:
    """The URL of a receiver that answers with `opening`, and then with the same piece for ever."""
    over = threading.Event()

    def pour(connected: socket.socket) -> None:
        with connected, suppress(OSError):
            connected.sendall(opening)
            while not over.wait(every_seconds):
                connected.sendall(piece)

    def pour_all(listening: socket.socket) -> None:
        while True:
            try:
                connected, _ = listening.accept()
            except OSError:
                return  # it was shut down
            connected.settimeout(5)
            threading.Thread(target=pour, args=(connected,)).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        taking = threading.Thread(target=pour_all, args=(listening,))
        taking.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/hook"
        finally:
            over.set()
            listening.shutdown(socket.SHUT_RDWR)
            taking.join()
