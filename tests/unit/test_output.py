"""What the command line says on the side stops nothing that it does."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.cli import archives, imports, output, over_time
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


NOW = {"asked": None, "instant": "2026-01-01T00:00:00.000000Z"}
# What rich would read as an end of nothing, as a style, and as an emoji.
ODD = "a [/] [sic] :cat:"
ANSWER: dict[str, Any] = {
    "contest": "race",
    "title": ODD,
    "version": 7,
    "valid_at": NOW,
    "known_at": NOW,
    "clock": "server",
    "policy": {"id": "headcount", "version": 1},
    "revised": False,
    "foresees": False,
}
LINE = {"candidate": "ann", "name": ODD, "score": 1, "low": 1, "high": 1, "rank": 1, "withdrew_at": None}
STANDINGS = ANSWER | {"standings": [LINE | {"counts": {ODD: {"count": 1, "members": 0}}}]}
OTHER_STANDINGS = ANSWER | {"standings": [LINE | {"score": 2}]}
ENDORSEMENT = {
    "endorser": {"name": ODD},
    "category": ODD,
    "candidate": "ann",
    "announced_at": "2026-01-01",
    "retracted_at": None,
    "endorsement": "e1",
}
EVENT = {"version": 7, "known_at": NOW["instant"], "type": "contest.opened", "event": {"contest": ODD}}
REVISION = EVENT | {"effect": {ODD: 1}, "endorsement": ENDORSEMENT}
CHANGE = {"name": ODD, "from_score": 1, "to_score": 2, "change": 1, "from_rank": 1, "to_rank": 1}
DIFF = ANSWER | {
    "changes": [CHANGE],
    "from": ANSWER,
    "to": ANSWER,
    "events": [REVISION],
    "more_events": False,
}
POINT = {"at": NOW["instant"], "scores": {"ann": 1}}
TIMELINE = ANSWER | {"axis": "valid", "points": [POINT, POINT]}
REVISIONS = ANSWER | {"revisions": [REVISION], "published_version": 3}
MOVED = [{"contest": "race", "version": 7, "file": ODD}]


def moments() -> None:
    output.side_by_side(ODD, [(ODD, OTHER_STANDINGS), ("then", STANDINGS), ("before", OTHER_STANDINGS)])


PRINTED: dict[str, Callable[[], None]] = {
    "a line": lambda: output.say(ODD),
    "standings": lambda: output.standings(STANDINGS),
    "moments": moments,
    "endorsements": lambda: output.endorsements(ANSWER | {"endorsements": [ENDORSEMENT]}),
    "events": lambda: output.events(ANSWER | {"events": [EVENT]}),
    "a timeline": lambda: over_time.timeline(TIMELINE, {"ann": ODD}, 1),
    "a difference": lambda: over_time.diff(DIFF),
    "revisions": lambda: over_time.revisions(REVISIONS),
    "archives": lambda: archives.show_moved(MOVED, json=False),
}


@pytest.mark.parametrize("name", PRINTED)
def test_data_is_printed_as_it_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output.out, "width", 200)
    with output.out.capture() as capture:
        PRINTED[name]()

    shown = capture.get()
    assert shown.count("[/]") == shown.count(ODD) > 0


def test_a_files_name_is_shown_as_it_is_beside_its_progress() -> None:
    with output.err.capture() as capture, imports.bar(ODD, 1):
        pass

    assert ODD in capture.get()


def test_that_there_are_no_dead_letters_is_said() -> None:
    with output.out.capture() as none:
        output.dead_letters({"dead_letters": []})
    with output.out.capture() as some:
        output.dead_letters(
            {"dead_letters": [{"letter": "1-0", "reason": {"detail": "no"}, "message": "{}"}]}
        )

    assert none.get().startswith("There are no dead letters")
    assert some.get() == "1-0  no\n    {}\n"
