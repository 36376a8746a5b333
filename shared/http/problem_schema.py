"""What a problem looks like (RFC 9457), for the services' OpenAPI documents. Nothing is validated with it."""

from typing import Any, Final

from shared.http.problems import PROBLEM


def _text(description: str) -> dict[str, str]:
    return {"type": "string", "description": description}


# Its name among the schemas of a document.
COMPONENT: Final = "Problem"
SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": _text("which kind of problem; its address explains it"),
        "title": _text("the kind in words"),
        "status": {"type": "integer", "description": "the HTTP status"},
        "detail": _text("what is wrong here"),
        "field": _text("which field or parameter"),
        "value": {"description": "what it was, shortened"},
        "way_out": _text("what to do instead"),
        "more_errors": {"type": "integer", "description": "how many more fields are wrong (422)"},
    },
}


def problems_of(
    meanings: dict[int, str], example: dict[str, Any] | None = None
) -> dict[int | str, dict[str, Any]]:
    """The descriptions of problems by status, as FastAPI's `responses` takes them."""
    told: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{COMPONENT}"}}
    if example is not None:
        told["example"] = example
    return {
        status: {"description": meaning, "content": {PROBLEM: told}} for status, meaning in meanings.items()
    }
