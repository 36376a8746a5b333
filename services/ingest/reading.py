"""Commands as JSON texts: a line of a batch, a message of the inbox."""

import json
from typing import Any

import orjson
from pydantic import ValidationError

from services.ingest.commands import COMMAND, Command
from shared.domain.errors import Invalid
from shared.problems import invalid
from shared.text import MOST_OF_A_VALUE, shown

# Bytes. The longest command with every text at its bound and no candidates is half as long.
LONGEST = 64 * 1024


def object_of(text: bytes, field: str) -> dict[str, Any]:
    """The JSON object that a text is; of equal keys the last counts. Raises `Invalid`, naming `field`."""
    if len(text) > LONGEST:
        raise too_long(len(text), field)
    said = _json(text, field)
    if not isinstance(said, dict):
        raise Invalid(field, shown(said), f"{field}: not a JSON object", "send one JSON object")
    return said


def command_of(said: dict[str, Any]) -> Command:
    """The command that an object says. Raises `Invalid`."""
    try:
        return COMMAND.validate_python(said)
    except ValidationError as error:
        raise invalid(error) from None


def too_long(size: int, field: str) -> Invalid:
    """That a text is longer than is read."""
    return Invalid(field, size, f"the {field} is too long", f"a {field} has at most {LONGEST} bytes")


def _json(text: bytes, field: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        why = str(error)
    try:
        # What orjson refuses as a whole, such as half of a character, is refused with its own field named.
        return json.loads(text.decode())
    except (ValueError, RecursionError):
        begins = text[:MOST_OF_A_VALUE].decode(errors="replace")
        raise Invalid(field, begins, f"{field}: not JSON: {why}", "send one JSON object") from None
