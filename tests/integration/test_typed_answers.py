"""What ingest and webhooks answer against the schemas of their OpenAPI documents, for every route and media type."""

from typing import Any

import httpx
import orjson
import pytest

from services.ingest.batch import CHUNK
from tests.documents import check, check_value, said_of
from tests.integration.test_changes import announced
from tests.integration.test_inbox import letters, send
from tests.integration.test_webhooks import failing, webhooks
from tests.receivers import echo, receiver
from tests.running import NDJSON, Standings
from tests.servers import eventually

__all__ = ["webhooks"]  # a fixture
HOOK = "/v1/webhooks/{webhook}"
LETTER = HOOK + "/dead-letters/{contest}/{version}"


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


def test_each_line_of_a_batch_is_answered_as_the_document_says(deployment: Standings, contest: str) -> None:
    document = deployment.ingest.get("/openapi.json").json()
    said = {"recorded_by": "test", "source": {"title": "test"}}
    endorsement = {"endorser": {"id": "e", "name": "E"}, "candidate": "ann", "category": "governor"}
    lines = [
        {"command": "announce", **endorsement, **said},
        {"command": "enter", "candidate": "ann", "name": "A"},
    ]
    # After so many refusals it ends, and says where.
    lines += [{"command": "none"}] * 2 * CHUNK
    path = "/v1/contests/{contest}/batch"

    body = b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in lines)
    answer = deployment.ingest.post(path.format(contest=contest), content=body, headers=NDJSON)

    told = [orjson.loads(line) for line in answer.content.splitlines()]
    assert [next(iter(one.keys() & {"events", "problem"})) for one in told[:2]] == ["events", "problem"]
    assert told[-1]["summary"]["ended"] == "refusals"
    for line in told:
        check_value(document, said_of(document, path, "post", answer)["contentSchema"], line)


def test_what_is_left_over_is_told_as_the_document_says(deployment: Standings, contest: str) -> None:
    document = deployment.ingest.get("/openapi.json").json()
    path = "/v1/dead-letters"
    send(deployment, command=orjson.dumps({"command": "withdraw", "contest": contest, "candidate": "no"}))
    eventually(lambda: len(letters(deployment)) == 1)
    letter = letters(deployment)[0]["letter"]

    check(document, path, "get", deployment.ingest.get(path))
    sent = deployment.ingest.post(f"{path}/{letter}/redelivery")
    check(document, path + "/{letter}/redelivery", "post", sent)
    eventually(lambda: len(letters(deployment)) == 1)
    dropped = deployment.ingest.delete(f"{path}/{letters(deployment)[0]['letter']}")

    assert (dropped.status_code, dropped.content) == (204, b"")
    assert "content" not in document["paths"][path + "/{letter}"]["delete"]["responses"]["204"]
    check(document, "/v1/unfolded", "get", deployment.ingest.get("/v1/unfolded"))
    for probe in ("/healthz", "/readyz"):
        check(document, probe, "get", deployment.ingest.get(probe))


def test_webhooks_are_told_as_the_document_says(
    deployment: Standings,
    contest: str,
    webhooks: httpx.Client,
) -> None:
    document = webhooks.get("/openapi.json").json()
    with receiver() as there:
        wanted = {"contests": [contest], "min_delta": 0.5}
        registered = webhooks.post("/v1/webhooks", json={"url": there.url, "wanted": wanted})
        check(document, "/v1/webhooks", "post", registered)
        hook = f"/v1/webhooks/{registered.json()['webhook']}"
        check(document, HOOK + "/verification", "post", webhooks.post(f"{hook}/verification"))
        there.behave = failing(5, (503, {}, b""))
        announced(deployment, contest, 1)
        eventually(lambda: webhooks.get(hook).json()["retries"] != [])
        check(document, HOOK, "get", webhooks.get(hook))
        eventually(lambda: webhooks.get(f"{hook}/dead-letters").json()["dead_letters"] != [])
        there.behave = echo
        again: dict[str, tuple[str, dict[str, Any] | None]] = {
            "": ("get", None), "/attempts": ("get", None), "/dead-letters": ("get", None),
            "/secret-rotation": ("post", {}),
        }  # fmt: skip
        for route, (method, body) in again.items():
            check(document, HOOK + route, method, webhooks.request(method, hook + route, json=body))
        sent = webhooks.post(f"{hook}/dead-letters/{contest}/4/redelivery")
        check(document, LETTER + "/redelivery", "post", sent)
        check(document, HOOK, "patch", webhooks.patch(hook, json={"paused": True}))
        check(document, "/v1/webhooks", "get", webhooks.get("/v1/webhooks"))
        assert webhooks.delete(hook).status_code == 204
        check(document, HOOK, "get", webhooks.get(hook))


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
