"""Tasks that end when they are to end.

To cancel once is not enough: in Python 3.11 `asyncio.wait_for`, by which the Redis client sends every command, loses a
cancellation that comes in the moment in which it is done, and the task goes on.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

_AGAIN_SECONDS = 0.02


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancels tasks until all have ended, whatever they raise. A cancellation of its own is raised at the end."""
    cancelled: asyncio.CancelledError | None = None
    while going_on := [task for task in tasks if not task.done()]:
        for task in going_on:
            task.cancel()
        try:
            await asyncio.wait(going_on, timeout=_AGAIN_SECONDS)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def side_by_side(*works: Coroutine[Any, Any, None]) -> None:
    """Does these works at the same time until all are done. Should one fail, the others are cancelled and its failure
    is raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        await end(*tasks)


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Does this work as long as the block lasts.

    Should it fail, the block is cancelled and an `ExceptionGroup` of the failure raised: a service whose work has ended
    has to be started again, and whoever runs it sees that by its end.
    """
    async with asyncio.TaskGroup() as group:
        working = group.create_task(work)
        try:
            yield
        finally:
            await end(working)
