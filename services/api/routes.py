"""The HTTP interface of the API."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import orjson
from fastapi import APIRouter, Depends, Path, Query, Response

from services.api import examples, views
from services.api.contests import Contests
from services.api.moments import Moment, moment
from services.api.timetravel import Index, in_force
from shared.domain.contest import Contest
from shared.domain.errors import UnknownCandidate, UnknownEndorsement
from shared.domain.policies import FIVETHIRTYEIGHT_2020, Policies, Policy
from shared.domain.standings import rank

ContestId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,119}$", examples=["us-president-2020-dem"])]
TimeText = Annotated[
    str | None, Query(max_length=40, description="a day in the contest's time zone, or an instant")
]
_ANSWERS: dict[int | str, dict[str, Any]] = {
    404: {"description": "not known"},
    422: {"description": "a parameter is not of its form"},
    503: {"description": "the version waited for did not come in time"},
}
_KEPT = 4096


class Wait(NamedTuple):
    """Waiting for a version just written: until it is there, for at most so long."""

    min_version: int
    wait_ms: int


# Asynchronous, because FastAPI hands a plain function, or a class, to a thread on every request.
async def _wait(
    min_version: Annotated[int, Query(ge=0, le=2**53, description="wait until this version is there")] = 0,
    wait_ms: Annotated[int, Query(ge=0, le=10_000, description="for at most so long")] = 2000,
) -> Wait:
    return Wait(min_version, wait_ms)


class Answers:
    """Answers questions about contests. `clock` gives the present instant."""

    def __init__(self, contests: Contests, policies: Policies, clock: Callable[[], int]) -> None:
        self.contests = contests
        self.policies = policies
        self.clock = clock
        self._tables: dict[tuple[str, int, int, str], bytes] = {}

    async def index(self, contest: str, wait: Wait) -> Index:
        """The contest's index once it is as far as asked."""
        return await self.contests.at(contest, wait.min_version, wait.wait_ms)

    def moment(
        self, index: Index, valid_at: str | None, known_at: str | None, version: int | None
    ) -> tuple[Moment, Contest]:
        """The moment asked for, and the contest as it was known then."""
        at = moment(index, valid_at, known_at, version, self.clock())
        return at, index.contest(at.version)

    def table(self, index: Index, found: Contest, at: Moment, policy: Policy) -> bytes:
        """The standings' lines. Those of the present are kept until the contest moves on."""
        present = at.version == index.version and at.valid_at.instant >= index.latest_valid_at
        key = index.contest_id, index.generation, index.version, policy.id
        if present and (kept := self._tables.get(key)):
            return kept
        counts = index.counts(at.valid_at.instant, at.version)
        placed = rank(found.candidates, counts, policy)
        table = views.encode([views.placed(one, at.valid_at.instant, found.timezone) for one in placed])
        if present:
            if len(self._tables) >= _KEPT:
                self._tables.clear()
            self._tables[key] = table
        return table


def routes(answers: Answers) -> APIRouter:  # noqa: C901 - a list of routes, not a decision
    """Every route of the API."""
    router = APIRouter(prefix="/v1", responses=_ANSWERS)
    contests = answers.contests
    waiting = Annotated[Wait, Depends(_wait)]

    @router.get("/contests", tags=["contests"], responses=examples.of(examples.CONTESTS))
    async def all_contests() -> Response:
        """Every contest."""
        found = await contests.all()
        return _json({"contests": [views.contest(index.contest(index.version), index) for index in found]})

    @router.get("/contests/{contest}", tags=["contests"])
    async def one_contest(contest: ContestId, wait: waiting) -> Response:
        """One contest with its candidates."""
        index = await answers.index(contest, wait)
        return _json(views.contest(index.contest(index.version), index))

    @router.get("/contests/{contest}/candidates", tags=["contests"])
    async def candidates(contest: ContestId, wait: waiting) -> Response:
        """A contest's candidates, in the order of their entry."""
        index = await answers.index(contest, wait)
        return _json(
            {
                "contest": contest,
                "version": index.version,
                "candidates": views.candidates(index.contest(index.version)),
            }
        )

    @router.get("/policies", tags=["policies"])
    async def policies() -> Response:
        """The weightings, each with its version and source."""
        return _json({"policies": [views.policy(policy) for policy in answers.policies]})

    @router.get("/policies/{policy}", tags=["policies"])
    async def one_policy(policy: Annotated[str, Path(max_length=120)]) -> Response:
        """One weighting."""
        return _json(views.policy(answers.policies.find(policy)))

    @router.get(
        "/contests/{contest}/standings", tags=["standings"], responses=examples.of(examples.STANDINGS)
    )
    async def standings(
        contest: ContestId,
        wait: waiting,
        valid_at: TimeText = None,
        known_at: TimeText = None,
        version: Annotated[int | None, Query(ge=1, le=2**53)] = None,
        policy: Annotated[str, Query(max_length=120)] = FIVETHIRTYEIGHT_2020.id,
    ) -> Response:
        """Candidates by score: now, or at any valid time, as known at any known time or version."""
        chosen = answers.policies.find(policy)
        index = await answers.index(contest, wait)
        at, found = answers.moment(index, valid_at, known_at, version)
        table = orjson.Fragment(answers.table(index, found, at, chosen))
        return _json(
            {**views.moment(found, index, at), "policy": views.policy_named(chosen), "standings": table}
        )

    @router.get("/contests/{contest}/endorsements", tags=["endorsements"])
    async def endorsements(
        contest: ContestId,
        wait: waiting,
        valid_at: TimeText = None,
        known_at: TimeText = None,
        version: Annotated[int | None, Query(ge=1, le=2**53)] = None,
        candidate: Annotated[str | None, Query(max_length=120)] = None,
        state: Literal["active", "all"] = "active",
    ) -> Response:
        """The endorsements in force at a moment, or all that were ever announced and not struck."""
        index = await answers.index(contest, wait)
        at, found = answers.moment(index, valid_at, known_at, version)
        if candidate is not None and candidate not in found.candidates:
            raise UnknownCandidate(candidate, contest, list(found.candidates))
        listed = [
            views.endorsement(one)
            for one in index.known(at.version)
            if candidate in (None, one.candidate)
            and (state == "all" or in_force(one, at.valid_at.instant, found.timezone))
        ]
        return _json({**views.moment(found, index, at), "endorsements": listed})

    @router.get("/contests/{contest}/endorsements/{endorsement}", tags=["endorsements"])
    async def one_endorsement(
        contest: ContestId, wait: waiting, endorsement: Annotated[str, Path(max_length=120)]
    ) -> Response:
        """One endorsement as it reads now, and every event that made it so."""
        index = await answers.index(contest, wait)
        state = index.endorsement(endorsement, index.version)
        if state is None:
            raise UnknownEndorsement(endorsement, contest)
        history = [
            recorded
            for about in index.versions_of(endorsement, index.version)
            for recorded in await contests.events.read(contest, about - 1, 1)
        ]
        return _json(
            {
                "contest": contest,
                "version": index.version,
                "generation": index.generation,
                **views.endorsement(state),
                "history": [views.event(recorded) for recorded in history],
            }
        )

    @router.get("/contests/{contest}/events", tags=["events"])
    async def events(
        contest: ContestId,
        wait: waiting,
        after: Annotated[int, Query(ge=0, le=2**53)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """The log by version."""
        index = await answers.index(contest, wait)
        read = await contests.events.read(contest, after, limit)
        return _json(
            {"contest": contest, "version": index.version, "events": [views.event(one) for one in read]}
        )

    return router


def _json(value: object) -> Response:
    return Response(views.encode(value), media_type="application/json")
