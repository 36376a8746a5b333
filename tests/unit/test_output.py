"""What the command line says on the side stops nothing that it does."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import PROJECT

WORK = """
import sys
from pathlib import Path
from services.cli import archives, output
with archives.progress("backup") as seen:
    for n in range(5):
        seen("race", n)
output.warn("a warning")
output.failure({"title": "t", "detail": "d", "field": "f", "value": 1}, json=False)
output.failure({"title": "t"}, json=True)
print("done", flush=True)
sys.exit(3)
"""


@pytest.mark.parametrize("errors", ["2>/dev/full", "2>&-", "2>/dev/null"])
def test_progress_and_warnings_that_cannot_be_written_end_no_work(errors: str) -> None:
    shell = ["/bin/sh", "-c", f'exec "$0" "$@" {errors}', sys.executable, "-c", WORK]
    done = subprocess.run(shell, cwd=PROJECT, stdout=subprocess.PIPE, text=True, timeout=60, check=False)

    assert (done.stdout, done.returncode) == ("done\n", 3)


def test_what_is_asked_for_and_cannot_be_written_is_a_failure() -> None:
    asked = "from services.cli import output\noutput.say('x')"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", asked], cwd=PROJECT, stdout=full, timeout=60, check=False
        )

    assert done.returncode != 0


def test_warnings_are_on_standard_error() -> None:
    asked = "from services.cli import output\noutput.warn('x' * 200)"
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.stdout, done.stderr) == ("", "x" * 200 + "\n")
