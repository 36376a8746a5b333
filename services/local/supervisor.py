"""Starts Valkey, ingest, scorer and API in that order, keeps them running, and stops them the other way round."""

import http.client
import os
import queue
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from services.local import embedded
from services.local.embedded import CannotStart
from services.local.processes import Backoff, Child, ChildLog, Command, Guard, stop
from shared.runtime.log_lines import STANDARD_OUTPUT, LogLines

HOST = "127.0.0.1"
COMMANDS: Mapping[str, Sequence[str]] = {
    name: (sys.executable, "-m", "services.cli", name) for name in ("ingest", "scorer", "api")
}
_SAY_WHAT_IS_AWAITED_EVERY_SECONDS = 10.0
_LOOK_FOR_SIGNALS_EVERY_SECONDS = 0.2


class Stopped(Exception):
    """Asked to stop, or told by a service that it cannot run, before everything was ready. Carries the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"stopped with exit code {code} before everything was ready")
        self.code = code


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where everything answers."""

    api: str
    ingest: str
    redis: str

    def lines(self) -> list[str]:
        return [f"API     {self.api}", f"Ingest  {self.ingest}", f"Redis   {self.redis}"]


class Supervisor:
    """All of Standings on this machine. Port 0 means any free one; without `redis_url` it has its own Valkey in `data`.

    Used as `with supervisor.started() as addresses: …`; leaving the block stops everything. Holds for one block only.
    """

    def __init__(
        self,
        data: Path,
        api_port: int,
        ingest_port: int,
        redis_url: str | None,
        echo: Callable[[str], None],
        commands: Mapping[str, Sequence[str]] = COMMANDS,
        backoff: Backoff | None = None,
    ) -> None:
        self._data = data
        self._ports = {"--api-port": api_port, "--ingest-port": ingest_port}
        self._redis_url = redis_url
        self._log = ChildLog(echo, colour=os.isatty(STANDARD_OUTPUT) and "NO_COLOR" not in os.environ)
        self._commands = commands
        self._backoff = backoff or Backoff()
        # A queue and not an event, because only its `put` may run in a signal handler.
        self._endings: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._ending: int | None = None

    @contextmanager
    def started(self) -> Iterator[Endpoints]:
        """Everything runs and is ready inside the block. Raises CannotStart, or Stopped before that was reached."""
        with ExitStack() as stack:
            api_port, ingest_port = free_ports(self._ports)
            url, guard = self._redis(stack)
            addresses = Endpoints(f"http://{HOST}:{api_port}", f"http://{HOST}:{ingest_port}", url)
            environment = {
                "STANDINGS_REDIS_URL": url,
                "STANDINGS_API_PORT": str(api_port),
                "STANDINGS_INGEST_PORT": str(ingest_port),
            }
            commands = [Command(name, arguments, environment) for name, arguments in self._commands.items()]
            self._start(stack, guard, commands)
            self._wait_until_ready({"api": api_port, "ingest": ingest_port})
            yield addresses

    def ask_to_stop(self) -> None:
        """Ends `wait`, from any thread or signal handler."""
        self._endings.put(0)

    def wait(self) -> int:
        """The exit code, once asked to stop or once a service says that it cannot run."""
        while self._ending is None:
            # Not for ever: a signal that comes as this begins to wait, or that another thread is given, does not wake
            # it, and Python runs the signal's handler only here.
            with suppress(queue.Empty):
                self._ending = self._endings.get(timeout=_LOOK_FOR_SIGNALS_EVERY_SECONDS)
        return self._ending

    def _redis(self, stack: ExitStack) -> tuple[str, Guard]:
        if self._redis_url is not None:
            return self._redis_url, stack.enter_context(Guard())
        lock = stack.enter_context(embedded.locked(self._data))
        path = stack.enter_context(embedded.socket_for(self._data))
        command = embedded.command(self._data, path, lock)
        guard = stack.enter_context(Guard())
        self._start_valkey(stack, guard, command, embedded.url_of(path))
        return embedded.url_of(path), guard

    def _start_valkey(self, stack: ExitStack, guard: Guard, command: Command, url: str) -> None:
        """Valkey answers. One that ends before it ever did is not started again: it would end so each time."""
        answered = False
        [child] = self._start(
            stack, guard, [command], lambda name, code: answered and self._carry_on(name, code)
        )
        answered = embedded.wait_until_ready(url, lambda: child.running and not self._is_ending())
        if not answered:
            self._stop_if_ending()
            raise CannotStart(f"Valkey did not start on {self._data}: its reason stands above.")

    def _start(
        self,
        stack: ExitStack,
        guard: Guard,
        commands: Sequence[Command],
        on_exit: Callable[[str, int], bool] | None = None,
    ) -> list[Child]:
        children = [
            Child(command, self._log, guard, on_exit or self._carry_on, self._backoff) for command in commands
        ]
        stack.callback(stop, children)
        for child in children:
            child.start()
        return children

    def _carry_on(self, name: str, code: int) -> bool:
        if code != os.EX_CONFIG:
            return True
        self._log.write(name, "cannot run as it is configured: everything stops")
        self._endings.put(code)
        return False

    def _is_ending(self) -> bool:
        if self._ending is None and not self._endings.empty():
            self._ending = self._endings.get()
        return self._ending is not None

    def _stop_if_ending(self) -> None:
        if self._is_ending():
            raise Stopped(self.wait())

    def _wait_until_ready(self, ports: Mapping[str, int]) -> None:
        """However long it takes: an API with much to read is slow and not broken."""
        awaited = dict(ports)
        say_at = time.monotonic() + _SAY_WHAT_IS_AWAITED_EVERY_SECONDS
        while awaited:
            self._stop_if_ending()
            awaited = {name: port for name, port in awaited.items() if not is_ready(port)}
            if awaited and time.monotonic() >= say_at:
                say_at += _SAY_WHAT_IS_AWAITED_EVERY_SECONDS
                for name in awaited:
                    self._log.write(name, "is not ready yet")
            if awaited:
                time.sleep(0.02)


