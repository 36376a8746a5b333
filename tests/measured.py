"""How much memory something takes, measured in a process of its own."""

import subprocess
import sys

from tests.servers import PROJECT

_MEASURE = """
import resource
def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = most()
{work}
print(most() - before)
"""


def megabytes_more(imports: str, work: str) -> float:
    """By how many megabytes the process that does the work grows at most, after what it imports is there."""
    done = subprocess.run(
        [sys.executable, "-c", imports + _MEASURE.format(work=work)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.splitlines()[-1]) / 1024
