"""The client for asyncio."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Any, Self, Unpack

import httpx
from httpx_sse import EventSource

from standings.client.asking import ContestFilters, Filters, Moment, Span, Waiting, parameters, value_of
from standings.client.following import TIMEOUT, Following
from standings.client.models import Change, Contest, Standings, Timeline


class AsyncClient:
    """As `Client`, for asyncio: use it in an `async with` block, or `aclose` it."""

    def __init__(self, url: str, http: httpx.AsyncClient | None = None) -> None:
        self._url = url.rstrip("/")
        self._http = http or httpx.AsyncClient(timeout=60)
        self._owned = http is None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes its connections."""
        if self._owned:
            await self._http.aclose()

    async def ask(self, path: str, **asked: object) -> Any:
        """The JSON of any route; numbers are exact."""
        return value_of(await self._http.get(self._url + path, params=parameters(asked)))

    async def contests(self) -> list[Contest]:
        """Every contest."""
        page = await self.ask("/v1/contests")
        contests = page["contests"]
        while page.get("next"):
            page = await self.ask("/v1/contests", cursor=page["next"])
            contests += page["contests"]
        return [Contest.model_validate(contest) for contest in contests]

    async def contest(self, contest: str, **asked: Unpack[Waiting]) -> Contest:
        """A contest as it is now."""
        return Contest.model_validate(await self.ask(f"/v1/contests/{contest}", **asked))

    async def standings(self, contest: str, **asked: Unpack[Moment]) -> Standings:
        """Candidates by score, now or at any moment."""
        return Standings.model_validate(await self.ask(f"/v1/contests/{contest}/standings", **asked))

    async def timeline(self, contest: str, **asked: Unpack[Span]) -> Timeline:
        """Scores over time, along either axis."""
        return Timeline.model_validate(await self.ask(f"/v1/contests/{contest}/timeline", **asked))

    async def changes(
        self,
        contest: str,
        *,
        since: int | str | None = None,
        give_up_after: float | None = None,
        **filters: Unpack[Filters],
    ) -> AsyncGenerator[Change]:
        """A contest's changes behind version `since`, without an end: as `Client.changes`."""
        if since is None:
            since = (await self.contest(contest)).place
        following = Following(contest, str(since), parameters(filters), give_up_after)
        async with contextlib.aclosing(self._follow(following)) as changes:
            async for change in changes:
                yield change

    async def all_changes(
        self,
        *,
        after: str | None = None,
        give_up_after: float | None = None,
        **filters: Unpack[ContestFilters],
    ) -> AsyncGenerator[tuple[Change, str]]:
        """Changes of all contests, each with the cursor to go on from: as `Client.all_changes`."""
        if after is None:
            after = (await self.ask("/v1/changes", limit=1))["next"]
        following = Following(None, after, parameters(filters), give_up_after)
        async with contextlib.aclosing(self._follow(following)) as changes:
            async for change in changes:
                yield change, following.cursor

    async def _follow(self, following: Following) -> AsyncGenerator[Change]:
        while True:
            try:
                async with contextlib.aclosing(self._connection(following)) as changes:
                    async for change in changes:
                        yield change
            except httpx.TransportError:
                pass
            await asyncio.sleep(following.wait(time.monotonic()))

    async def _connection(self, following: Following) -> AsyncGenerator[Change]:
        path, asked, headers = following.request()
        async with contextlib.AsyncExitStack() as stack:
            opening = self._http.stream(
                "GET", self._url + path, params=asked, headers=headers, timeout=TIMEOUT
            )
            try:
                answer = await stack.enter_async_context(opening)
            except AttributeError as error:
                # Under uvloop, what is said of a connection that is reset before it is used.
                raise httpx.ConnectError("the connection was reset") from error
            if not answer.is_success:
                await answer.aread()
            if following.answered(answer):
                async for told in EventSource(answer).aiter_sse():
                    if change := following.take(told):
                        yield change
