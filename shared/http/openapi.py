"""The services' OpenAPI documents. What answers look like is added when a document is first asked for."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.config import JsonDict
from pydantic.json_schema import models_json_schema

_COMPONENT = "#/components/schemas/{model}"
JSON = "application/json"
_LICENSE = {"name": "Apache License 2.0", "identifier": "Apache-2.0"}
_SERVERS = [{"url": "/", "description": "where this document is from"}]


def json_of(model: str) -> dict[str, Any]:
    """The content of an answer in JSON that is as the model of this name says."""
    return {JSON: {"schema": reference(model)}}


def reference(model: str) -> dict[str, str]:
    """The schema that is another one of the document."""
    return {"$ref": _COMPONENT.format(model=model)}


def lines_of(model: str, media_type: str) -> dict[str, Any]:
    """Lines, each of which is JSON as the model of this name says. They are as long as they are, so not one text."""
    return {
        "type": "string",
        "format": "binary",
        "contentMediaType": media_type,
        "contentSchema": reference(model),
        "description": f"lines, each of which is JSON as {model} says",
    }


def left_out(schema: JsonDict) -> None:
    """Takes the default from the schema of a field that some answers leave out: its absence has no value."""
    del schema["default"]


class Described(FastAPI):
    """An app with a document of what it answers.

    Its routes name the models of their answers (`json_of`), and `models` imports these: an app starts without them, and
    makes and checks no answer with them. An operation's id is the name of its function.
    """

    def __init__(
        self,
        service: str,
        description: str,
        tags: Mapping[str, str],
        models: Callable[[], Sequence[type[BaseModel]]],
    ) -> None:
        super().__init__(
            title=f"Standings: {service}",
            version="1",
            description=description,
            servers=_SERVERS,
            license_info=_LICENSE,
            openapi_tags=[{"name": name, "description": says} for name, says in tags.items()],
            generate_unique_id_function=_name,
            # A redirect would lead to whatever host the client names, and lose the body of a command.
            redirect_slashes=False,
        )
        self._models = models

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document."""
        if self.openapi_schema is None:
            # Here, since the routes' modules need this one.
            from shared.http.command_answers import describe_command_answers

            document = super().openapi()
            describe_command_answers(document)
            _, told = models_json_schema(
                [(model, "serialization") for model in self._models()], ref_template=_COMPONENT
            )
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas.update(told["$defs"])
            # Nobody has to say who they are.
            document["security"] = []
        return self.openapi_schema or {}


def _name(route: APIRoute) -> str:
    return route.name
