"""Webhooks as running services, with receivers that take, fail, are slow, point elsewhere and go away."""

import json
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest
from redis import Redis

from services.webhooks.records import DeadLetter
from services.webhooks.store import MOST_LETTERS
from shared.storage.redis_keys import WebhookKeys
from tests.integration.test_changes import announced, batch, followed, opened
from tests.receivers import Behave, Got, Receiver, echo, receiver, resetting
from tests.running import JSON, Standings, service, standings
from tests.servers import eventually

QUICK = {"webhook_retry_seconds": "[0.1, 0.2, 0.3]", "webhook_timeout_seconds": "1"}


@pytest.fixture(scope="module")
def webhooks(deployment: Standings) -> Iterator[httpx.Client]:
    settings = {"api_url": followed(deployment), "webhooks_development": "true", **QUICK}
    with (
        service("webhooks", deployment.redis_url, **settings) as running,
        httpx.Client(base_url=running.url, timeout=30) as client,
    ):
        yield client


def register(webhooks: httpx.Client, url: str, **wanted: Any) -> dict[str, Any]:
    answer = webhooks.post("/v1/webhooks", json={"url": url, "wanted": wanted})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def verified(webhooks: httpx.Client, url: str, **wanted: Any) -> dict[str, Any]:
    hook = register(webhooks, url, **wanted)
    answer = webhooks.post(f"/v1/webhooks/{hook['webhook']}/verification")
    assert (answer.status_code, answer.json()["state"]) == (200, "active"), answer.text
    return hook


def failing(times: int, answer: tuple[int, dict[str, str], bytes]) -> Behave:
    """Answers so for the first times, and then as it should."""
    left = [times]

    def behave(got: Got) -> tuple[int, dict[str, str], bytes]:
        if "challenge" not in got.json and left[0]:
            left[0] -= 1
            return answer
        return echo(got)

    return behave


def test_changes_come_signed_in_order_and_once(
    deployment: Standings, contest: str, webhooks: httpx.Client
) -> None:
    with receiver() as there:
        hook = verified(webhooks, there.url, contests=[contest])
        for n in range(10):
            announced(deployment, contest, n)
        eventually(lambda: len(there.changes) == 10)

        assert there.versions() == list(range(4, 14))
        assert len({got.headers["webhook-id"] for got in there.changes}) == 10
        for got in there.got:
            assert got.signed_by(hook["secret"])
        path = f"/v1/contests/{contest}/changes"
        assert [got.json for got in there.changes] == deployment.ask(path, from_version=4)["changes"]
        assert there.changes[0].headers["content-type"] == "application/cloudevents+json"
        attempts = webhooks.get(f"/v1/webhooks/{hook['webhook']}/attempts").json()["attempts"]
        assert [(one["version"], one["number"], one["status"]) for one in attempts] == [
            (version, 1, 204) for version in range(13, 3, -1)
        ]


def test_a_webhook_begins_with_what_comes_after_it_was_registered(
    deployment: Standings, contest: str, webhooks: httpx.Client
) -> None:
    with receiver() as there:
        hook = register(webhooks, there.url, contests=[contest])
        announced(deployment, contest, 1)
        there.behave = lambda _: (200, {}, b"no challenge")
        answer = webhooks.post(f"/v1/webhooks/{hook['webhook']}/verification")
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/webhook-not-verified")
        assert "challenge" in answer.json()["way_out"]
        announced(deployment, contest, 2)
        assert there.changes == []
        there.behave = lambda got: (200, {}, got.json.get("challenge", "").encode())

        assert webhooks.post(f"/v1/webhooks/{hook['webhook']}/verification").status_code == 200

        eventually(lambda: there.versions() == [4, 5])


