"""A service that dies, or stands still for a while, at named points; and with a bug, if one is wanted.

`python -m tests.chaos.points ingest|scorer|api`. The environment says how:
CHAOS_SEED (what decides), CHAOS_DEATHS and CHAOS_STALLS (the chance at each point), CHAOS_AT (the points, by commas;
all if empty), CHAOS_BUG (one of `bugs.BUGS`, if any).
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

from shared.projection.projections import Projections
from shared.storage.log import Log
from tests.chaos.bugs import BUGS

POINTS = ("append.before", "append.after", "fold.after", "commit.before", "commit.after")
# Long enough for another scorer to take the work over.
_STALL_SECONDS = 2.0


class Fate:
    """What happens at the points of one process."""

    def __init__(self, seed: str, deaths: float, stalls: float, at: str) -> None:
        self._random = random.Random(seed)
        self._points = at.split(",") if at else POINTS
        self._deaths = deaths
        self._stalls = stalls

    def at(self, point: str) -> None:
        """The process reaches a point: it goes on, stands still for a while, or dies as of a power cut."""
        assert point in POINTS
        if point not in self._points:
            return
        drawn = self._random.random()
        if drawn < self._deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        elif drawn < self._deaths + self._stalls:
            time.sleep(_STALL_SECONDS)


def install(fate: Fate) -> None:
    """Puts the points around both Lua calls, and between fold and commit."""
    Log.append = _between(Log.append, fate, "append")  # type: ignore[method-assign]
    Projections.commit = _between(Projections.commit, fate, "commit")  # type: ignore[method-assign]
    commit_of = Projections.commit_of

    @wraps(commit_of)
    def folded(*arguments: Any, **named: Any) -> Any:
        result = commit_of(*arguments, **named)
        fate.at("fold.after")
        return result

    Projections.commit_of = folded  # type: ignore[method-assign]


def _between(call: Callable[..., Any], fate: Fate, name: str) -> Any:
    @wraps(call)
    async def dangerous(*arguments: Any, **named: Any) -> Any:
        fate.at(f"{name}.before")
        result = await call(*arguments, **named)
        fate.at(f"{name}.after")
        return result

    return dangerous


def main() -> None:
    """Runs the service, with its fate."""
    name = sys.argv[1]
    told = os.environ
    if told.get("CHAOS_BUG"):
        BUGS[told["CHAOS_BUG"]]()
    deaths, stalls = float(told["CHAOS_DEATHS"]), float(told["CHAOS_STALLS"])
    install(Fate(told["CHAOS_SEED"], deaths, stalls, told["CHAOS_AT"]))
    sys.exit(import_module(f"services.{name}.app").main())


if __name__ == "__main__":
    main()
