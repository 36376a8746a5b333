"""Child processes that are kept running, and the one log their output goes to."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from types import TracebackType
from typing import IO

from services.local import guard
from services.local.guard import signal_group

STOP_GRACE_SECONDS = 10.0
_COLOURS = {"valkey": 35, "ingest": 32, "scorer": 33, "api": 36}


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a crashed child rests before it starts again, in seconds: doubling, until it was healthy for a while."""

    first: float = 0.5
    limit: float = 10.0
    healthy_after: float = 30.0

    def after(self, previous: float, lived: float) -> float:
        """The rest after a child that had rested for `previous` seconds and then lived for `lived`."""
        if previous == 0 or lived >= self.healthy_after:
            return self.first
        return min(previous * 2, self.limit)


class ChildLog:
    """Lines of several children, each under its child's name, one at a time."""

    def __init__(self, echo: Callable[[str], None], colour: bool = False) -> None:
        self._echo = echo
        self._colour = colour
        self._lock = threading.Lock()

    def write(self, name: str, line: str) -> None:
        """Says a line; one that cannot be written (`standings run | head`, a full disk) is dropped."""
        prefix = f"{name:<7} |"
        if self._colour:
            prefix = f"\x1b[{_COLOURS.get(name, 37)}m{prefix}\x1b[0m"
        # Who keeps the children running, and who reads what they say, goes on whatever becomes of a line.
        with self._lock, suppress(Exception):
            self._echo(f"{prefix} {line}")


class Guard(AbstractContextManager["Guard"]):
    """A process that outlives this one just long enough to end the children that this one could not."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(guard.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def began(self, group: int) -> None:
        self._tell(f"+{group}\n")

    def over(self, group: int) -> None:
        self._tell(f"-{group}\n")

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 - asked for as a pipe, for the type checker
        # One unbuffered write: short enough to be atomic, so that children's threads need no lock.
        try:
            os.write(self._process.stdin.fileno(), line.encode())
        except BrokenPipeError:  # somebody ended the guard: the children run on without one
            return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None  # noqa: S101
        self._process.stdin.close()
        self._process.wait()


@dataclass(frozen=True, slots=True)
class Command:
    """What to start as a child: its name in the log, its arguments, and what the environment has besides ours."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    keep_open: Sequence[int] = ()


class Child:
    """One child process, started again after a crash until it is stopped or says (by exit code 78) that it cannot run.

    It leads a process group of its own, so a terminal's Ctrl-C reaches the supervisor alone. `on_exit` is told every
    exit code that was not asked for, from the child's thread, and answers whether to start the child again.
    """

    def __init__(
        self,
        command: Command,
        log: ChildLog,
        guard: Guard,
        on_exit: Callable[[str, int], bool],
        backoff: Backoff,
    ) -> None:
        self.name = command.name
        self._command = command
        self._log = log
        self._guard = guard
        self._on_exit = on_exit
        self._backoff = backoff
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._keep, name=f"keeps {self.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def running(self) -> bool:
        """False once the child is over for good."""
        return self._thread.is_alive()

    def ask_to_stop(self) -> None:
        """Returns at once; it is not started again."""
        with self._lock:
            self._stopping.set()
            if self._process is not None:
                self._process.send_signal(SIGTERM)

    def join(self, grace_seconds: float) -> None:
        """Returns when the child and its process group are gone; killed if that took over `grace_seconds`."""
        if self._thread.ident is None:  # never started
            return
        self._thread.join(grace_seconds)
        if not self._thread.is_alive():
            return
        self._log.write(self.name, f"did not stop within {grace_seconds:g} s: killed")
        with self._lock:
            if self._process is not None:
                signal_group(self._process.pid, SIGKILL)
        self._thread.join()

    def _keep(self) -> None:
        rest = 0.0
        while not self._stopping.wait(rest):
            began = time.monotonic()
            code = self._lived()
            if code is None or self._stopping.is_set() or not self._on_exit(self.name, code):
                return
            rest = self._backoff.after(rest, time.monotonic() - began)
            self._log.write(self.name, f"{_ended(code)}; starts again in {rest:g} s")

    def _lived(self) -> int | None:
        """As `_live`; a process that the system could not start (it has no memory, no descriptor) has crashed too."""
        try:
            return self._live()
        except OSError as error:
            self._log.write(self.name, f"cannot be started: {error}")
            return os.EX_OSERR

    def _live(self) -> int | None:
        """From start to end of one process; None if it was not to start any more."""
        process = self._spawn()
        if process is None:
            return None
        self._guard.began(process.pid)
        reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        reader.start()
        code = process.wait()
        signal_group(process.pid, SIGKILL)  # workers that it left behind would hold its port and its output
        reader.join(1.0)  # not for ever: a process that left the group may still hold the output
        self._guard.over(process.pid)
        with self._lock:
            self._process = None
        return code

    def _spawn(self) -> subprocess.Popen[str] | None:
        with self._lock:
            if self._stopping.is_set():
                return None
            self._process = subprocess.Popen(
                self._command.arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self._command.environment},
                pass_fds=self._command.keep_open,
                start_new_session=True,
            )
            return self._process

    def _read(self, output: IO[str]) -> None:
        with output:
            for line in output:
                self._log.write(self.name, line.rstrip("\n"))


def _ended(code: int) -> str:
    return f"ended with exit code {code}" if code >= 0 else f"ended by {Signals(-code).name}"


def stop(children: Sequence[Child], grace_seconds: float = STOP_GRACE_SECONDS) -> None:
    """All of them are told to stop before any is waited for; none is left when this returns."""
    for child in children:
        child.ask_to_stop()
    deadline = time.monotonic() + grace_seconds
    for child in children:
        child.join(max(0.0, deadline - time.monotonic()))