def test_what_fails_is_tried_again_and_what_comes_after_it_waits(
    deployment: Standings, contest: str, webhooks: httpx.Client
) -> None:
    with receiver() as there:
        hook = verified(webhooks, there.url, contests=[contest])
        there.behave = failing(2, (500, {}, b""))
        announced(deployment, contest, 1)
        announced(deployment, contest, 2)

        eventually(lambda: there.versions() == [4, 4, 4, 5])

        first = there.changes[:3]
        assert len({(got.headers["webhook-id"], got.body) for got in first}) == 1
        assert all(got.signed_by(hook["secret"]) for got in first)
        waits = [later.at - earlier.at for earlier, later in pairwise(first)]
        assert waits[0] >= 0.1
        assert waits[1] >= 0.2


def test_other_contests_do_not_wait_for_one_that_fails(
    deployment: Standings, contest: str, webhooks: httpx.Client
) -> None:
    other = f"{contest}.other"
    deployment.told(
        "/v1/contests",
        contest=other,
        title="O",
        timezone="UTC",
        candidates=[{"candidate": "ann", "name": "Ann"}],
    )
    with receiver() as there:
        verified(webhooks, there.url, contests=[contest, other])
        there.behave = lambda got: (500, {}, b"") if got.contest == contest else echo(got)
        announced(deployment, contest, 1)
        eventually(lambda: there.versions(contest) != [])
        version = announced(deployment, other, 1)

        eventually(lambda: there.versions(other) == [version])


def test_what_is_given_up_becomes_a_dead_letter_and_can_be_sent_again(
    deployment: Standings, contest: str, webhooks: httpx.Client
) -> None:
    with receiver() as there:
        hook = verified(webhooks, there.url, contests=[contest])
        path = f"/v1/webhooks/{hook['webhook']}"
        there.behave = failing(4, (503, {}, b""))
        announced(deployment, contest, 1)
        announced(deployment, contest, 2)
        eventually(lambda: there.versions() == [4, 4, 4, 4, 5])

        [letter] = webhooks.get(f"{path}/dead-letters").json()["dead_letters"]
        assert (letter["version"], letter["attempts"], letter["outcome"]) == (4, 4, "answered 503")
        there.behave = lambda _: (500, {}, b"")
        again = f"{path}/dead-letters/{contest}/4/redelivery"
        refused = webhooks.post(again)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/webhook-not-delivered")
        there.behave = echo
        assert webhooks.post(again).json()["outcome"] == "answered 204"

        assert there.versions() == [4, 4, 4, 4, 5, 4, 4]
        assert len({got.headers["webhook-id"] for got in there.changes}) == 2
        assert webhooks.get(f"{path}/dead-letters").json()["dead_letters"] == []
        assert webhooks.post(again).status_code == 404
        assert webhooks.delete(f"{path}/dead-letters/{contest}/4").status_code == 404


def test_a_webhook_with_too_many_dead_letters_is_disabled_and_misses_nothing(
    deployment: Standings, contest: str, webhooks: httpx.Client
) -> None:
    with receiver() as there, Redis.from_url(deployment.redis_url) as redis:
        hook = verified(webhooks, there.url, contests=[contest])["webhook"]
        path = f"/v1/webhooks/{hook}"
        for n in range(1, MOST_LETTERS + 1):
            letter = DeadLetter(contest="old", version=n, attempts=4, at=0, said="answered 503")
            redis.hset(WebhookKeys.dead(hook), f"old/{n}", letter.model_dump_json())
        there.behave = failing(4, (503, {}, b""))
        announced(deployment, contest, 1)
        announced(deployment, contest, 2)
        eventually(lambda: webhooks.get(path).json()["state"] == "disabled")
        assert "given up" in webhooks.get(path).json()["why"]
        assert there.versions() == [4, 4, 4, 4]

        page = webhooks.get(f"{path}/dead-letters", params={"limit": MOST_LETTERS - 1}).json()
        assert (len(page["dead_letters"]), page["next"]) == (MOST_LETTERS - 1, f"old/{MOST_LETTERS - 1}")
        page = webhooks.get(f"{path}/dead-letters", params={"after": page["next"]}).json()
        assert [one["version"] for one in page["dead_letters"]] == [MOST_LETTERS]
        assert page["next"] is None
        for wrong in ({"limit": MOST_LETTERS + 1}, {"limit": 0}, {"after": "old"}, {"after": "old/x"}):
            assert webhooks.get(f"{path}/dead-letters", params=wrong).status_code == 422

        assert webhooks.post(f"{path}/verification").json()["state"] == "active"
        eventually(lambda: there.versions() == [4, 4, 4, 4, 4, 5])


