"""Runs mutmut over the pure code, as `[tool.mutmut]` in pyproject.toml says, and reads what it found."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.mutation.outcomes import PROJECT, Outcome

# A mutant that goes on for ever fails its tests by that; one that ends the process does too.
_KILLED = frozenset({"killed", "timeout", "segfault", "suspicious", "caught by type check"})
_SIDE_BY_SIDE = 2


def outcomes() -> Iterator[Outcome]:
    """The outcome of every mutant. mutmut goes on where it was interrupted, and repeats what has changed since."""
    subprocess.run(
        [sys.executable, "-m", "mutmut", "run", "--max-children", str(_SIDE_BY_SIDE)],
        cwd=PROJECT,
        check=True,
        stdout=sys.stderr,
    )
    told = [line.strip().rsplit(": ", 1) for line in _mutmut("results", "--all", "true").splitlines()]
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        yield from pool.map(lambda one: _outcome(*one), told)


def _outcome(name: str, status: str) -> Outcome:
    module = name.rsplit(".", 1)[0]
    where = module.replace(".", "/") + ".py"
    return Outcome(where, True, "", "") if status in _KILLED else Outcome(where, False, *_change(name))


def _change(name: str) -> tuple[str, str]:
    """The lines that a mutant changes, before and after."""
    lines = [line for line in _mutmut("show", name).splitlines() if not line.startswith(("---", "+++"))]
    was, becomes = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return was, becomes


def _mutmut(*asked: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *asked], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    return done.stdout
