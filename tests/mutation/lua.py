"""Runs the tests of each Lua script against every mutant of it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory

from tests.mutation.lua_mutants import Mutant, mutants
from tests.mutation.outcomes import PROJECT, Outcome

# The tests that should kill a script's mutants, those that fail first in front.
TESTS: Mapping[str, tuple[str, ...]] = {
    "shared/projection/commit.lua": (
        "tests/contract/test_history.py",
        "tests/contract/test_projections.py",
        "tests/contract/test_damage.py",
        "tests/contract/test_lost_logs.py",
        "tests/contract/test_large_changes.py",
    ),
    "shared/storage/append.lua": (
        "tests/contract/test_log.py",
        "tests/contract/test_projections.py",
        "tests/contract/test_lost_logs.py",
    ),
    "shared/storage/behind.lua": ("tests/contract/test_rounds.py", "tests/contract/test_lost_logs.py"),
    "services/api/live/there.lua": ("tests/contract/test_positions.py",),
    "services/scorer/give_up.lua": ("tests/contract/test_take_over.py",),
    "services/scorer/take_over.lua": ("tests/contract/test_take_over.py", "tests/contract/test_lost_logs.py"),
    "services/webhooks/settle.lua": ("tests/contract/test_webhook_store.py",),
    "services/webhooks/replace.lua": ("tests/contract/test_webhook_store.py",),
}
_COPIED = ("services", "shared", "standings", "tests", "examples", "deploy", "pyproject.toml")
# A mutant with which they take longer goes on for ever.
_MOST_SECONDS = 45
_SIDE_BY_SIDE = 2


def outcomes(scripts: Mapping[str, tuple[str, ...]] = TESTS) -> Iterator[Outcome]:
    """The outcome of every mutant, as they come. Raises `AssertionError` if a test fails without any."""
    with TemporaryDirectory() as above, ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        trees: Queue[Path] = Queue()
        for number in range(_SIDE_BY_SIDE):
            trees.put(_copy(Path(above) / str(number)))

        def outcome(script: str, mutant: Mutant) -> Outcome:
            tree = trees.get()
            try:
                killed = not _passes(tree, script, mutant.text, scripts[script])
                return Outcome(script, killed, mutant.before, mutant.after)
            finally:
                trees.put(tree)

        for script, tests in scripts.items():
            text = (PROJECT / script).read_text()
            tree = trees.get()
            assert _passes(tree, script, text, tests), f"{' '.join(tests)}: they fail without any mutant"
            trees.put(tree)
            yield from pool.map(lambda one, script=script: outcome(script, one), mutants(text))


def _copy(to: Path) -> Path:
    for name in _COPIED:
        there = PROJECT / name
        if there.is_dir():
            shutil.copytree(there, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(there, to / name)
    return to


def _passes(tree: Path, script: str, text: str, tests: tuple[str, ...]) -> bool:
    (tree / script).write_text(text)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "-m",
        "not containers",
        *tests,
    ]
    try:
        done = subprocess.run(command, cwd=tree, capture_output=True, timeout=_MOST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    finally:
        (tree / script).write_text((PROJECT / script).read_text())
    return done.returncode == 0
