"""Ends process groups once the process that started them is gone, however it went.

Run by path, with nothing but the standard library. Standard input is a pipe that only the supervisor writes: a line
`+<process group>` for each group that began, `-<process group>` for each that is over. The pipe ends when the
supervisor does, also by SIGKILL; what is left then gets SIGTERM, and SIGKILL `GRACE_SECONDS` later. (Linux' parent
death signal would not do: it never reaches a service's own worker processes, and cannot be followed by a SIGKILL.)
"""

import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE_SECONDS = 10.0


def left_over(lines: Iterable[str]) -> list[int]:
    """The groups that began and are not over, in the order they began, once the lines end."""
    groups: dict[int, None] = {}
    for line in lines:
        group = int(line[1:])
        if line.startswith("+"):
            groups[group] = None
        else:
            groups.pop(group, None)
    return list(groups)


def signal_group(group: int, number: int) -> bool:
    """Whether the group still had a process to take the signal; 0 only asks."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS answers "not permitted" for a group of zombies
        return False
    return True


def end(groups: list[int], grace_seconds: float = GRACE_SECONDS) -> None:
    """None of the groups has a process left when this returns."""
    for group in groups:
        signal_group(group, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while time.monotonic() < deadline and any(signal_group(group, 0) for group in groups):
        time.sleep(0.02)
    for group in groups:
        signal_group(group, signal.SIGKILL)


if __name__ == "__main__":
    end(left_over(sys.stdin))