def test_a_receiver_that_is_slow_or_points_elsewhere_has_failed(
    deployment: Standings, contest: str, webhooks: httpx.Client
) -> None:
    with receiver() as there, receiver() as elsewhere:
        hook = verified(webhooks, there.url, contests=[contest])
        path = f"/v1/webhooks/{hook['webhook']}"
        behaviours: list[Behave] = [
            lambda _: (302, {"Location": elsewhere.url}, b""),
            sleepy,
            echo,
        ]

        def behave(got: Got) -> tuple[int, dict[str, str], bytes]:
            return behaviours[min(len(there.changes), 3) - 1](got)

        there.behave = behave
        announced(deployment, contest, 1)

        eventually(lambda: there.versions() == [4, 4, 4])
        eventually(lambda: len(outcomes(webhooks, path)) == 3)

        assert outcomes(webhooks, path)[::-1] == [
            "answered 302, and redirects are not followed",
            "no answer within 1 seconds",
            "answered 204",
        ]
        assert elsewhere.got == []


def sleepy(_: Got) -> tuple[int, dict[str, str], bytes]:
    time.sleep(2)
    return 200, {}, b""


def outcomes(webhooks: httpx.Client, path: str) -> list[str]:
    return [one["outcome"] for one in webhooks.get(f"{path}/attempts").json()["attempts"]]


def test_a_receiver_that_resets_connections_fails_its_own_deliveries_only(
    deployment: Standings, contest: str, webhooks: httpx.Client
) -> None:
    with receiver() as there:
        with receiver() as gone:
            reset = verified(webhooks, gone.url, contests=[contest])
        verified(webhooks, there.url, contests=[contest])
        with resetting(httpx.URL(gone.url).port or 0):
            for n in range(3):
                announced(deployment, contest, n)

            def given_up() -> list[int]:
                path = f"/v1/webhooks/{reset['webhook']}/dead-letters"
                return [one["version"] for one in webhooks.get(path).json()["dead_letters"]]

            eventually(lambda: sorted(given_up()) == [4, 5, 6])
        assert there.versions() == [4, 5, 6]


def test_a_receiver_says_when_to_come_again(
    deployment: Standings, contest: str, webhooks: httpx.Client
) -> None:
    with receiver() as there:
        hook = verified(webhooks, there.url, contests=[contest])
        there.behave = failing(1, (429, {"Retry-After": "2"}, b""))
        announced(deployment, contest, 1)
        eventually(lambda: there.versions() == [4])

        def waiting() -> list[Any]:
            retries: list[Any] = webhooks.get(f"/v1/webhooks/{hook['webhook']}").json()["retries"]
            return retries

        eventually(lambda: waiting() != [])
        [retry] = waiting()
        assert (retry["contest"], retry["version"], retry["attempts"]) == (contest, 4, 1)
        eventually(lambda: there.versions() == [4, 4])
        assert there.changes[1].at - there.changes[0].at >= 1.9


def disabled(deployment: Standings, contest: str, webhooks: httpx.Client, there: Receiver) -> str:
    """The path of a webhook that is disabled, since its receiver answered once that it is gone."""
    hook = verified(webhooks, there.url, contests=[contest])
    path = f"/v1/webhooks/{hook['webhook']}"
    there.behave = failing(1, (410, {}, b""))
    announced(deployment, contest, 1)
    eventually(lambda: webhooks.get(path).json()["state"] == "disabled")
    return path


