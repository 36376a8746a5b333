"""Regular files from outside: opened without waiting, and read up to a bound. And who may read those of our own."""

import os
import stat
from pathlib import Path
from typing import BinaryIO


def opened(path: Path, *, follow: bool = True) -> BinaryIO:
    """A regular file, to be read. `OSError` for a directory, a pipe or a device, and for a link unless followed."""
    # Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise OSError(f"{path} is no regular file")


def content(path: Path, most: int) -> bytes:
    """All that is in a regular file of at most so many bytes. Raises `OSError`."""
    with opened(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(f"{path} has more than {most:,} bytes")
    return data


def open_to_others(descriptor: int) -> None:
    """Gives a temporary file, which is its owner's alone, the mode that any new file has under this umask."""
    mask = os.umask(0)
    os.umask(mask)
    os.fchmod(descriptor, 0o666 & ~mask)
