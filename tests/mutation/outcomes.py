"""What came of mutants, and which may survive."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parents[2]
_SURVIVORS = Path(__file__).with_name("survivors.toml")
# Of a hundred mutants, so many have to be killed.
LEAST_PERCENT = 95.0


class Outcome(NamedTuple):
    """Whether some test failed for a mutant of a file; of one that survived, the lines before and after."""

    file: str
    killed: bool
    before: str
    after: str


class Survivor(NamedTuple):
    """A mutant that may survive, and why."""

    file: str
    after: str
    why: str


def survivors() -> list[Survivor]:
    """Those of `survivors.toml`: under each file, the changed line and the reason."""
    listed = tomllib.loads(_SURVIVORS.read_text())
    return [
        Survivor(file, after, why)
        for file, reasons in listed.items()
        for why, lines in reasons.items()
        for after in lines
    ]


class Report:
    """Counts outcomes by file."""

    def __init__(self, allowed: Iterable[Survivor]) -> None:
        self._allowed = {(one.file, one.after) for one in allowed}
        self._mutants: Counter[str] = Counter()
        self._killed: Counter[str] = Counter()
        self.unexplained: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        """Takes in the next one."""
        self._mutants[outcome.file] += 1
        self._killed[outcome.file] += outcome.killed
        if not outcome.killed and (outcome.file, outcome.after) not in self._allowed:
            self.unexplained.append(outcome)

    @property
    def percent(self) -> float:
        """How many mutants of a hundred were killed."""
        return 100 * self._killed.total() / max(self._mutants.total(), 1)

    @property
    def is_good(self) -> bool:
        """Whether enough were killed, and every other one has a reason."""
        return self.percent >= LEAST_PERCENT and not self.unexplained

    def lines(self) -> Iterator[str]:
        """The report, for people."""
        for one in self.unexplained:
            yield f"survived: {one.file}"
            yield f"  - {one.before}"
            yield f"  + {one.after}"
        for file, mutants in sorted(self._mutants.items()):
            yield f"{file:44} {self._killed[file]:5} of {mutants:5} killed"
        total, killed = self._mutants.total(), self._killed.total()
        yield (
            f"{killed} of {total} mutants killed: {self.percent:.1f} %; {total - killed} survived, "
            f"{len(self.unexplained)} of them without a reason in survivors.toml"
        )
