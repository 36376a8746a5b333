"""Real answers against the schemas of the services' OpenAPI documents, with no field that a schema does not name."""

from typing import Any

import pytest

from tests.documents import check
from tests.running import Standings


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
        check(document, path, "post", answer)
    refused = deployment.ingest.post(base + "/candidates", json={})
    assert refused.status_code == 422
    check(document, "/v1/contests/{contest}/candidates", "post", refused)


@pytest.mark.parametrize("service", ["ingest", "api"])
def test_every_documented_problem_has_its_fields(deployment: Standings, service: str) -> None:
    document = getattr(deployment, service).get("/openapi.json").json()
    told = [
        answer["content"]["application/problem+json"]["schema"]
        for path, methods in document["paths"].items()
        if path.startswith("/v1/")
        for operation in methods.values()
        for status, answer in operation["responses"].items()
        if status.startswith(("4", "5"))
    ]

    assert told
    assert all(one == {"$ref": "#/components/schemas/Problem"} for one in told)
    fields = document["components"]["schemas"]["Problem"]["properties"].keys()
    assert {"type", "title", "status", "detail", "field", "value", "way_out"} <= fields
