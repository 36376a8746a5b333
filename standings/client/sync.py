"""The client for ordinary code."""

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self, Unpack

import httpx
from httpx_sse import EventSource

from standings.client.asking import ContestFilters, Filters, Moment, Span, Waiting, parameters, value_of
from standings.client.following import TIMEOUT, Following
from standings.client.models import Change, Contest, Standings, Timeline


class Client:
    """Asks the API at `url`. Use it in a `with` block, or `close` it.

    `http` may be an `httpx.Client` of your own, for proxies, certificates or headers; it stays yours to close. Every
    method raises `Problem` where the API refuses, and `httpx.TransportError` where it cannot be reached, unless it says
    otherwise.
    """

    def __init__(self, url: str, http: httpx.Client | None = None) -> None:
        self._url = url.rstrip("/")
        self._http = http or httpx.Client(timeout=60)
        self._owned = http is None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections."""
        if self._owned:
            self._http.close()

    def ask(self, path: str, **asked: object) -> Any:
        """The JSON of any route, as `ask("/v1/contests/…/diff", from_valid_at="2025-07-01")`; numbers are exact."""
        return value_of(self._http.get(self._url + path, params=parameters(asked)))

    def contests(self) -> list[Contest]:
        """Every contest."""
        page = self.ask("/v1/contests")
        contests = page["contests"]
        while page.get("next"):
            page = self.ask("/v1/contests", cursor=page["next"])
            contests += page["contests"]
        return [Contest.model_validate(contest) for contest in contests]

    def contest(self, contest: str, **asked: Unpack[Waiting]) -> Contest:
        """A contest as it is now."""
        return Contest.model_validate(self.ask(f"/v1/contests/{contest}", **asked))

    def standings(self, contest: str, **asked: Unpack[Moment]) -> Standings:
        """Candidates by score, now or at any moment."""
        return Standings.model_validate(self.ask(f"/v1/contests/{contest}/standings", **asked))

    def timeline(self, contest: str, **asked: Unpack[Span]) -> Timeline:
        """Scores over time, along either axis."""
        return Timeline.model_validate(self.ask(f"/v1/contests/{contest}/timeline", **asked))

    def changes(
        self,
        contest: str,
        *,
        since: int | str | None = None,
        give_up_after: float | None = None,
        **filters: Unpack[Filters],
    ) -> Iterator[Change]:
        """A contest's changes after version `since`, without an end. None: from the moment you start to iterate.

        `since` may also be the `place` of a change, which names the history of its version: then `Reset` is raised
        where the contest's log was lost or replaced meanwhile, as it is while changes are followed.

        Connects again and goes on where it stood when a connection is lost; raises `OutOfReach` only if that did not
        succeed for `give_up_after` seconds (None: never). Raises `Gap` where a version is missing that no filter
        left out.
        """
        if since is None:
            since = self.contest(contest).place
        yield from self._follow(Following(contest, str(since), parameters(filters), give_up_after))

    def all_changes(
        self,
        *,
        after: str | None = None,
        give_up_after: float | None = None,
        **filters: Unpack[ContestFilters],
    ) -> Iterator[tuple[Change, str]]:
        """Changes of all contests, each with the cursor to go on from; `after` is one of these (None: from now on).

        As `changes`; raises `Problem` (410, `gone`) if they are not kept back to `after`. `Reset` says which contest
        began anew.
        """
        if after is None:
            after = self.ask("/v1/changes", limit=1)["next"]
        following = Following(None, after, parameters(filters), give_up_after)
        for change in self._follow(following):
            yield change, following.cursor

    def _follow(self, following: Following) -> Iterator[Change]:
        while True:
            path, asked, headers = following.request()
            try:
                with self._http.stream(
                    "GET", self._url + path, params=asked, headers=headers, timeout=TIMEOUT
                ) as answer:
                    if not answer.is_success:
                        answer.read()
                    if following.answered(answer):
                        for told in EventSource(answer).iter_sse():
                            if change := following.take(told):
                                yield change
            except httpx.TransportError:
                pass
            time.sleep(following.wait(time.monotonic()))
