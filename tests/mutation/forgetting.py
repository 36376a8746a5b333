"""A pytest plugin: what functions remember of earlier calls is forgotten at the start.

Mutants are run in forks of a process that ran every test before, and what was remembered then would be answered again.
"""

import sys


def pytest_sessionstart() -> None:
    """Clears every cache of the project's functions."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in {"services", "shared", "standings"}:
            for value in list(vars(module).values()):
                if callable(clear := getattr(value, "cache_clear", None)):
                    clear()