def test_a_receiver_that_is_gone_for_good_is_not_asked_again_until_it_is_verified(
    deployment: Standings, contest: str, webhooks: httpx.Client
) -> None:
    with receiver() as there:
        path = disabled(deployment, contest, webhooks, there)
        announced(deployment, contest, 2)
        assert "410" in webhooks.get(path).json()["why"]

        assert webhooks.post(f"{path}/verification").json()["state"] == "active"

        eventually(lambda: there.versions() == [4, 4, 5])


def test_a_webhook_that_is_disabled_stays_so_whatever_is_said_of_a_pause(
    deployment: Standings, contest: str, webhooks: httpx.Client
) -> None:
    with receiver() as there:
        path = disabled(deployment, contest, webhooks, there)

        for paused in (False, True, False):
            answer = webhooks.patch(path, json={"paused": paused, "description": "as before"}).json()
            assert (answer["state"], "410" in answer["why"]) == ("disabled", True)
        assert answer["description"] == "as before"

        assert there.versions() == [4]
        assert webhooks.post(f"{path}/verification").json()["state"] == "active"
        eventually(lambda: there.versions() == [4, 4])


def test_a_paused_webhook_waits_and_misses_nothing(
    deployment: Standings, contest: str, webhooks: httpx.Client
) -> None:
    with receiver() as there, receiver() as moved:
        hook = verified(webhooks, there.url, contests=[contest])
        path = f"/v1/webhooks/{hook['webhook']}"
        assert webhooks.patch(path, json={"paused": True}).json()["state"] == "paused"
        announced(deployment, contest, 1)
        assert webhooks.patch(path, json={"paused": False}).json()["state"] == "active"
        eventually(lambda: there.versions() == [4])

        assert webhooks.patch(path, json={"url": moved.url}).json()["state"] == "unverified"
        announced(deployment, contest, 2)
        assert webhooks.patch(path, json={"paused": False}).json()["state"] == "unverified"
        assert webhooks.post(f"{path}/verification").json()["state"] == "active"
        eventually(lambda: moved.versions() == [5])
        assert there.versions() == [4]
        assert webhooks.delete(path).status_code == 204
        assert webhooks.get(path).status_code == 404
        assert webhooks.get(f"{path}/attempts").status_code == 404


def test_filters_leave_out_what_is_not_wanted(
    deployment: Standings, contest: str, webhooks: httpx.Client
) -> None:
    with receiver() as there:
        wanted = {"candidates": ["bob"], "policies": ["fivethirtyeight-2016"], "min_delta": 10}
        verified(webhooks, there.url, contests=[contest], **wanted)
        announced(deployment, contest, 1, category="governor")
        announced(deployment, contest, 2, category="governor", candidate="bob")
        announced(deployment, contest, 3, candidate="bob")
        announced(deployment, contest, 4, category="governor", candidate="bob")

        eventually(lambda: there.versions() == [5, 7])


def test_a_webhook_that_was_stored_with_an_absurd_number_has_the_same_and_an_unreadable_one_stops_no_other(
    deployment: Standings, contest: str, webhooks: httpx.Client
) -> None:
    with receiver() as there, receiver() as other, Redis.from_url(deployment.redis_url) as redis:
        hooks = [
            verified(webhooks, one.url, contests=[contest], min_delta="0.001")["webhook"]
            for one in (there, other)
        ]
        # As a release before bounds on exponents took it: any move of a score, and one that never can be.
        stored: Any = redis.hget(WebhookKeys.hooks, hooks[0])
        redis.hset(WebhookKeys.hooks, hooks[0], stored.replace(b'"0.001"', b'"1E-3000000"'))
        redis.hset(WebhookKeys.hooks, "wh_00000000000000000000000f", stored.replace(b'"0.001"', b'"NaN"'))
        redis.incr(WebhookKeys.revision)
        announced(deployment, contest, 1)

        eventually(lambda: (there.versions(), other.versions()) == ([4], [4]))
        shown = webhooks.get(f"/v1/webhooks/{hooks[0]}").json()
        assert shown["wanted"]["min_delta"] == "1E-9"
        every = {one["webhook"]: one for one in webhooks.get("/v1/webhooks").json()["webhooks"]}
        assert every["wh_00000000000000000000000f"]["state"] == "unreadable"
        path = "/v1/webhooks/wh_00000000000000000000000f"
        assert webhooks.get(path).json()["type"] == "/problems/webhook-unreadable"
        assert webhooks.patch(path, json={"paused": True}).status_code == 409
        assert webhooks.delete(path).status_code == 204
        for hook in hooks:
            webhooks.delete(f"/v1/webhooks/{hook}")


