"""Standings over HTTP: one way to answer, for FastAPI's route and for the thin path in front of it."""

from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from pydantic import ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from services.api.answers.answers import Answers
from services.api.answers.documents import Document
from services.api.answers.moments import Moment, moment, moves, until
from services.api.answers.questions import StandingsQuestion
from services.api.answers.turns import Turns
from services.api.engine.index import Index
from services.api.web import replies
from services.api.web.cors import AnyOrigin
from services.api.web.replies import Headers, Mementos, Reply, Wants, Written
from shared.domain.errors import Refused
from shared.domain.times import Instant, format_instant
from shared.http.problems import failed
from shared.runtime.kept import Kept

# Of what the API may hold.
_KEPT_SHARE = 1 / 16
# Cells of a contest, of which standings take milliseconds to make: one piece of work in a round of the loop.
_MANY_CELLS = 1000
# What a kept reply takes beside its texts: of Python's objects, nearly.
_REPLY_BYTES = 1500
_BEGIN, _END = "/v1/contests/", "/standings"


class StandingsReplies:
    """Replies to questions about standings."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers

    def reply(self, index: Index, question: StandingsQuestion, wants: Wants) -> Reply:
        """The reply. Raises `Refused`."""
        return replies.reply(self.written(index, question, wants)[0], wants)

    def written(self, index: Index, question: StandingsQuestion, wants: Wants) -> tuple[Written, Moment]:
        """The standings in the format that is wanted, at the moment that is asked for. Raises `Refused`."""
        form = replies.form_of(question.format, wants.accept)
        at, chosen = self._moment(index, question, wants)
        document = self.answers.standings_at(index, question, at)
        headers = self._headers(index, question, at, chosen)
        cache = replies.cache_of(at.pinned and chosen is None)
        return replies.written(document, form, cache, headers, _identity(index, question, at, document)), at

    def _moment(
        self, index: Index, question: StandingsQuestion, wants: Wants
    ) -> tuple[Moment, Instant | None]:
        """The moment, and the known time where Accept-Datetime chose it."""
        now = self.answers.clock()
        times = question.valid_at, question.known_at, question.version
        if not wants.accept_datetime or question.known_at is not None or question.version is not None:
            return moment(index, *times, now), None
        # What was known then, of then: the first there is where nothing was known yet (RFC 7089, 4.5.3).
        chosen = max(replies.accepted_instant(wants.accept_datetime), index.first_known_at)
        chosen = min(chosen, now)
        known_at = format_instant(chosen)
        valid_at = known_at if question.valid_at is None else question.valid_at
        if moves(valid_at):  # and its own address must not
            zone = index.contest(index.version).timezone
            valid_at = format_instant(until(valid_at, zone, now, "valid_at"))
        return moment(index, valid_at, known_at, None, now), chosen

    def _headers(
        self, index: Index, question: StandingsQuestion, at: Moment, chosen: Instant | None
    ) -> Headers:
        past = at.known_at.asked is not None or at.version < index.version
        valid_at = None if question.valid_at is None else at.valid_at.asked
        asked = "" if chosen is None else _asked(question)
        mementos = _mementos(index)._replace(valid_at=valid_at, asked=asked)
        return mementos.headers(index.known_at(at.version) if past else None, chosen)


# What standings depend on beside their times.
_BESIDE_TIMES = {"policy", "weights", "candidate", "category", "format"}


def _asked(question: StandingsQuestion) -> str:
    """What a question asks for beside its times, as in an address."""
    said = question.model_dump(include=_BESIDE_TIMES, exclude_unset=True, exclude_none=True)
    return urlencode({**said, "raw": "true"} if question.raw else said)


def _identity(index: Index, question: StandingsQuestion, at: Moment, document: Document) -> object:
    """Everything that standings depend on: what time alone does not change counts as the same."""
    value = document.value
    policy = value["policy"]
    asked = policy["id"], policy["version"], policy["source"], question.candidate, question.category
    effective = min(at.valid_at.instant, index.latest_valid_at), at.version, index.generation
    history = index.history_at(at.version)
    return index.contest_id, history, effective, asked, value["revised"], value["foresees"]


def _mementos(index: Index) -> Mementos:
    return Mementos(index.contest_id, index.first_known_at, index.known_at(index.version))


class _Lasting(NamedTuple):
    """A reply that stays as it is while its contest does: at most its times move."""

    serial: int
    version: int
    written: Written
    present: bool

    @property
    def nbytes(self) -> int:
        """Bytes held, nearly."""
        headers = sum(len(value) for _, value in self.written.headers)
        return len(self.written.rest) + len(self.written.times) + headers + _REPLY_BYTES


class ThinPath:
    """An ASGI app in front of another: it answers current and past standings of contests in memory by itself.

    It asks the same questions of the same code as the route does, without what FastAPI does around it. Whatever is out
    of the ordinary (another format, a refusal, a contest or version to be waited for) is left to the app behind.
    """

    def __init__(self, app: ASGIApp, answers: Answers, turns: Turns) -> None:
        self.app = app
        self.answers = answers
        self.turns = turns
        self.standings = StandingsReplies(answers)
        self._kept: Kept[tuple[str, bytes], _Lasting] = answers.contests.account.kept(_KEPT_SHARE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if scope["method"] == "HEAD":
                scope = {**scope, "method": "GET", "head": True}
                send = _without_body(send)
            try:
                reply = await self._answer(scope)
            except Exception as error:
                # No handler of the app behind sees it.
                await AnyOrigin(failed(scope, error))(scope, receive, send)
                return
            if reply is not None:
                await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
                await send({"type": "http.response.body", "body": reply.body})
                return
        await self.app(scope, receive, send)

    async def _answer(self, scope: Scope) -> Reply | None:
        path: str = scope["path"]
        if scope["method"] != "GET" or not path.startswith(_BEGIN) or not path.endswith(_END):
            return None
        contest = path[len(_BEGIN) : -len(_END)]
        index = self.answers.contests.ready(contest)
        if index is None:
            return None
        try:
            wants = replies.wants_of(scope["headers"])
        except Refused:
            return None  # and the route says why
        if wants.accept_datetime or wants.accept not in (b"", b"*/*", b"application/json"):
            return None
        query: bytes = scope["query_string"]
        kept = self._kept.get((contest, query))
        if kept is None or kept.version != index.version or kept.serial != index.serial:
            if len(index.cells.names) > _MANY_CELLS:
                return await self.turns.take(lambda: self._fresh(index, (contest, query), wants))
            return self._fresh(index, (contest, query), wants)
        return replies.reply(kept.written, wants, self._now() if kept.present else None)

    def _fresh(self, index: Index, key: tuple[str, bytes], wants: Wants) -> Reply | None:
        try:
            question = StandingsQuestion.model_validate(_parameters(key[1]))
            if question.min_version > index.version or question.format not in (None, "json"):
                return None
            written, at = self.standings.written(index, question, wants)
        except (ValidationError, Refused, UnicodeDecodeError, _Repeated):
            return None  # and the route says what is wrong
        present = _is_present(index, question, at)
        if present or at.pinned:
            kept = _Lasting(index.serial, index.version, written, present)
            self._kept.put(key, kept, kept.nbytes + len(key[0]) + len(key[1]))
        return replies.reply(written, wants)

    def _now(self) -> bytes:
        """The times of an answer about the present: `views.times` of now, as JSON."""
        now = format_instant(self.answers.clock()).encode()
        return b'{"valid_at":{"asked":null,"instant":"%b"},"known_at":{"asked":null,"instant":"%b"}}' % (
            now,
            now,
        )


class _Repeated(Exception):
    """A parameter is given more than once."""


def _parameters(query: bytes) -> dict[str, str]:
    """A query string's parameters. Raises `_Repeated`."""
    text = query.decode("ascii")
    if "%" not in text and "+" not in text and "=" in text:
        pairs = [part.partition("=")[::2] for part in text.split("&") if part]
    else:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict")
    parameters = dict(pairs)
    if len(parameters) < len(pairs):
        raise _Repeated
    return parameters


def _is_present(index: Index, question: StandingsQuestion, at: Moment) -> bool:
    """Whether it asks for the present, and time alone changes nothing more."""
    left_out = question.valid_at is None and question.known_at is None and question.version is None
    return left_out and at.valid_at.instant >= index.latest_valid_at


def _without_body(send: Send) -> Send:
    async def heads_only(message: "dict[str, object]") -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return heads_only  # type: ignore[return-value]
