"""The documentation can be read side by side: no line of prose is longer than 110 characters."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import PROJECT

WIDEST = 110
DOCUMENTS = [
    *PROJECT.glob("*.md"),
    *(path for top in ("deploy", "docs", "examples", "standings") for path in (PROJECT / top).rglob("*.md")),
]
# A line is never broken within these.
WHOLE = re.compile(r"`[^`]*`|!?\[[^\]]*\]\([^)]*\)")


def prose(text: str) -> Iterator[str]:
    """The lines that are neither code nor a row of a table."""
    code = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            code = not code
        elif not code and not line.lstrip().startswith("|"):
            yield line


def too_wide(line: str) -> bool:
    return len(line) > WIDEST and " " in WHOLE.sub("", line.lstrip(" -*")).strip()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_no_line_of_prose_is_longer_than_110_characters(document: Path) -> None:
    assert [line for line in prose(document.read_text(encoding="utf-8")) if too_wide(line)] == []


@pytest.mark.parametrize(("length", "refused"), [(110, False), (111, True)])
def test_a_line_has_at_most_110_characters(length: int, refused: bool) -> None:
    assert too_wide("word " + "x" * (length - 5)) == refused
