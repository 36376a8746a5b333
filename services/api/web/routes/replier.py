"""How every route answers: from the contest's index, in its turn, in the format that is wanted."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import Request, Response

from services.api.answers.answers import Answers
from services.api.answers.documents import Document
from services.api.answers.formats import Format
from services.api.answers.questions import AboutContest, ContestQuestion, RowsQuestion
from services.api.answers.turns import Turns
from services.api.engine.index import Index
from services.api.web import replies, responses
from services.api.web.replies import Reply, Wants

Q = TypeVar("Q", bound=RowsQuestion)

# About a contest as it is in memory.
AS_IT_IS = ContestQuestion(wait_ms=0)


class Replier:
    """Replies to the requests of one process."""

    def __init__(self, answers: Answers, turns: Turns) -> None:
        self.answers = answers
        self.contests = answers.contests
        self.turns = turns

    async def index(self, contest: str, question: AboutContest) -> Index:
        """The contest's index, at the version that is waited for. Raises as `Contests.at`."""
        return await self.contests.at(contest, question.min_version, question.wait_ms)

    async def reply(
        self, request: Request, document: Document, form: Format | None = None, *, raw: bool
    ) -> Response:
        """The response with a document, piece by piece where it is large. Raises `NotAcceptable`, `Unwritable`."""
        wants = replies.wants_of(request.scope["headers"])
        chosen = replies.form_of(form, wants.accept)
        document = document._replace(raw=raw)
        return await responses.answer(document, chosen, wants, replies.cache_of(pinned=False), self.turns)

    async def at_once(self, request: Request, make: Callable[[Wants], Reply]) -> Response:
        """The response with a reply that is made in one piece, in its turn."""
        wants = replies.wants_of(request.scope["headers"])
        return responses.response(await self.turns.take(lambda: make(wants)))

    async def worked_out(
        self,
        request: Request,
        contest: str,
        question: Q,
        answer: Callable[[Index, Q], Awaitable[Document]],
        form: Format | None = None,
    ) -> Response:
        """The response to a question that may be large: worked out in its turn. Raises as `Contests.answer`."""

        async def read(index: Index) -> Response:
            async with self.turns.working():
                return await self.reply(request, await answer(index, question), form, raw=question.raw)

        return await self.contests.answer(contest, question.min_version, question.wait_ms, read)
