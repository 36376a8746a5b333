"""The AsyncAPI document is valid AsyncAPI 3, and says of changes what is so."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import orjson
import pytest
from pydantic import ValidationError
from pydantic_asyncapi import AsyncAPI

from services.api.web import asyncapi, examples
from shared.changes.cloud_event import reset_event

DOCUMENT = asyncapi.document()


def values(value: Any) -> Iterator[Any]:
    yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from values(one)


def closed(value: Any) -> Any:
    """The schemas with nothing allowed that they do not name."""
    if isinstance(value, dict):
        more = {"additionalProperties": False} if "properties" in value else {}
        return {name: closed(one) for name, one in value.items()} | more
    return [closed(one) for one in value] if isinstance(value, list) else value


def validator(name: str) -> Any:
    schemas = closed(DOCUMENT["components"]["schemas"])
    root = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
    return jsonschema_rs.Draft7Validator(root, validate_formats=True)


def test_it_is_asyncapi_3() -> None:
    AsyncAPI.model_validate(DOCUMENT)

    assert DOCUMENT["asyncapi"] == "3.0.0"


@pytest.mark.parametrize(
    "broken", [{"channels": {"x": {"address": 1}}}, {"info": {}}, {"operations": {"x": {}}}]
)
def test_what_is_not_would_be_found(broken: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AsyncAPI.model_validate(DOCUMENT | broken)


def test_every_reference_leads_somewhere() -> None:
    references = [one["$ref"] for one in values(DOCUMENT) if isinstance(one, dict) and "$ref" in one]

    assert references
    for reference in references:
        found: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_every_parameter_of_an_address_is_explained() -> None:
    [channel] = DOCUMENT["channels"].values()

    assert channel["address"].count("{") == len(channel["parameters"])
    for name, parameter in channel["parameters"].items():
        for example in parameter["examples"]:
            assert channel["address"].replace(f"{{{name}}}", example).startswith("standings:{p")


def test_the_example_is_one() -> None:
    [message] = DOCUMENT["components"]["messages"].values()

    for example in message["examples"]:
        assert validator("Entry").is_valid(example["payload"])
    for change in examples.CHANGES["changes"]:
        assert list(validator("Change").iter_errors(change)) == []


def test_a_reset_is_one_of_the_two_kinds_of_entries() -> None:
    [message] = DOCUMENT["components"]["messages"].values()
    payload = DOCUMENT["components"]["schemas"][message["payload"]["$ref"].rpartition("/")[2]]

    assert [one["$ref"].rpartition("/")[2] for one in payload["anyOf"]] == ["Entry", "ResetEntry"]
    reset = orjson.loads(reset_event("race", 5, "1f2e3d4c5b6a7988", "7-8f9e0d1c2b3a4958"))
    assert list(validator("ResetEvent").iter_errors(reset)) == []


def test_the_page_tells_every_field() -> None:
    page = asyncapi.page()

    for path in (
        "contest",
        "event.data.cause.endorser.id",
        "event.data.scores[].before.rank",
        "event.data.way_out",
    ):
        assert f"<code>{path}</code>" in page
