"""What can go wrong with a question or a subscription."""

import json
from typing import Any

import httpx


class StandingsError(Exception):
    """Everything that this client raises by itself."""


class Problem(StandingsError):
    """The API refused, with an RFC 9457 problem: `code` ends its type's address, `members` is all that it says."""

    def __init__(self, status: int, members: dict[str, Any]) -> None:
        parts = [members.get("detail") or members.get("title") or f"status {status}", members.get("way_out")]
        super().__init__("; ".join(part for part in parts if part))
        self.status = status
        self.members = members
        self.code = str(members.get("type", "")).rpartition("/")[2]


class OutOfReach(StandingsError):
    """The API did not answer for as long as the client was told to try."""


class Gap(StandingsError):
    """Changes did not follow each other. Begin again from what you have: `since` the last version that you took."""

    def __init__(self, contest: str, expected: int, version: int) -> None:
        super().__init__(f"contest {contest!r}: version {expected} was due, and {version} came")
        self.contest = contest
        self.expected = expected
        self.version = version


class Reset(StandingsError):
    """The log of a contest was lost or replaced: forget what you have of it, and begin again behind `cursor`.

    Following one contest, that is `since=0`. Following all contests, `contest` is the one that was replaced, and
    `after=cursor` goes on with the others and with what it has now. `contest` is None if any contest may have been
    replaced: read all of them anew.
    """

    def __init__(self, contest: str | None, cursor: str, said: str = "") -> None:
        what = "the changes" if contest is None else f"contest {contest!r}"
        super().__init__(
            said or f"{what} began anew: forget what you have, and begin again behind {cursor!r}"
        )
        self.contest = contest
        self.cursor = cursor


def problem_of(response: httpx.Response) -> Problem:
    """An answer that is no success; its body is read."""
    try:
        members = json.loads(response.content)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        members = {
            "title": response.reason_phrase,
            "detail": f"{response.request.url} answered {response.status_code}",
        }
    return Problem(response.status_code, members)