def free_ports(wanted: Mapping[str, int]) -> list[int]:
    """The ports, in order, all of them free a moment ago; 0 becomes a free one. Keys are the options named if not."""
    with ExitStack() as held:  # all held at once, so that one port given twice is refused too
        return [_free_port(held, option, port) for option, port in wanted.items()]


def _free_port(held: ExitStack, option: str, port: int) -> int:
    listener = held.enter_context(socket.socket())
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a port just left is free
    try:
        listener.bind((HOST, port))
        listener.listen()  # bound alone, Linux would lend the port twice
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such port"
        raise CannotStart(f"Port {port} cannot be had ({reason}): name another with {option}.") from None
    return int(listener.getsockname()[1])


def is_ready(port: int) -> bool:
    """Whether the service's /readyz answers 200."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def stopped_by_signals(supervisor: Supervisor) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal ask the supervisor to stop. For the main thread only."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: supervisor.ask_to_stop()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(
    data: Path,
    api_port: int,
    ingest_port: int,
    redis_url: str | None,
    echo: Callable[[str], None],
    commands: Mapping[str, Sequence[str]] = COMMANDS,
) -> int:
    """Runs everything in the foreground and prints where it answers. Returns the exit code of `standings run`."""
    said = LogLines(echo)
    supervisor = Supervisor(data, api_port, ingest_port, redis_url, said.put, commands)
    try:
        with stopped_by_signals(supervisor), supervisor.started() as addresses:
            for line in addresses.lines():
                said.put(line)
            return supervisor.wait()
    except CannotStart as reason:
        said.put(str(reason))
        return 1
    except Stopped as ending:
        return ending.code
    finally:
        said.flush()


__all__ = ["COMMANDS", "CannotStart", "Endpoints", "Stopped", "Supervisor", "run", "stopped_by_signals"]
