"""Whatever becomes of a log's lines, who says them goes on."""

import errno
import logging
import os
import threading

import pytest

from shared.runtime.log_lines import LogLines, LogLinesHandler, writer


def test_lines_are_written_in_order() -> None:
    written: list[str] = []
    lines = LogLines(written.append)
    for n in range(100):
        lines.put(str(n))
    lines.flush(20)

    assert written == [str(n) for n in range(100)]


def test_a_line_that_cannot_be_written_is_lost_and_the_next_is_tried() -> None:
    written: list[str] = []

    def write(line: str) -> None:
        if line == "lost":
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(line)

    lines = LogLines(write)
    for line in ("before", "lost", "after"):
        lines.put(line)
    lines.flush(20)

    assert written == ["before", "after"]


def test_an_output_that_stands_still_holds_up_nobody_and_says_later_what_it_missed() -> None:
    written: list[str] = []
    goes_on, stands = threading.Event(), threading.Event()

    def write(line: str) -> None:
        stands.set()
        goes_on.wait(20)
        written.append(line)

    lines = LogLines(write, most_waiting=3)
    lines.put("0")
    assert stands.wait(20)
    for n in range(1, 6):
        lines.put(str(n))
    lines.flush(0.01)
    assert written == []
    goes_on.set()
    lines.flush(20)

    assert sorted(written) == sorted(["0", "1", "2", "3", "2 lines are not here: the output stood still"])


def test_records_are_said_as_they_read() -> None:
    written: list[str] = []
    lines = LogLines(written.append)
    log = logging.getLogger("alone")
    log.addHandler(LogLinesHandler(lines))
    log.propagate = False
    log.error("%s of %d", "one", 2)
    lines.flush(20)

    assert written == ["one of 2"]


@pytest.mark.parametrize("line", ["plain", "Ærøskøbing", "half \ud800", "x" * 200_000])
def test_a_line_is_written_whole(line: str) -> None:
    reading, writing = os.pipe()
    got: list[bytes] = []

    def read() -> None:
        with os.fdopen(reading, "rb") as pipe:
            got.append(pipe.read())

    reader = threading.Thread(target=read)
    reader.start()
    writer(writing)(line)
    os.close(writing)
    reader.join()

    assert got == [f"{line}\n".encode(errors="backslashreplace")]


def test_what_cannot_be_written_leaves_nothing_behind() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(OSError, match="No space left"):
            writer(full)("line")
    finally:
        os.close(full)
