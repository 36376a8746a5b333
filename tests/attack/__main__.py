"""`make attack`: every attack against a deployment of its own. 1 if one of them does harm."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.attack.cases import named, scaled
from tests.attack.run import Outcome, deployed

_HEAD = f"{'attack':<41} {'s':>5} {'+MB':>4}  /readyz ms: p50  p99  longest"


def main() -> int:
    """Runs all cases, or those whose name has some words."""
    arguments = argparse.ArgumentParser(description="Attack Standings and see whether it stands.")
    arguments.add_argument("--only", default="", help="cases whose name has these words")
    arguments.add_argument("--share", type=float, default=1.0, help="of what each case sends (default: 1)")
    given = arguments.parse_args()
    harmed = 0
    with (
        tempfile.TemporaryDirectory(prefix="standings-attack-") as directory,
        deployed(Path(directory)) as deployment,
    ):
        print(_HEAD, flush=True)  # noqa: T201
        for case in named(given.only):
            outcome = deployment.run(scaled(case, given.share))
            print(*_lines(outcome), sep="\n", flush=True)  # noqa: T201
            harmed += bool(outcome.wrong)
    print(f"{harmed} of them did harm")  # noqa: T201
    return 1 if harmed else 0


def _lines(outcome: Outcome) -> list[str]:
    ready = outcome.ready
    took = f"{ready.median:14.0f} {ready.p99:4.0f} {ready.longest:8.0f}"
    answers = ", ".join(f"{count} x {answer}" for answer, count in outcome.answers.most_common(3))
    failed = [f"  /readyz failed {ready.failed} times"] if ready.failed else []
    return [
        f"{outcome.name:<41.41} {outcome.seconds:5.1f} {outcome.grown_mb:4.0f} {took}",
        *([f"  {answers[:76]}"] if answers else []),
        *failed,
        *(f"  HARM: {what}" for what in outcome.wrong),
    ]


if __name__ == "__main__":
    sys.exit(main())
