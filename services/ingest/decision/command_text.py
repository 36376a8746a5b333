"""Commands as JSON texts: a line of a batch, a message of the inbox."""

import json
from typing import Any

import orjson
from pydantic import ValidationError

from services.ingest.decision.commands import COMMAND, COMMANDS, Command
from shared.domain.errors import Invalid
from shared.http.problems import invalid
from shared.values.text import MOST_OF_A_VALUE, shown

# Bytes of a line: a command whose texts are all as long as they may be has a third of that in ASCII. One that opens a
# contest with hundreds of candidates may need a request or a message of its own.
LONGEST = 64 * 1024
LONGEST_MESSAGE = 1024 * 1024


def object_of(text: bytes, field: str, longest: int = LONGEST) -> dict[str, Any]:
    """The JSON object that a text is; of equal keys the last counts. Raises `Invalid`, naming `field`."""
    if len(text) > longest:
        why = f"the {field} is too long: it has more than {longest} bytes"
        raise Invalid(field, _beginning(text), why, f"send at most {longest} bytes")
    said = _json(text, field)
    if not isinstance(said, dict):
        raise Invalid(field, shown(said), f"{field}: not a JSON object", "send one JSON object")
    return said


def command_of(said: dict[str, Any]) -> Command:
    """The command that an object says. Raises `Invalid`."""
    try:
        return COMMAND.validate_python(said)
    except ValidationError as error:
        raise invalid(error, COMMANDS) from None


def _json(text: bytes, field: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        why = str(error)
    try:
        # What orjson refuses as a whole, such as half of a character, is refused with its own field named.
        return json.loads(text.decode())
    except (ValueError, RecursionError):
        raise Invalid(field, _beginning(text), f"{field}: not JSON: {why}", "send one JSON object") from None


def _beginning(text: bytes) -> str:
    return text[:MOST_OF_A_VALUE].decode(errors="replace")
