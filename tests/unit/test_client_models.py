"""The client's models against those of the API's OpenAPI document: what the API says, the client takes."""

import inspect
from typing import Any

import pytest
from pydantic import BaseModel

from services.api.web.schemas import changes, common, contests, over_time, standings
from standings.client import models

# What the API answers with, by the client's name of it.
SAID: dict[type[BaseModel], type[BaseModel]] = {
    models.Candidate: contests.Candidate,
    models.Contest: contests.Contest,
    models.PointInTime: common.PointInTime,
    models.PolicyName: common.PolicyName,
    models.Count: contests.Endorsers,
    models.Line: standings.Line,
    models.Standings: standings.Standings,
    models.Scores: over_time.Scores,
    models.Timeline: over_time.Timeline,
    models.Posting: changes.Posting,
    models.Place: changes.Place,
    models.Move: changes.Move,
    models.Endorser: changes.EndorserName,
    models.Source: changes.CauseSource,
    models.Cause: changes.Cause,
    models.ChangeData: changes.ChangeData,
    models.Change: changes.Change,
}


def test_every_model_of_the_client_is_compared() -> None:
    made = {
        kind
        for name, kind in inspect.getmembers(models, inspect.isclass)
        if kind.__module__ == models.__name__ and not name.startswith("_")
    }

    assert made == SAID.keys()


@pytest.mark.parametrize("taken", SAID, ids=lambda kind: kind.__name__)
def test_the_client_takes_what_the_api_says(taken: type[BaseModel]) -> None:
    api = SAID[taken].model_json_schema(mode="serialization")
    client = taken.model_json_schema(mode="validation")

    for name, field in client["properties"].items():
        assert name in api["properties"], f"the API does not say {name}"
        assert kinds(api["properties"][name], api) <= kinds(field, client), name
    for name in client.get("required", []):
        assert name in api["required"], f"the API may leave {name} out"


def kinds(schema: dict[str, Any], whole: dict[str, Any]) -> set[str]:
    """The types that a value may have, instants and choices told from other texts."""
    if "$ref" in schema:
        return kinds(whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
    if "anyOf" in schema:
        return {kind for one in schema["anyOf"] for kind in kinds(one, whole)}
    if "enum" in schema or "const" in schema:
        return set(schema.get("enum", [schema.get("const")]))
    if "items" in schema:
        return {f"list of {kind}" for kind in kinds(schema["items"], whole)}
    if isinstance(schema.get("additionalProperties"), dict):
        return {f"{kind} by name" for kind in kinds(schema["additionalProperties"], whole)}
    return {schema.get("format", schema["type"])}
