"""Real answers against the schemas of the services' OpenAPI documents, with no field that a schema does not name."""

from typing import Any

import httpx
import jsonschema_rs
import pytest

from tests.running import Standings


def _closed(schema: Any) -> Any:
    """The schema with every field that it does not name forbidden."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _closed(one) for name, one in schema.items()}
    return found | {"additionalProperties": False} if "properties" in found else found


def _check(document: dict[str, Any], path: str, method: str, answer: httpx.Response) -> None:
    """Raises where the answer is not as the document says."""
    told = document["paths"][path][method]["responses"][str(answer.status_code)]["content"]
    schema = told[answer.headers["content-type"]]["schema"]
    validator = jsonschema_rs.validator_for(_closed({**schema, "components": document["components"]}))
    validator.validate(answer.json())


def test_commands_are_answered_as_the_document_says(deployment: Standings, contest: str) -> None:
    document = deployment.ingest.get("/openapi.json").json()
    source = {"recorded_by": "test", "source": {"title": "a paper"}}
    base = f"/v1/contests/{contest}"
    opened = {"contest": f"{contest}-typed", "title": "A race", "timezone": "UTC", "recorded_by": "test"}
    announced = {
        **source, "endorser": {"id": "e", "name": "E"}, "candidate": "ann", "category": "governor", "endorsement": "x",
    }  # fmt: skip
    about = "/v1/contests/{contest}/endorsements"
    one = about + "/{endorsement}"
    commands: list[tuple[str, dict[str, Any]]] = [
        ("/v1/contests", opened),
        ("/v1/contests/{contest}/candidates", {"candidate": "cy", "name": "Cy", "recorded_by": "test"}),
        (about, announced),
        (one + "/correction", {**source, "category": "senator"}),
        (one + "/switch", {**source, "candidate": "bob", "new_endorsement": "y"}),
        (one + "/retraction", source),
        (one + "/strike", {**source, "note": "in error"}),
        ("/v1/contests/{contest}/candidates/{candidate}/withdrawal", {"recorded_by": "test"}),
    ]
    for path, body in commands:
        endorsement = "y" if path.endswith(("retraction", "strike")) else "x"
        asked = path.format(contest=contest, endorsement=endorsement, candidate="cy")

        answer = deployment.ingest.post(asked, json=body)

        assert answer.status_code == 201, answer.text
        _check(document, path, "post", answer)
    refused = deployment.ingest.post(base + "/candidates", json={})
    assert refused.status_code == 422
    _check(document, "/v1/contests/{contest}/candidates", "post", refused)


@pytest.mark.parametrize("service", ["ingest", "api"])
def test_every_documented_problem_has_its_fields(deployment: Standings, service: str) -> None:
    document = getattr(deployment, service).get("/openapi.json").json()
    told = [
        answer["content"]["application/problem+json"]["schema"]["properties"].keys()
        for path, methods in document["paths"].items()
        if path.startswith("/v1/")
        for operation in methods.values()
        for status, answer in operation["responses"].items()
        if status.startswith(("4", "5"))
    ]

    assert told
    assert all({"type", "title", "status", "detail", "field", "value", "way_out"} <= one for one in told)
