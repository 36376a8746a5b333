"""`python -m tests.mutation [lua|python …]`: mutants of the Lua scripts and of the pure Python code; exit code 1 where
too many survive, or one that is not listed in `survivors.toml`."""

import sys

from tests.mutation import lua, python
from tests.mutation.outcomes import Report, survivors

KINDS = {"lua": lua.outcomes, "python": python.outcomes}


def main(kinds: list[str]) -> int:
    """Runs these kinds of mutants, or all, with a sign for each as it comes: a dot, or an S if it survived."""
    if unknown := set(kinds) - KINDS.keys():
        sys.exit(f"{' '.join(sorted(unknown))}: choose of {' '.join(KINDS)}")
    report = Report(survivors())
    for kind in kinds or KINDS:
        for outcome in KINDS[kind]():
            report.add(outcome)
            sys.stderr.write("." if outcome.killed else "S")
            sys.stderr.flush()
    sys.stdout.writelines(f"{line}\n" for line in report.lines())
    return 0 if report.is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
