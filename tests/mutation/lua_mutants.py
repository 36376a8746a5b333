"""Mutants of a Lua script: each is the script with one small change that should make a test fail."""

import re
from collections.abc import Iterator
from typing import NamedTuple

# What is left alone: comments, and texts in quotes but for what is between the quotes.
_COMMENT = re.compile(r"--[^\n]*")
_TEXT = re.compile(r"'[^'\n]*'")
_COMMAND = re.compile(r"redis\.p?call\($")
_GUARD = re.compile(r"^[ \t]*if [^\n]* then return\b[^\n]* end(?: --[^\n]*)?$", re.MULTILINE)
_STATEMENT = re.compile(r"^[ \t]*redis\.call\([^\n]*\)$", re.MULTILINE)

_SWAPS = (
    (r"==", "~="),
    (r"~=", "=="),
    (r"<=", "<"),
    (r">=", ">"),
    (r"<(?!=)", "<="),
    (r"(?<![-~=])>(?!=)", ">="),
    (r"\band\b", "or"),
    (r"\bor\b", "and"),
    (r"\bnot ", ""),
    (r"\btrue\b", "false"),
    (r"\bfalse\b", "true"),
    (r" \+ ", " - "),
    (r" - ", " + "),
    (r" \* ", " / "),
    (r" / ", " * "),
)
_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.])")


class Mutant(NamedTuple):
    """A script with one change: its whole text, and the line (from 1) as it was and as it is."""

    text: str
    line: int
    before: str
    after: str


def mutants(script: str) -> Iterator[Mutant]:
    """Every mutant of a script, by what kind of change it is and then by line."""
    code = _blanked(script)
    for pattern, becomes in _SWAPS:
        for found in re.finditer(pattern, code):
            yield _mutant(script, found.start(), found.end(), becomes)
    for found in _NUMBER.finditer(code):
        if script.endswith("'COUNT', ", 0, found.start()):
            continue  # to read more than is used changes nothing
        yield _mutant(script, found.start(), found.end(), str(int(found[0]) + 1))
    for text in _TEXT.finditer(_without_comments(script)):
        if not _COMMAND.search(script[: text.start()]):
            yield _mutant(script, text.start(), text.end(), "'?'" if text[0] == "''" else "''")
    for statement in (*_GUARD.finditer(script), *_STATEMENT.finditer(script)):
        yield _mutant(script, statement.start(), statement.end(), "")


def _without_comments(script: str) -> str:
    return _COMMENT.sub(lambda found: " " * len(found[0]), script)


def _blanked(script: str) -> str:
    """Without comments and texts, everything else where it was."""
    return _TEXT.sub(lambda found: "'" + "_" * (len(found[0]) - 2) + "'", _without_comments(script))


def _mutant(script: str, start: int, end: int, becomes: str) -> Mutant:
    text = script[:start] + becomes + script[end:]
    number = script.count("\n", 0, end)
    before, after = script.split("\n")[number], text.split("\n")[number - script.count("\n", start, end)]
    return Mutant(text, number + 1, before.strip(), after.strip())