def test_a_webhook_that_was_stored_with_more_names_than_the_api_takes_is_disabled_and_says_so(
    deployment: Standings, contest: str, webhooks: httpx.Client
) -> None:
    with receiver() as there, Redis.from_url(deployment.redis_url) as redis:
        hook = verified(webhooks, there.url, contests=[contest], candidates=["ann"])["webhook"]
        many = json.dumps([f"{'n' * 100}-{n}" for n in range(100)]).encode()
        stored: Any = redis.hget(WebhookKeys.hooks, hook)
        redis.hset(WebhookKeys.hooks, hook, stored.replace(b'["ann"]', many))
        redis.incr(WebhookKeys.revision)
        announced(deployment, contest, 1)
        path = f"/v1/webhooks/{hook}"
        eventually(lambda: webhooks.get(path).json()["state"] == "disabled")
        assert "change `wanted`" in webhooks.get(path).json()["why"]

        wanted = {"contests": [contest], "candidates": ["ann"]}
        assert webhooks.patch(path, json={"wanted": wanted}).status_code == 200
        assert webhooks.post(f"{path}/verification").json()["state"] == "active"
        eventually(lambda: there.versions() == [4])


@pytest.mark.parametrize("min_delta", ["1e-300000000", "0e-13000000000000000000", "1e16", "sNaN", -1])
def test_an_absurd_number_is_refused_at_the_door(webhooks: httpx.Client, min_delta: Any) -> None:
    body = {"url": "http://127.0.0.1:9/", "wanted": {"min_delta": min_delta}}
    answer = webhooks.post("/v1/webhooks", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, "wanted.min_delta"), answer.text
    content = b'{"url": "http://a.test", "wanted": {"min_delta": %s}}' % (b"9" * 5000)
    assert webhooks.post("/v1/webhooks", content=content, headers=JSON).status_code in (400, 422)


def test_keys_are_rotated_without_a_message_that_cannot_be_verified(
    deployment: Standings, contest: str, webhooks: httpx.Client
) -> None:
    with receiver() as there:
        hook = verified(webhooks, there.url, contests=[contest])
        path = f"/v1/webhooks/{hook['webhook']}"
        new = webhooks.post(f"{path}/secret-rotation", json={}).json()["secret"]
        announced(deployment, contest, 1)
        eventually(lambda: there.versions() == [4])
        assert there.changes[0].signed_by(hook["secret"])
        assert there.changes[0].signed_by(new)

        newest = webhooks.post(f"{path}/secret-rotation", json={"keep_old_hours": 0}).json()["secret"]
        announced(deployment, contest, 2)
        eventually(lambda: there.versions() == [4, 5])
        assert there.changes[1].signed_by(newest)
        assert len(there.changes[1].headers["webhook-signature"].split()) == 1
        assert "secret" not in webhooks.get(path).json()
        assert hook["secret"] not in webhooks.get("/v1/webhooks").text


