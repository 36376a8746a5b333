"""Work that Ctrl-C ends is not done, and its exit code says so; a service ends as it was told."""

import subprocess
import sys

import pytest

from shared.runtime.process import INTERRUPTED

_PROGRAM = """
import asyncio, os, signal, sys
from shared.runtime.process import run

# A process that a shell runs in the background ignores it, and so do its children.
signal.signal(signal.SIGINT, signal.default_int_handler)

async def work():
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.sleep(30)

sys.exit(run(work(), "ERROR", int(sys.argv[1])))
"""


@pytest.mark.parametrize("code", [0, INTERRUPTED])
def test_what_is_interrupted_ends_with_the_code_that_was_asked_for(code: int) -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM, str(code)], timeout=60, check=False)
    assert done.returncode == code
