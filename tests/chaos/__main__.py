"""`make chaos`: chaos for as long as you like. The seed decides what the nemesis does."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos.processes import Setup
from tests.chaos.run import run


def main() -> int:
    """Runs one seed after the other; 1 if anything was violated."""
    arguments = argparse.ArgumentParser(description="Hurt Standings and see whether its promises hold.")
    arguments.add_argument("--seconds", type=float, default=120)
    arguments.add_argument("--seed", type=int, action="append", help="may be given again (default: 1)")
    arguments.add_argument("--ingests", type=int, default=2)
    arguments.add_argument("--scorers", type=int, default=2)
    given = arguments.parse_args()
    violated = False
    for seed in given.seed or [1]:
        with tempfile.TemporaryDirectory(prefix="standings-chaos-") as directory:
            report = run(Setup(seed, given.ingests, given.scorers), given.seconds, Path(directory))
        print(*report.lines(), sep="\n", flush=True)  # noqa: T201
        violated = violated or bool(report.violations)
    return 1 if violated else 0


if __name__ == "__main__":
    sys.exit(main())