def test_a_service_that_is_killed_is_taken_over_and_nothing_is_missed(redis_url: str) -> None:
    with standings(redis_url) as deployment, receiver() as there:
        opened(deployment)
        settings = {"api_url": followed(deployment), "webhooks_development": "true", **QUICK}
        with (
            service("webhooks", redis_url, **settings) as first,
            service("webhooks", redis_url, **settings) as other,
        ):
            with httpx.Client(base_url=other.url, timeout=30) as client:
                verified(client, there.url)
            there.behave = failing(1, (500, {}, b""))
            last = batch(deployment, 0, 200)
            eventually(lambda: len(there.changes) > 50)
            first.kill()
            eventually(lambda: there.versions()[-1:] == [last], within_seconds=40)

        versions = there.versions()
        assert [version for n, version in enumerate(versions) if version not in versions[:n]] == list(
            range(3, last + 1)
        )
        assert versions == sorted(versions)  # again, perhaps, but never out of order
        assert len(versions) <= last + 2


def test_what_must_not_be_reached_is_refused(redis_url: str, webhooks: httpx.Client) -> None:
    urls = {
        "http://example.org/hook": "does not begin with https",
        "https://127.0.0.1/hook": "not a public address",
        "https://[::1]/hook": "not a public address",
        "https://[::ffff:10.0.0.1]/hook": "not a public address",
        "https://169.254.169.254/latest/meta-data": "not a public address",
        "https://10.1.2.3:8443/hook": "not a public address",
        "https://localhost/hook": "localhost is not a public host",
        "https://user:password@example.org/hook": "password",
        "https://example.org/hook#there": "fragment",
        "https:///hook": "no host",
        "ftp://example.org/hook": "https",
        "https://no-such-host.invalid/hook": "cannot be found",
        "https://[3fff::1]/hook": "not a public address",
        "https://192.88.99.1/hook": "not a public address",
        "https://example.org:22/hook": "port 22",
        "https://example.org:6379/hook": "port 6379",
        "https://example.org:0/hook": "no port",
        "https://example.org:99999/hook": "no port",
        "https://xn--/hook": "no name of a host",
        f"https://{'a' * 70}.example/hook": "no name of a host",
        "https://ex\ud800ample.org/hook": "U+D800",
        f"https://example.org/{'a' * 2000}": "2000 characters",
    }
    with service("webhooks", redis_url, api_url="http://127.0.0.1:9") as strict:
        for url, why in urls.items():
            # Escaped, as a program sends halves of characters.
            answer = httpx.post(f"{strict.url}/v1/webhooks", content=json.dumps({"url": url}), headers=JSON)
            assert (answer.status_code, answer.json()["field"]) == (422, "url"), (url, answer.text)
            assert why in answer.json()["detail"], (url, answer.json()["detail"])
            assert (
                "127.0.0.1" in url or "127.0.0.1" not in answer.text
            )  # what a name leads to inside is not told
    for body in ({}, {"url": 1}, {"url": "https://example.org", "wanted": {"contests": []}}, {"u": 1}):
        answer = webhooks.post("/v1/webhooks", json=body)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert webhooks.get("/v1/webhooks/wh_000000000000000000000000").status_code == 404


def test_an_address_that_may_not_be_reached_any_more_is_not(redis_url: str) -> None:
    """Registered while development allowed it, and tried by a service that does not."""
    settings = {**QUICK}
    with standings(redis_url) as deployment, receiver() as there:
        opened(deployment)
        settings["api_url"] = followed(deployment)
        with (
            service("webhooks", redis_url, **settings, webhooks_development="true") as lax,
            httpx.Client(base_url=lax.url, timeout=30) as client,
        ):
            hook = verified(client, there.url)
        with (
            service("webhooks", redis_url, **settings) as strict,
            httpx.Client(base_url=strict.url, timeout=30) as client,
        ):
            path = f"/v1/webhooks/{hook['webhook']}"
            version = batch(deployment, 0, 1)
            eventually(lambda: client.get(f"{path}/dead-letters").json()["dead_letters"] != [])
            [letter] = client.get(f"{path}/dead-letters").json()["dead_letters"]
            assert letter["version"] == version
            assert "does not begin with https" in letter["outcome"]
        assert there.changes == []
