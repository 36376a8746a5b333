"""The changes stream as an AsyncAPI 3 document, and as a page to read.

FastStream makes the document of what a scorer publishes. What it adds that does not hold here is taken out: entries
are plain fields and not its envelope, and an address in braces is a parameter to AsyncAPI.
"""

from collections.abc import Iterator
from functools import cache
from html import escape
from typing import Any, cast

import orjson
from faststream.redis import RedisBroker
from faststream.specification import AsyncAPI
from pydantic import BaseModel, Field, Json

from services.api.web import examples
from services.api.web.schemas.changes import ResetEvent
from shared.storage.redis_keys import CHANGES
from standings.client import Change

_EXAMPLE: Any = examples.CHANGES["changes"][0]
_EXAMPLE_HISTORIES = {"history": "1f2e3d4c5b6a7988", "follows": "8f9e0d1c2b3a4958"}
_CHANNEL = "changes"
_DESCRIPTION = """One entry for every version of every contest, written in the same step as the version itself: exactly
one, and in order within a contest. Where a contest's log lost what was published, an entry without a version comes
first: its event is a reset, and what you have of the contest is to be forgotten. Entries are plain fields. They stay
for STANDINGS_CHANGES_KEPT_HOURS; older changes of a contest are at /v1/contests/{contest}/changes of the API, from its
first version on: to the same bytes as long as the deployment's policies are the same, else under those of today."""
_PARTITION = (
    "one of the deployment's partitions, in braces: a contest's is crc32(contest) mod STANDINGS_PARTITIONS"
)


class Entry(BaseModel):
    """An entry of the changes stream."""

    contest: str = Field(description="the contest's id", examples=["us-president-2020-dem"])
    version: int = Field(ge=1, description="the contest's version, in decimal digits")
    event: Json[Change] = Field(description="the change as a CloudEvent, in JSON")
    history: str = Field(
        default="",
        pattern="^([0-9a-f]{16})?$",
        description="the history that the version ends: a digest of all that the contest's log had up to it; left out "
        "by an earlier release",
    )
    follows: str = Field(
        default="",
        pattern="^([0-9a-f]{16})?$",
        description="the history that it goes on from: if you saw another one with the version before, begin anew",
    )


class ResetEntry(BaseModel):
    """An entry of the changes stream that is no version: the changes of the contest behind it are of another history
    than those before."""

    contest: str = Field(description="the contest's id", examples=["us-president-2020-dem"])
    event: Json[ResetEvent] = Field(description="the reset as a CloudEvent, in JSON")
    history: str = Field(
        pattern="^([0-9a-f]{16})?$", description="the history that the changes behind it go on from"
    )


@cache
def document() -> dict[str, Any]:
    """The AsyncAPI 3 document."""
    broker = RedisBroker("redis://localhost:6379")
    broker.publisher(stream=CHANGES, title=_CHANNEL, description=_DESCRIPTION, schema=Entry | ResetEntry)
    made = AsyncAPI(
        broker, title="Standings: changes", version="1", schema_version="3.0.0"
    ).to_specification()
    described: dict[str, Any] = orjson.loads(made.to_json())
    channel = described["channels"][_CHANNEL]
    channel["parameters"] = {"partition": {"description": _PARTITION, "examples": ["{p00}", "{p01}"]}}
    # AsyncAPI's Redis bindings have no fields, and a deployment says itself where its server is.
    del channel["bindings"], channel["servers"], described["servers"]
    [message] = described["components"]["messages"].values()
    del message["correlationId"]
    entry = {name: _EXAMPLE["data"][name] for name in ("contest", "version")}
    entry |= {"event": orjson.dumps(_EXAMPLE).decode(), **_EXAMPLE_HISTORIES}
    message["examples"] = [{"payload": entry}]
    return described


def page() -> str:
    """The document as HTML that needs nothing else."""
    told = document()
    channel, schemas = told["channels"][_CHANNEL], told["components"]["schemas"]
    example = orjson.dumps(_EXAMPLE, option=orjson.OPT_INDENT_2).decode()
    parameters = "".join(
        f"<li><code>{escape(name)}</code>: {escape(parameter['description'])}</li>"
        for name, parameter in channel["parameters"].items()
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(told["info"]["title"])}</title><style>{_STYLE}</style></head><body>
<h1>{escape(told["info"]["title"])}</h1>
<p>AsyncAPI {escape(told["asyncapi"])}: <a href="asyncapi.json">asyncapi.json</a></p>
<h2>Redis stream <code>{escape(channel["address"])}</code></h2>
<p>{escape(channel["description"])}</p><ul>{parameters}</ul>
<h2>An entry</h2>{_table("Entry", schemas)}
<h2>The event of one</h2><pre>{escape(example)}</pre>
<h2>An entry that is a reset</h2>{_table("ResetEntry", schemas)}
</body></html>"""


_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;padding:.3rem .6rem}
td,th{text-align:left;vertical-align:top}
pre{background:#f4f4f4;padding:1rem;overflow:auto}td code{white-space:nowrap}h2 code{overflow-wrap:anywhere}
@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}pre{background:#222}a{color:#8cf}}"""


def _table(name: str, schemas: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(path)}</code></td><td>{escape(kind)}</td><td>{escape(says)}</td></tr>"
        for path, kind, says in _fields("", schemas[name], schemas)
    )
    return f"<table><thead><tr><th>field</th><th>type</th><th></th></tr></thead><tbody>{rows}</tbody></table>"


def _fields(path: str, schema: dict[str, Any], schemas: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Each field's path, type and meaning, those of nested objects behind it."""
    for name, field in schema["properties"].items():
        at = f"{path}.{name}" if path else name
        inner = _inner(field, schemas)
        says = field.get("description") or (inner or {}).get("description", "")
        yield at + ("[]" if field.get("type") == "array" else ""), _kind(field, inner), says
        if inner:
            yield from _fields(at + ("[]" if field.get("type") == "array" else ""), inner, schemas)


def _inner(field: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any] | None:
    """The object that a field holds, if it does: itself, as JSON, in a list, or perhaps."""
    choices = [field, field.get("items", {}), field.get("contentSchema", {}), *field.get("anyOf", [])]
    named = [choice["$ref"].rpartition("/")[2] for choice in choices if "$ref" in choice]
    return cast(dict[str, Any], schemas[named[0]]) if named else None


def _kind(field: dict[str, Any], inner: dict[str, Any] | None) -> str:
    if "const" in field or "enum" in field:
        return " or ".join(field.get("enum", [field.get("const")]))
    if "anyOf" in field:
        return " or ".join(_kind(choice, None) for choice in field["anyOf"])
    if field.get("type") == "array":
        return "list of objects" if inner else "list"
    if "contentSchema" in field:
        return "string: JSON of an object"
    return str(field.get("format") or field.get("type") or "object")
