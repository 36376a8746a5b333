"""How far webhooks got is noted by the process that leads alone, in one step and never backwards."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from services.webhooks.hooks import Hook, Wanted
from services.webhooks.records import DeadLetter, Retry, Sent, Step
from services.webhooks.store import MOST_HOOKS, Changed, Store, TooManyHooks
from shared.domain.errors import NotFound
from shared.runtime.settings import Settings
from shared.storage.connections import connect
from shared.storage.redis_keys import WebhookKeys

T = TypeVar("T")
AT = datetime(2026, 1, 1, tzinfo=UTC)


def hook(id_: str = "wh_one", description: str = "") -> Hook:
    return Hook(
        id=id_,
        url="https://example.org/",
        description=description,
        wanted=Wanted(),
        state="active",
        why="",
        created_at=AT,
        changed_at=AT,
        secrets=[],
    )


def retry(version: int) -> Retry:
    return Retry(version=version, attempts=1, at=7.0, said="no answer")


def letter(version: int, history: str = "") -> DeadLetter:
    return DeadLetter(contest="race", version=version, history=history, attempts=9, at=7.0, said="no answer")


def step(place: str, behind: str = "") -> Step:
    """Up to a change, told behind a reset."""
    return Step("race", behind, Sent(place, behind))


def reset(mark: str, behind: str = "") -> Step:
    """Up to a reset, told behind another."""
    return Step("race", behind, Sent("0", mark))


def led(url: str, work: Callable[[Store], Awaitable[T]]) -> T:
    """What comes of it in a process that leads, where one webhook is registered."""

    async def run() -> T:
        redis = connect(Settings(redis_url=url))
        try:
            store = Store(redis, "this")
            assert await store.lead()
            await store.add(hook(), {})
            return await work(store)
        finally:
            await redis.aclose()

    return asyncio.run(run())


async def stands(store: Store) -> tuple[Sent, dict[str, Retry], list[DeadLetter]]:
    """All that is noted of the webhook."""
    return (
        await store.sent_of("wh_one", "race"),
        await store.retries("wh_one"),
        await store.dead_letters("wh_one"),
    )


def test_a_delivery_that_came_to_its_end_is_gone_on_behind(any_redis_url: str) -> None:
    async def work(store: Store) -> None:
        assert await store.later("wh_one", step("1"), retry(1))
        assert await stands(store) == (Sent("0", ""), {"race": retry(1)}, [])
        assert await store.done("wh_one", step("1-a1"))
        assert await stands(store) == (Sent("1-a1", ""), {}, [])
        # Earlier releases read what is stored as the place alone.
        assert await store.redis.hget(WebhookKeys.sent("wh_one"), "race") == b"1-a1"

    led(any_redis_url, work)


def test_a_delivery_that_is_given_up_is_a_dead_letter_and_gone_on_behind(any_redis_url: str) -> None:
    async def work(store: Store) -> None:
        await store.later("wh_one", step("12"), retry(12))
        assert await store.give_up("wh_one", step("12-a9"), letter(12, "a9"))
        assert await stands(store) == (Sent("12-a9", ""), {}, [letter(12, "a9")])
        assert await store.dead_letter("wh_one", "race", 12) == letter(12, "a9")

    led(any_redis_url, work)


def test_nothing_is_taken_back_by_a_late_note(any_redis_url: str) -> None:
    async def work(store: Store) -> None:
        await store.done("wh_one", step("5-a5"))
        assert await store.later("wh_one", step("5"), retry(5))
        assert await store.give_up("wh_one", step("4-a4"), letter(4, "a4"))
        assert await store.give_up("wh_one", step("5-a5"), letter(5, "a5"))
        assert await store.done("wh_one", step("4-a4"))
        assert await stands(store) == (Sent("5-a5", ""), {}, [])

    led(any_redis_url, work)


def test_the_history_of_a_version_that_was_done_is_noted_later_and_only_by_what_is_done(
    any_redis_url: str,
) -> None:
    async def work(store: Store) -> None:
        await store.done("wh_one", step("5"))
        await store.give_up("wh_one", step("5-b5"), letter(5, "b5"))
        assert (await stands(store))[0] == Sent("5", "")
        await store.done("wh_one", step("5-a5"))
        assert (await stands(store))[0] == Sent("5-a5", "")

    led(any_redis_url, work)


def test_a_reset_begins_anew_and_is_remembered_by_what_follows(any_redis_url: str) -> None:
    async def work(store: Store) -> None:
        await store.done("wh_one", step("5-a5"))
        await store.later("wh_one", step("6"), retry(6))
        assert await store.done("wh_one", reset("r1"))
        assert await stands(store) == (Sent("0", "r1"), {}, [])
        await store.later("wh_one", step("1", "r1"), retry(1))
        await store.done("wh_one", step("1-b1", "r1"))
        assert await stands(store) == (Sent("1-b1", "r1"), {}, [])
        await store.done("wh_one", step("1-c1", "r1"))
        assert (await stands(store))[0] == Sent("1-c1", "r1")
        assert await store.done("wh_one", reset("r2", "r1"))
        assert (await stands(store))[0] == Sent("0", "r2")

    led(any_redis_url, work)


def test_a_reset_that_fails_is_tried_again_and_given_up_into_a_dead_letter_behind_which_all_begins_anew(
    any_redis_url: str,
) -> None:
    async def work(store: Store) -> None:
        await store.done("wh_one", step("5-a5"))
        assert await store.later("wh_one", reset("r1"), retry(0))
        assert await stands(store) == (Sent("5-a5", ""), {"race": retry(0)}, [])
        assert await store.give_up("wh_one", reset("r1"), letter(0))
        assert await stands(store) == (Sent("0", "r1"), {}, [letter(0)])

    led(any_redis_url, work)


def test_what_was_told_behind_another_reset_is_not_noted(any_redis_url: str) -> None:
    async def work(store: Store) -> None:
        await store.done("wh_one", step("5-a5"))
        await store.done("wh_one", reset("r1"))
        await store.done("wh_one", step("2-b2", "r1"))
        for late in (step("6-a6"), step("6-a6", "r"), reset("r1"), reset("r0")):
            assert not await store.done("wh_one", late)
            assert not await store.later("wh_one", late, retry(6))
            assert not await store.give_up("wh_one", late, letter(6))
        assert await stands(store) == (Sent("2-b2", "r1"), {}, [])

    led(any_redis_url, work)


def test_a_reset_that_was_given_up_is_told_again_with_all_that_comes_behind_it(any_redis_url: str) -> None:
    async def work(store: Store) -> None:
        await store.give_up("wh_one", reset("r1"), letter(0))
        await store.give_up("wh_one", step("7", "r1"), letter(7))
        await store.later("wh_one", step("8", "r1"), retry(8))
        revision = await store.revision()
        await store.begin_anew("wh_one", "race")
        sent, retries, letters = await stands(store)
        assert (sent.place, retries, letters) == ("0-0000000000000000", {}, [letter(7)])
        assert sent.reset not in ("", "r1"), "what is on its way is not noted"
        assert await store.revision() == revision + 1, "whoever delivers looks"
        assert await store.done("wh_one", reset("r2", sent.reset))
        assert (await stands(store))[0] == Sent("0", "r2")

    led(any_redis_url, work)


@pytest.mark.parametrize("away", ["lead", "hook"])
def test_a_process_that_leads_no_more_and_one_whose_webhook_is_gone_note_nothing(
    any_redis_url: str, away: str
) -> None:
    async def work(store: Store) -> None:
        await store.done("wh_one", step("5"))
        if away == "lead":
            await store.redis.set(WebhookKeys.lead, "another")
        else:
            await cast(Any, store.redis.hdel(WebhookKeys.hooks, "wh_one"))
        assert not await store.done("wh_one", step("6"))
        assert not await store.later("wh_one", step("6"), retry(6))
        assert not await store.give_up("wh_one", step("6"), letter(6))
        assert not await store.done("wh_one", reset("r1"))
        assert await stands(store) == (Sent("5", ""), {}, [])

    led(any_redis_url, work)


async def register(redis: Redis, hooks: int) -> None:
    """As if so many webhooks were registered."""
    await cast(Any, redis.hset(WebhookKeys.hooks, mapping={f"wh_{n}": "{}" for n in range(hooks)}))


def test_so_many_webhooks_there_may_be_and_no_more(any_redis_url: str) -> None:
    async def work(store: Store) -> None:
        await register(store.redis, MOST_HOOKS - 2)
        await store.add(hook("wh_last"), {"race": 7})
        assert await store.sent("wh_last") == {"race": 7}
        with pytest.raises(TooManyHooks):
            await store.add(hook("wh_more"), {"race": 7})
        assert await store.sent("wh_more") == {}
        assert (await store.change("wh_last", lambda one: one)).id == "wh_last", "what is there may change"
        assert await store.redis.hlen(WebhookKeys.hooks) == MOST_HOOKS

    led(any_redis_url, work)


def test_a_webhook_that_was_changed_meanwhile_stays_as_it_is(any_redis_url: str) -> None:
    async def work(store: Store) -> None:
        revision = await store.revision()
        await store.later("wh_one", step("1"), retry(1))

        def meanwhile(read: Hook) -> Hook:
            with SyncRedis.from_url(any_redis_url) as another:
                another.hset(WebhookKeys.hooks, "wh_one", hook(description="by another").model_dump_json())
            return read

        with pytest.raises(Changed):
            await store.change("wh_one", meanwhile, afresh=True)
        assert (await store.hook("wh_one")).description == "by another"
        assert await store.retries("wh_one") == {"race": retry(1)}
        assert await store.revision() == revision

    led(any_redis_url, work)


def test_a_change_is_counted_and_forgets_what_was_tried_again_only_where_that_is_asked(
    any_redis_url: str,
) -> None:
    async def work(store: Store) -> None:
        revision = await store.revision()
        await store.later("wh_one", step("1"), retry(1))
        await store.change("wh_one", lambda one: one.model_copy(update={"description": "new"}))
        assert (await store.hook("wh_one")).description == "new"
        assert await store.retries("wh_one") == {"race": retry(1)}
        await store.change("wh_one", lambda one: one, afresh=True)
        assert await store.retries("wh_one") == {}
        assert await store.revision() == revision + 2

    led(any_redis_url, work)


def test_what_belongs_to_a_webhook_goes_with_it(any_redis_url: str) -> None:
    async def work(store: Store) -> None:
        await store.done("wh_one", step("5"))
        await store.later("wh_one", step("6"), retry(6))
        await store.give_up("wh_one", step("6"), letter(6))
        await store.remove("wh_one")
        with pytest.raises(NotFound):
            await store.hook("wh_one")
        assert await stands(store) == (Sent("0", ""), {}, [])
        assert [key async for key in store.redis.scan_iter("standings:{webhooks}:w:*")] == []

    led(any_redis_url, work)
