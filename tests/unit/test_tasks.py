"""Tasks end when they are to end, also where a cancellation is lost on its way."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from shared.runtime.tasks import beside, end, side_by_side


class Stubborn:
    """Work without an end that loses its first cancellations."""

    def __init__(self, loses: int = 2) -> None:
        self.loses = loses
        self.ended = False

    async def work(self) -> None:
        try:
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    if not self.loses:
                        raise
                    self.loses -= 1
        finally:
            self.ended = True


async def fails() -> None:
    await asyncio.sleep(0)
    raise LookupError("away")


def within_seconds(work: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(work, 10)

    asyncio.run(bounded())


def test_tasks_end_though_cancellations_are_lost() -> None:
    async def work() -> None:
        stubborn = [Stubborn(loses) for loses in (0, 1, 3)]
        tasks = [asyncio.create_task(one.work()) for one in stubborn]
        await asyncio.sleep(0)

        await end(*tasks)

        assert all(one.ended for one in stubborn)
        assert all(task.cancelled() for task in tasks)

    within_seconds(work())


def test_a_task_that_waits_for_one_short_thing_after_the_other_ends() -> None:
    # As the Redis client does it: in Python 3.11 most of these lose their first cancellation.
    async def sends() -> None:
        while True:
            await asyncio.wait_for(asyncio.sleep(0), 10)

    async def work() -> None:
        for ticks in range(8):
            task = asyncio.create_task(sends())
            for _ in range(ticks):
                await asyncio.sleep(0)
            await end(task)
            assert task.cancelled()

    within_seconds(work())


def test_what_has_failed_or_is_done_has_ended() -> None:
    async def work() -> None:
        failed, done = asyncio.create_task(fails()), asyncio.create_task(asyncio.sleep(0))
        await asyncio.wait({failed, done})

        await end(failed, done)

        assert isinstance(failed.exception(), LookupError)

    within_seconds(work())


def test_a_work_lasts_as_long_as_its_block() -> None:
    async def work() -> None:
        stubborn = Stubborn()
        async with beside(stubborn.work()):
            await asyncio.sleep(0)
            assert not stubborn.ended
        assert stubborn.ended

    within_seconds(work())


def test_a_block_ends_when_its_work_fails() -> None:
    async def work() -> None:
        async with beside(fails()):
            await asyncio.sleep(60)

    with pytest.raises(ExceptionGroup) as raised:
        within_seconds(work())
    assert raised.group_contains(LookupError, match="away")


def test_works_side_by_side_end_when_one_fails() -> None:
    stubborn = Stubborn()

    with pytest.raises(LookupError, match="away"):
        within_seconds(side_by_side(stubborn.work(), fails()))

    assert stubborn.ended


def test_works_side_by_side_end_when_they_are_to() -> None:
    async def work() -> None:
        stubborn = Stubborn(), Stubborn(0)
        task = asyncio.create_task(side_by_side(*(one.work() for one in stubborn)))
        await asyncio.sleep(0.01)

        await end(task)

        assert all(one.ended for one in stubborn)
        assert task.cancelled()

    within_seconds(work())
