"""Turns: a webhook's own first, and what is slow among its like."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from services.webhooks.slots import AT_ONCE, AT_ONCE_A_HOOK, AT_ONCE_SLOW, AT_ONCE_UNTIL_QUICK, Slots


async def held(slots: Slots, hook: str, wanted: int, stack: AsyncExitStack) -> int:
    """How many turns of so many a webhook gets; they are kept until the end."""
    got = 0

    async def keep() -> None:
        nonlocal got
        async with slots.turn(hook):
            got += 1
            await asyncio.Event().wait()

    for _ in range(wanted):
        task = asyncio.create_task(keep())
        stack.callback(task.cancel)
    for _ in range(20):  # whoever can go on has done so
        await asyncio.sleep(0)
    return got


def test_a_webhook_has_its_own_number_at_a_time() -> None:
    async def many() -> None:
        slots = Slots()
        async with AsyncExitStack() as stack:
            slots.note("quick", quick=True)
            slots.note("slow", quick=False)
            assert await held(slots, "quick", 100, stack) == AT_ONCE_A_HOOK
            assert await held(slots, "slow", 100, stack) == AT_ONCE_UNTIL_QUICK
            assert await held(slots, "new", 100, stack) == AT_ONCE_UNTIL_QUICK

    asyncio.run(many())


@pytest.mark.parametrize("hanging", [1, 50])
def test_webhooks_that_are_slow_take_no_turn_from_the_others(hanging: int) -> None:
    async def beside() -> None:
        slots = Slots()
        async with AsyncExitStack() as stack:
            got = 0
            for n in range(hanging):
                slots.note(f"slow-{n}", quick=False)
                got += await held(slots, f"slow-{n}", 81, stack)
            assert got == min(hanging * AT_ONCE_UNTIL_QUICK, AT_ONCE_SLOW)
            for n in range(AT_ONCE // AT_ONCE_A_HOOK):
                slots.note(f"quick-{n}", quick=True)
                assert await held(slots, f"quick-{n}", 81, stack) == AT_ONCE_A_HOOK

    asyncio.run(beside())


def test_what_waits_for_its_own_turn_holds_nobody_elses() -> None:
    async def beside() -> None:
        slots = Slots()
        async with AsyncExitStack() as stack:
            slots.note("hangs", quick=True)
            await held(slots, "hangs", AT_ONCE + 10, stack)
            slots.note("good", quick=True)
            assert await held(slots, "good", 5, stack) == 5

    asyncio.run(beside())


def test_what_was_slow_is_quick_again_after_a_quick_attempt_and_what_is_gone_is_forgotten() -> None:
    async def again() -> None:
        slots = Slots()
        async with AsyncExitStack() as stack:
            slots.note("one", quick=False)
            slots.note("one", quick=True)
            assert await held(slots, "one", 100, stack) == AT_ONCE_A_HOOK
            slots.note("gone", quick=False)
            slots.keep({"one"})
            assert list(slots._own) == ["one"]

    asyncio.run(again())
