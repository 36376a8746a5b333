"""What registering takes: just allowed, and just refused."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from redis import Redis

from services.webhooks.hooks import MOST_OLD_SECRETS, Hook, Secret, State, Wanted, new_id, new_secret
from services.webhooks.store import MOST_HOOKS
from shared.storage.redis_keys import WebhookKeys
from tests.running import service

URL = "http://127.0.0.1:9/hook"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def lax(embedded_server: str) -> Iterator[httpx.Client]:
    """Webhooks that may go anywhere, over the session's server."""
    with (
        service("webhooks", embedded_server, api_url=NOWHERE, webhooks_development="true") as running,
        httpx.Client(base_url=running.url, timeout=30) as client,
    ):
        yield client


def posted(client: httpx.Client, path: str, **said: Any) -> httpx.Response:
    """Escaped, as a program sends halves of characters, and with whatever Python calls a number."""
    return client.post(path, content=json.dumps(said), headers={"Content-Type": "application/json"})


def stored(url: str, state: State = "active", *secrets: Secret) -> Hook:
    now = datetime.now(UTC)
    return Hook(
        id=new_id(),
        url=url,
        description="",
        wanted=Wanted(contests=["none"]),
        state=state,
        why="",
        created_at=now,
        changed_at=now,
        secrets=list(secrets) or [Secret(value=new_secret())],
    )


NAMES = [f"{'n' * 117}-{n}" for n in range(20)]


@pytest.mark.parametrize(
    ("field", "taken", "refused"),
    [
        ("url", f"http://127.0.0.1:9/{'a' * 1981}", f"http://127.0.0.1:9/{'a' * 1982}"),
        ("url", "http://127.0.0.1:65535/", "http://127.0.0.1:65536/"),
        ("url", "http://127.0.0.1:1/", "http://127.0.0.1:0/"),
        ("url", URL, "https://xn--/"),
        ("url", URL, "http://ex\ud800.test/"),
        ("url", URL, "http://127.0.0.1:9/\ud800"),
        ("description", "d" * 500, "d" * 501),
        ("description", "two\nlines", "half \ud800"),
        ("description", "Größe", "turned \u202e"),
        ("wanted.contests", [f"c-{n}" for n in range(1000)], [f"c-{n}" for n in range(1001)]),
        ("wanted.contests", ["c" * 120] * 270 + ["c" * 98], ["c" * 120] * 270 + ["c" * 99]),
        ("wanted.candidates", [f"c-{n}" for n in range(100)], [f"c-{n}" for n in range(101)]),
        ("wanted.candidates", [*NAMES[:10], *NAMES[:6], "a" * 80], [*NAMES[:10], *NAMES[:6], "a" * 81]),
        ("wanted.policies", ["p" * 120], ["p" * 121]),
        ("wanted.min_delta", "0.000000000001", "0.0000000000001"),
    ],
)
def test_a_registration_at_its_bounds(
    redis_url: str, lax: httpx.Client, field: str, taken: Any, refused: Any
) -> None:
    for value, status in ((taken, 201), (refused, 422)):
        name, _, inner = field.partition(".")
        said = {"url": URL, name: {inner: value} if inner else value}
        answer = posted(lax, "/v1/webhooks", **said)
        assert answer.status_code == status, answer.text[:1000]
        if status == 422:
            assert answer.json()["field"].startswith(field)
            assert len(answer.content) < 4000


def test_so_many_webhooks_may_be_registered(redis_url: str, lax: httpx.Client) -> None:
    with Redis.from_url(redis_url) as redis:
        for _ in range(MOST_HOOKS - 1):
            hook = stored(URL)
            redis.hset(WebhookKeys.hooks, hook.id, hook.model_dump_json())

        last = posted(lax, "/v1/webhooks", url=URL)
        refused = posted(lax, "/v1/webhooks", url=URL)

        assert (last.status_code, refused.status_code) == (201, 409)
        assert refused.json()["type"] == "/problems/too-many-webhooks"
        assert len(lax.get("/v1/webhooks").json()["webhooks"]) == MOST_HOOKS
        path = f"/v1/webhooks/{last.json()['webhook']}"
        assert lax.patch(path, json={"description": "changed"}).status_code == 200
        assert lax.delete(path).status_code == 204
        assert posted(lax, "/v1/webhooks", url=URL).status_code == 201


def test_so_many_old_secrets_are_kept_and_all_of_them_can_be_ended(redis_url: str, lax: httpx.Client) -> None:
    path = f"/v1/webhooks/{posted(lax, '/v1/webhooks', url=URL).json()['webhook']}"
    rotation = f"{path}/secret-rotation"
    for n in range(MOST_OLD_SECRETS):
        assert posted(lax, rotation).json()["secrets"] == n + 2

    refused = posted(lax, rotation)

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/webhook-secrets-in-use")
    assert posted(lax, rotation, keep_old_hours=0).json()["secrets"] == 1
    for wrong in (float("nan"), float("inf"), -1, 721):
        answer = posted(lax, rotation, keep_old_hours=wrong)
        assert (answer.status_code, answer.json()["field"]) == (422, "keep_old_hours")


def test_the_secrets_of_a_webhook_are_those_that_messages_are_signed_with(
    redis_url: str, lax: httpx.Client
) -> None:
    now = datetime.now(UTC)
    ended = [Secret(value=new_secret(), until=now - timedelta(seconds=n)) for n in range(3)]
    kept = [Secret(value=new_secret(), until=now + timedelta(hours=1)) for _ in range(30)]
    newest = Secret(value=new_secret())
    hooks = [
        (stored(URL, "active", newest, *ended), 1),
        (stored(URL, "active", newest, *ended, kept[0]), 2),
        (stored(URL, "active", newest, *kept), 20),
    ]
    with Redis.from_url(redis_url) as redis:
        for hook, _ in hooks:
            redis.hset(WebhookKeys.hooks, hook.id, hook.model_dump_json())

    shown = {each["webhook"]: each["secrets"] for each in lax.get("/v1/webhooks").json()["webhooks"]}

    for hook, number in hooks:
        assert shown[hook.id] == number
        assert lax.get(f"/v1/webhooks/{hook.id}").json()["secrets"] == number


def test_a_webhook_with_very_many_secrets_signs_with_the_newest() -> None:
    now = datetime.now(UTC)
    secrets = [Secret(value=new_secret()) for _ in range(500)]

    assert stored(URL, "active", *secrets).keys(now) == [one.value for one in secrets[:20]]


def test_what_was_registered_under_earlier_rules_stays_and_is_not_verified_anew(redis_url: str) -> None:
    earlier = "https://example.org:22/hook"
    going, waiting = stored(earlier, "paused"), stored(earlier, "unverified")
    with Redis.from_url(redis_url) as redis:
        for hook in (going, waiting):
            redis.hset(WebhookKeys.hooks, hook.id, hook.model_dump_json())
    with (
        service("webhooks", redis_url, api_url=NOWHERE) as strict,
        httpx.Client(base_url=strict.url, timeout=30) as client,
    ):
        path = f"/v1/webhooks/{going.id}"
        assert client.get(path).json()["url"] == earlier
        assert client.patch(path, json={"url": earlier, "description": "as before"}).status_code == 200
        for refused in (
            client.patch(path, json={"url": "https://example.org:25/hook"}),
            client.post(f"/v1/webhooks/{waiting.id}/verification"),
        ):
            assert (refused.status_code, refused.json()["field"]) == (422, "url")
            assert "port" in refused.json()["detail"]
