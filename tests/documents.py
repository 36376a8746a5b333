"""Real answers against what a service's OpenAPI document says of them."""

from typing import Any

import httpx
import jsonschema_rs

JSON = "application/json"


def said_of(document: dict[str, Any], path: str, method: str, answer: httpx.Response) -> Any:
    """What the document says of an answer: the schema of its status and media type. Raises `KeyError`."""
    told = document["paths"][path][method]["responses"][str(answer.status_code)]["content"]
    return told[answer.headers["content-type"]]["schema"]


def check(document: dict[str, Any], path: str, method: str, answer: httpx.Response) -> None:
    """Raises where a JSON answer is not as the document says, or a good one has a field that it does not name."""
    schema = said_of(document, path, method, answer)
    check_value(document, schema, answer.json(), closed=answer.is_success)


def check_value(document: dict[str, Any], schema: Any, value: Any, *, closed: bool = True) -> None:
    """Raises where a value is not as a schema of the document says or, `closed`, has a field that it does not name."""
    whole = {**schema, "components": document["components"]}
    whole = _closed(whole) if closed else whole
    jsonschema_rs.validator_for(whole, validate_formats=True).validate(value)


def _closed(schema: Any) -> Any:
    """The schema with every field that it does not name forbidden: documents leave room for later releases."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _closed(one) for name, one in schema.items()}
    return found | {"additionalProperties": False} if isinstance(found.get("properties"), dict) else found
