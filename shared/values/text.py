"""Text at the door: which characters are refused in it, and how any value, however odd, is told. Pure.

Only what comes in is measured by this: what is stored reads as it was written.
"""

import math
import re
import reprlib
import unicodedata
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator

# As much of a value, a field's name or a sentence as a problem or a log line tells.
MOST_OF_A_VALUE = 200
MOST_OF_A_SENTENCE = 1000
_WIDEST = 2**64
# Python refuses to write longer integers in decimals.
_MOST_DIGITS = 4000
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = MOST_OF_A_VALUE

# Control characters, line ends, what turns the direction of the text after it, and halves of characters.
_TURNING = "\u202a-\u202e\u2066-\u2069"
_HALVES = "\ud800-\udfff"
_UNFIT_IN_A_LINE = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029{_TURNING}{_HALVES}]")
_UNFIT_IN_LINES = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{_TURNING}{_HALVES}]")
# What decoders put where something is not UTF-8.
_REPLACEMENT = "\ufffd"


def unfit_in_line(text: str) -> str:
    """Which character of a text of one line is refused, and where; empty if none is."""
    return "" if text.isprintable() else _unfit(text, _UNFIT_IN_A_LINE)


def unfit_in_lines(text: str) -> str:
    """The same of a text that may have line ends and tabs."""
    return "" if text.isprintable() else _unfit(text, _UNFIT_IN_LINES)


def _unfit(text: str, pattern: re.Pattern[str]) -> str:
    match = pattern.search(text)
    return f"{_name(match[0])} is refused, and stands at character {match.start() + 1}" if match else ""


def _name(character: str) -> str:
    kinds = {"Cc": "a control character", "Cs": "half of a character"}
    what = kinds.get(unicodedata.category(character)) or unicodedata.name(character, "without a name").lower()
    return f"U+{ord(character):04X} ({what})"


def _line(text: str) -> str:
    if unfit := unfit_in_line(text):
        raise ValueError(unfit)
    return text


def _lines(text: str) -> str:
    if unfit := unfit_in_lines(text):
        raise ValueError(unfit)
    return text


def _parameter(text: str) -> str:
    if _REPLACEMENT in text:
        raise ValueError("it is not UTF-8")
    return _line(text)


# Fields of models: a text of one line, one of several, and one from an address, which must be UTF-8.
Line = Annotated[str, AfterValidator(_line)]
Lines = Annotated[str, AfterValidator(_lines)]
Parameter = Annotated[str, AfterValidator(_parameter)]


def sentence(text: str, most: int = MOST_OF_A_SENTENCE) -> str:
    """A text as one line of so many characters at most; what cannot be printed is escaped. Never fails."""
    cut = text if len(text) <= most else text[:most] + "…"
    return (
        cut
        if cut.isprintable()
        else "".join(character if character.isprintable() else _escaped(character) for character in cut)
    )


def _escaped(character: str) -> str:
    return repr(character)[1:-1]


def shown(value: object) -> object:
    """A value as JSON can tell it, cut where it is long. Never fails."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_WIDEST // 2 <= value < _WIDEST else _digits(value)
    if isinstance(value, Decimal):
        return str(value)[:MOST_OF_A_VALUE]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    text = value if isinstance(value, str) else _read(value)
    return whole(text[:MOST_OF_A_VALUE])[:MOST_OF_A_VALUE]


def plain(value: object, depth: int = 8) -> object:
    """An object as JSON can tell it, all of it: for what is made of our own and others' parts. Never fails."""
    if isinstance(value, str):
        return whole(value)
    if depth and isinstance(value, dict):
        return {_key(name): plain(item, depth - 1) for name, item in value.items()}
    if depth and isinstance(value, list | tuple):
        return [plain(item, depth - 1) for item in value]
    return shown(value)


def whole(text: str) -> str:
    """A text with halves of characters escaped: it can be encoded."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _key(name: object) -> str:
    return whole(name) if isinstance(name, str) else _read(name)


def _digits(number: int) -> str:
    if number.bit_length() > 3 * _MOST_DIGITS:
        return f"an integer of {number.bit_length()} bits"
    digits = str(number)
    return digits if len(digits) <= MOST_OF_A_VALUE else digits[:MOST_OF_A_VALUE] + "…"


def _read(value: object) -> str:
    """How a value reads, of which only as much is looked at as is told."""
    try:
        return whole(_REPR.repr(value))
    except Exception:
        return f"<{type(value).__name__}>"
