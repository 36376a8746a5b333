"""How much is sent at a time: what hangs waits among its like, and takes no turn from the others."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Container
from contextlib import AsyncExitStack, asynccontextmanager

AT_ONCE = 64
AT_ONCE_SLOW = 32
AT_ONCE_A_HOOK = 8
AT_ONCE_UNTIL_QUICK = 2


class _Own:
    """A webhook's own slots, and how its last attempt went: None before the first."""

    def __init__(self) -> None:
        self.all = asyncio.Semaphore(AT_ONCE_A_HOOK)
        self.few = asyncio.Semaphore(AT_ONCE_UNTIL_QUICK)
        self.quick: bool | None = None


class Slots:
    """A webhook has 8 attempts at a time once its receiver is quick, and 2 before that and while it is slow.

    All together have 64, and those whose last attempt was slow have 32 of their own beside them. A webhook's own slot
    is taken first: what waits for it holds nothing that another could have.
    """

    def __init__(self) -> None:
        self._own: dict[str, _Own] = defaultdict(_Own)
        self._all = asyncio.Semaphore(AT_ONCE)
        self._slow = asyncio.Semaphore(AT_ONCE_SLOW)

    @asynccontextmanager
    async def turn(self, hook: str) -> AsyncIterator[None]:
        """Waits for the webhook's turn, which lasts for the block."""
        own = self._own[hook]
        async with AsyncExitStack() as held:
            await held.enter_async_context(own.all)
            if not own.quick:
                await held.enter_async_context(own.few)
            await held.enter_async_context(self._slow if own.quick is False else self._all)
            yield

    def note(self, hook: str, quick: bool) -> None:
        """How the webhook's last attempt went."""
        self._own[hook].quick = quick

    def keep(self, hooks: Container[str]) -> None:
        """Forgets all other webhooks; what has a turn keeps it."""
        for hook in [hook for hook in self._own if hook not in hooks]:
            del self._own[hook]
