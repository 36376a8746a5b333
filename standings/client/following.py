"""A subscription's memory: where it stands, what must come next, and how long to wait when nothing does.

Both clients feed it what they read; nothing here connects, waits or looks at a clock.
"""

import json
import random
from collections.abc import Mapping
from typing import NamedTuple

import httpx
from httpx_sse import ServerSentEvent

from standings.client.errors import Gap, OutOfReach, Reset, StandingsError, problem_of
from standings.client.exact import integer, number
from standings.client.models import Change

# The API says that it lives every 15 seconds; a connection that is silent for longer is dead.
TIMEOUT = httpx.Timeout(10, read=45)
_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 10.0
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class Request(NamedTuple):
    """What to ask for."""

    path: str
    parameters: dict[str, str]
    headers: dict[str, str]


class Following:
    """A subscription. `after` is where it begins; without filters, each contest's versions must follow each other.

    `give_up_after` is for how many seconds in a row it may be out of reach, None for ever.
    """

    def __init__(
        self, contest: str | None, after: str, filters: Mapping[str, str], give_up_after: float | None
    ) -> None:
        self._path = "/v1/changes" if contest is None else f"/v1/contests/{contest}/changes"
        self._filters = dict(filters)
        self._complete = not filters.keys() - {"contest"}
        self._contest = contest
        self._versions = {} if contest is None else {contest: version_in(after)}
        self._give_up_after = give_up_after
        self._failures = 0
        self._lost_at: float | None = None
        self.cursor = after

    def request(self) -> Request:
        """The next connection to make."""
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store", "Last-Event-ID": self.cursor}
        return Request(self._path, self._filters, headers)

    def answered(self, response: httpx.Response) -> bool:
        """True if the response is an event stream. Only the body of an error is read.

        Raises `Problem` if it is not worth trying again, and `Reset`.
        """
        if response.is_success:
            self._lost_at = None
        elif response.status_code not in _TRY_AGAIN:
            problem = problem_of(response)
            if problem.code == "reset":
                raise Reset(self._contest, "", str(problem))
            raise problem
        return response.is_success

    def take(self, told: ServerSentEvent) -> Change | None:
        """What a server-sent event brings, None if that is no change. Raises `Gap` and `Reset`."""
        self._failures = 0
        if told.event == "reset":
            raise Reset(_contest_of(told.data), told.id)
        if told.event != "change" or not told.data:
            if told.id and told.event != "end":
                self.cursor = told.id  # behind what did not fit the filters
            return None
        change = _read(told.data)
        last = self._versions.get(change.contest)
        if last is not None and change.version <= last:
            return None  # told again
        if last is not None and self._complete and change.version != last + 1:
            raise Gap(change.contest, last + 1, change.version)
        self._versions[change.contest] = change.version
        self.cursor = told.id
        return change.at(told.id) if self._contest else change

    def wait(self, now: float) -> float:
        """Seconds until the next try: a moment after an end, longer and longer while nothing comes.

        `now` is the time in seconds. Raises `OutOfReach`.
        """
        if self._lost_at is None:
            self._lost_at = now
        if self._give_up_after is not None and now - self._lost_at > self._give_up_after:
            raise OutOfReach(f"{self._path} could not be followed for {self._give_up_after} seconds")
        longest = min(_FIRST_WAIT_SECONDS * 2.0**self._failures, _LONGEST_WAIT_SECONDS)
        self._failures = min(self._failures + 1, 20)
        return longest * random.uniform(0.5, 1)  # noqa: S311 - so that clients do not come all at once


def version_in(place: str) -> int:
    """The version in a place of one contest's changes, `103` or `103-1f2e3d4c5b6a7988`."""
    return int(place.partition("-")[0])


def _contest_of(data: str) -> str:
    try:
        return str(json.loads(data)["data"]["contest"])
    except (ValueError, KeyError, TypeError) as error:
        raise StandingsError(f"a reset cannot be read, this client may be too old: {error}") from error


def _read(data: str) -> Change:
    try:
        # Not by `model_validate_json`, which reads a number with a point as a float first.
        return Change.model_validate(json.loads(data, parse_float=number, parse_int=integer))
    except (ValueError, RecursionError) as error:
        raise StandingsError(f"a change cannot be read, this client may be too old: {error}") from error
