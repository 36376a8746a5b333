"""Log lines, written so that an output that blocks or fails never stops who writes them.

A thread of their own writes them, so that an output that stands still (a paused terminal, a pipe that nobody reads)
holds up nothing else; and an output that cannot be written (a full disk, a reader that has gone) loses lines only.
"""

import logging
import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress

# Lines that wait for an output that stands still; more are dropped.
MOST_WAITING = 10_000
STANDARD_OUTPUT, STANDARD_ERROR = 1, 2


class LogLines:
    """Lines on their way to `write`, which may fail and may take for ever."""

    def __init__(self, write: Callable[[str], None], most_waiting: int = MOST_WAITING) -> None:
        self._write = write
        self._waiting: queue.Queue[str] = queue.Queue(most_waiting)
        self._dropped = 0
        threading.Thread(target=self._keep_writing, name="writes lines", daemon=True).start()

    def put(self, line: str) -> None:
        """Hands a line on to be written. Neither waits nor fails."""
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    def flush(self, within_seconds: float = 1.0) -> None:
        """Waits until all lines are written, for at most so many seconds."""
        waiting = self._waiting
        with waiting.all_tasks_done:
            waiting.all_tasks_done.wait_for(lambda: not waiting.unfinished_tasks, within_seconds)

    def _keep_writing(self) -> None:
        while True:
            line = self._waiting.get()
            with suppress(Exception):
                self._write(line)
            dropped, self._dropped = self._dropped, 0
            if dropped:
                with suppress(Exception):
                    self._write(f"{dropped} lines are not here: the output stood still")
            self._waiting.task_done()


class LogLinesHandler(logging.Handler):
    """Writes log records as lines."""

    def __init__(self, lines: LogLines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Hands a record on as a line. One that cannot be formatted is reported as `logging` does."""
        try:
            self._lines.put(self.format(record))
        except Exception:
            self.handleError(record)


def writer(descriptor: int) -> Callable[[str], None]:
    """Writes a line at once, past Python's own buffer, which would try again at the exit and change its code.

    Raises `OSError`.
    """

    def write(line: str) -> None:
        left = f"{line}\n".encode(errors="backslashreplace")
        while left:
            left = left[os.write(descriptor, left) :]

    return write


def last_words(line: str) -> None:
    """A line on standard error before the process ends: written if it can be, within a second."""
    lines = LogLines(writer(STANDARD_ERROR))
    lines.put(line)
    lines.flush()


def open_standard_files() -> None:
    """The three standard descriptors are open: one that was closed would be given to the next file or connection,
    which a line of a log would then be written into."""
    for descriptor in (0, STANDARD_OUTPUT, STANDARD_ERROR):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free: this one
            os.set_inheritable(descriptor, True)
