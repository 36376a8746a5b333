"""The HTTP interface of the API."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Query, Request, Response

from services.api.answers import records, views
from services.api.answers.answers import Answers
from services.api.answers.differences import Differences
from services.api.answers.formats import Document, Format
from services.api.answers.over_time import OverTime
from services.api.answers.questions import (
    ContestQuestion,
    ContestsQuestion,
    DiffQuestion,
    EndorsementsQuestion,
    EventsQuestion,
    Raw,
    RevisionsQuestion,
    RiskQuestion,
    RowsQuestion,
    StandingsQuestion,
    TimelineQuestion,
    TimeMapQuestion,
)
from services.api.answers.turns import Turns
from services.api.engine import seen
from services.api.engine.index import Index
from services.api.live.catalog import Listing, listed
from services.api.web import examples, replies, responses
from services.api.web.citations import Citations
from services.api.web.fast_path import StandingsReplies
from services.api.web.mementos import time_map
from shared.domain.errors import UnknownEndorsement
from shared.domain.ids import SLUG
from shared.http.parameters import KNOWN_ONLY
from shared.values.text import Parameter

Q = TypeVar("Q", bound=RowsQuestion)

ContestId = Annotated[str, Path(pattern=SLUG, examples=["us-president-2020-dem"])]
EndorsementId = Annotated[Parameter, Path(max_length=120, examples=["ed-rendell.amy-klobuchar"])]
Cited = Annotated[
    str, Path(pattern=seen.PATTERN_FROM_ONE, max_length=40, examples=["103", "103-1f2e3d4c5b6a7988"])
]
CitedPolicy = Annotated[Parameter, Path(max_length=130, examples=["fivethirtyeight-2020@1"])]
CitedTime = Annotated[str, Path(max_length=40, examples=["2019-04-22"])]
RawCsv = Annotated[Raw, Query()]
REFUSALS = examples.refusals(
    _404="not known, or not yet",
    _410="the contest's log has another history by now than the one that is asked about",
    _406="none of the accepted formats is one that answers have",
    _422="a parameter is not of its form",
    _501="a format that this deployment does not write",
    _503="the version waited for did not come in time, too much is asked at a time, or the storage does not answer",
)

_ROWS = examples.of(None, *examples.ROWS)


def routes(answers: Answers, turns: Turns) -> APIRouter:  # noqa: C901 - a list of routes, not a decision
    """Every route of the API."""
    router = APIRouter(
        prefix="/v1", responses=REFUSALS, default_response_class=Response, dependencies=[KNOWN_ONLY]
    )
    contests = answers.contests
    listing = Listing(contests)
    standings_replies = StandingsReplies(answers)
    citations, over_time, differences = Citations(answers), OverTime(answers), Differences(answers, turns)

    async def reply(
        request: Request, document: Document, form: Format | None = None, *, raw: bool
    ) -> Response:
        wants = replies.wants_of(request.scope["headers"])
        chosen = replies.form_of(form, wants.accept)
        document = document._replace(raw=raw)
        return await responses.answer(document, chosen, wants, replies.cache_of(pinned=False), turns)

    async def worked_out(
        request: Request,
        contest: str,
        question: Q,
        answer: Callable[[Index, Q], Awaitable[Document]],
        form: Format | None = None,
    ) -> Response:
        """The reply to a question that may be large: worked out in its turn."""

        async def read(index: Index) -> Response:
            async with turns.working():
                return await reply(request, await answer(index, question), form, raw=question.raw)

        return await contests.answer(contest, question.min_version, question.wait_ms, read)

    @router.get("/contests", tags=["contests"], responses=examples.of(examples.CONTESTS, *examples.ROWS))
    async def all_contests(request: Request, question: Annotated[ContestsQuestion, Query()]) -> Response:
        """Contests by id, page by page; `next` is the cursor of the next page, and the id of this one's last."""
        page = await listing.page(question.cursor or "", question.limit)
        value = {"contests": [views.contest(one) for one in page.contests], "next": page.next}
        return await reply(request, Document(value, "contests"), question.format, raw=question.raw)

    @router.get("/contests/{contest}", tags=["contests"], responses=_ROWS)
    async def one_contest(
        request: Request, contest: ContestId, question: Annotated[ContestQuestion, Query()]
    ) -> Response:
        """One contest with its candidates."""
        index = await contests.at(contest, question.min_version, question.wait_ms)
        found = views.contest(listed(index, await contests.parked(contest)))
        return await reply(request, Document(found, "candidates"), raw=question.raw)

    @router.get("/contests/{contest}/certificates", tags=["contests"], responses=_ROWS)
    async def certificates(
        request: Request, contest: ContestId, question: Annotated[ContestQuestion, Query()]
    ) -> Response:
        """Every rebuild of the contest's projection, and where the new generation differed from the one before."""
        index = await contests.at(contest, question.min_version, question.wait_ms)
        found = await contests.projections.certificates(contest)
        value = {"contest": contest, "generation": index.generation, "certificates": found}
        return await reply(request, Document(value, "certificates"), raw=question.raw)

    @router.get("/contests/{contest}/candidates", tags=["contests"], responses=_ROWS)
    async def candidates(
        request: Request, contest: ContestId, question: Annotated[ContestQuestion, Query()]
    ) -> Response:
        """A contest's candidates, in the order of their entry."""
        index = await contests.at(contest, question.min_version, question.wait_ms)
        entered = views.candidates(index.contest(index.version))
        value = {"contest": contest, "version": index.version, "candidates": entered}
        return await reply(request, Document(value, "candidates"), raw=question.raw)

    @router.get("/policies", tags=["policies"], responses=_ROWS)
    async def policies(request: Request, raw: RawCsv = False) -> Response:
        """The weightings, each with its version and source."""
        value = {"policies": [views.policy(policy) for policy in answers.policies]}
        return await reply(request, Document(value, "policies"), raw=raw)

    @router.get("/policies/{policy}", tags=["policies"], responses=_ROWS)
    async def one_policy(
        request: Request, policy: Annotated[Parameter, Path(max_length=120)], raw: RawCsv = False
    ) -> Response:
        """One weighting."""
        return await reply(request, Document(views.policy(answers.policies.find(policy)), ""), raw=raw)

    @router.get(
        "/contests/{contest}/standings",
        tags=["standings"],
        responses=examples.of(examples.STANDINGS, *examples.ROWS),
    )
    async def standings(
        request: Request, contest: ContestId, question: Annotated[StandingsQuestion, Query()]
    ) -> Response:
        """Candidates by score: now, or at any valid time, as known at any known time or version.

        `Accept-Datetime` (RFC 7089) asks for what was shown then.
        """
        index = await contests.at(contest, question.min_version, question.wait_ms)
        wants = replies.wants_of(request.scope["headers"])
        return responses.response(await turns.take(lambda: standings_replies.reply(index, question, wants)))

    @router.get(
        "/contests/{contest}/standings/{version}/{policy}/{valid_at}", tags=["citing"], responses=_ROWS
    )
    async def cited(
        request: Request,
        contest: ContestId,
        version: Cited,
        policy: CitedPolicy,
        valid_at: CitedTime,
        raw: RawCsv = False,
    ) -> Response:
        """Standings to cite: the same bytes for ever. `Standings-Corrected-At` says since when they are outdated."""
        index = await contests.at(contest, 0, 0)
        wants = replies.wants_of(request.scope["headers"])
        asked = seen.read(version)
        return responses.response(
            await turns.take(lambda: citations.reply(index, asked, policy, valid_at, wants, raw=raw))
        )

    @router.get(
        "/contests/{contest}/standings/{version}/{policy}/{valid_at}/corrections",
        tags=["citing"],
        responses=_ROWS,
    )
    async def corrections(
        request: Request,
        contest: ContestId,
        version: Cited,
        policy: CitedPolicy,
        valid_at: CitedTime,
        raw: RawCsv = False,
    ) -> Response:
        """Whether cited standings were corrected since, when, and what they are now."""
        index = await contests.at(contest, 0, 0)
        asked = seen.read(version)
        document = await turns.take(lambda: citations.corrections(index, asked, policy, valid_at))
        return await reply(request, document, raw=raw)

    @router.get(
        "/contests/{contest}/timeline",
        tags=["over time"],
        responses=examples.of(examples.TIMELINE, *examples.ROWS),
    )
    async def timeline(
        request: Request, contest: ContestId, question: Annotated[TimelineQuestion, Query()]
    ) -> Response:
        """Every candidate's score over time, along either axis."""
        return await worked_out(request, contest, question, over_time.timeline, question.format)

    @router.get("/contests/{contest}/diff", tags=["over time"], responses=_ROWS)
    async def diff(
        request: Request, contest: ContestId, question: Annotated[DiffQuestion, Query()]
    ) -> Response:
        """Who gained and who lost between two moments, and which events did it."""
        return await worked_out(request, contest, question, differences.diff)

    @router.get("/contests/{contest}/revisions", tags=["over time"], responses=_ROWS)
    async def revisions(
        request: Request, contest: ContestId, question: Annotated[RevisionsQuestion, Query()]
    ) -> Response:
        """How the picture of one day changed as more was learned, event by event."""
        return await worked_out(request, contest, question, differences.revisions, question.format)

    @router.get("/contests/{contest}/revision-risk", tags=["over time"], responses=_ROWS)
    async def risk(
        request: Request, contest: ContestId, question: Annotated[RiskQuestion, Query()]
    ) -> Response:
        """How far the figure published on each day moved later, and how long it took to settle."""
        return await worked_out(request, contest, question, over_time.risk, question.format)

    @router.get("/contests/{contest}/endorsements", tags=["endorsements"], responses=_ROWS)
    async def endorsements(
        request: Request, contest: ContestId, question: Annotated[EndorsementsQuestion, Query()]
    ) -> Response:
        """The endorsements at a moment, page by page; `next` is the cursor of the next page, of the same moment."""
        return await worked_out(request, contest, question, answers.endorsements, question.format)

    @router.get("/contests/{contest}/endorsements/{endorsement}", tags=["endorsements"], responses=_ROWS)
    async def one_endorsement(
        request: Request,
        contest: ContestId,
        endorsement: EndorsementId,
        question: Annotated[ContestQuestion, Query()],
    ) -> Response:
        """One endorsement as it reads now, and every event that made it so."""

        async def read(index: Index) -> Response:
            versions = index.states.history(endorsement, index.version)
            if not versions:
                raise UnknownEndorsement(endorsement, contest)
            state = (await contests.endorsements(index, versions[-1:]))[0]
            value = {
                "contest": contest,
                "version": index.version,
                "generation": index.generation,
                **views.endorsement(state),
                "history": records.events(contests, index, versions),
            }
            async with turns.working():
                return await reply(request, Document(value, "history"), raw=question.raw)

        return await contests.answer(contest, question.min_version, question.wait_ms, read)

    @router.get("/contests/{contest}/events", tags=["events"], responses=_ROWS)
    async def events(
        request: Request, contest: ContestId, question: Annotated[EventsQuestion, Query()]
    ) -> Response:
        """The log by version."""

        async def read(index: Index) -> Response:
            there = max(index.version, await contests.events.version(contest))
            last = min(question.after + question.limit, there)
            logged = records.events(contests, index, range(question.after + 1, last + 1))
            async with turns.working():
                value = {"contest": contest, "version": index.version, "events": logged}
                return await reply(request, Document(value, "events"), raw=question.raw)

        return await contests.answer(contest, question.min_version, question.wait_ms, read)

    @router.get(
        "/contests/{contest}/timemap",
        tags=["standings"],
        responses={200: {"description": "the TimeMap", "content": {"application/link-format": {}}}},
    )
    async def timemap(contest: ContestId, question: Annotated[TimeMapQuestion, Query()]) -> Response:
        """Every day on which something was learned, as a TimeMap (RFC 7089)."""
        index = await contests.at(contest, question.min_version, question.wait_ms)
        body = await turns.take(lambda: time_map(index, question.after))
        return Response(body, media_type="application/link-format")

    return router
