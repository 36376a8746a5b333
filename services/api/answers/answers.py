"""Answers to questions about one contest: values and rows, without HTTP."""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, NamedTuple

import orjson
from pydantic import Field, Strict, TypeAdapter

from services.api.answers import records, views
from services.api.answers.documents import Document
from services.api.answers.moments import Moment, Time, moment
from services.api.answers.questions import EndorsementsQuestion, PolicyQuestion, StandingsQuestion, TimeText
from services.api.engine.boards import Board
from services.api.engine.index import Counted, Index
from services.api.engine.seen import Seen
from services.api.engine.states import Filter, digest, versions
from services.api.live.contests import Contests
from shared.domain.contest import Contest
from shared.domain.errors import Invalid, UnknownCandidate, UnknownCategory
from shared.domain.events import Version
from shared.domain.policies import Policy
from shared.domain.policy_texts import made_up
from shared.domain.times import Clock, Instant, format_instant
from shared.runtime.kept import Kept
from shared.values.policies import Policies

# Of what the API may hold.
_BOARDS_SHARE = 1 / 16
# A name in a set, and its place there.
_NAME_BYTES = 150


class Answers:
    """Answers questions."""

    def __init__(self, contests: Contests, policies: Policies, clock: Clock) -> None:
        self.contests = contests
        self.policies = policies
        self.clock = clock
        self._boards: Kept[tuple[object, ...], Board] = contests.account.kept(_BOARDS_SHARE)

    def policy(self, question: PolicyQuestion) -> Policy:
        """The policy that a question is under. Raises `UnknownPolicy` and `Invalid`."""
        if question.weights is None:
            return self.policies.find(question.policy)
        if "policy" in question.model_fields_set:
            raise Invalid(
                "weights", question.weights, "weights and policy both say what counts", "give one of them"
            )
        return made_up(question.weights)

    def board(self, index: Index, contest: Contest, question: PolicyQuestion, policy: Policy) -> Board:
        """The policy laid out over the contest as it was known then."""
        categories = _names(question.category)
        if categories is not None:
            _refuse_unknown_categories(index, categories)
        key = index.serial, len(index.cells.names), id(contest), policy.id, policy.source, categories
        board = self._boards.get(key)
        if board is None:
            # The board holds the contest, so its identity stays its own.
            board = Board(contest, index, policy, categories)
            self._boards.put(key, board, board.nbytes + _NAME_BYTES * len(categories or ()))
        return board

    def standings(self, index: Index, question: StandingsQuestion) -> tuple[Document, Moment]:
        """Candidates by score at a moment."""
        at = moment(index, question.valid_at, question.known_at, question.version, self.clock())
        return self.standings_at(index, question, at), at

    def standings_at(self, index: Index, question: StandingsQuestion, at: Moment) -> Document:
        """Candidates by score at this moment."""
        policy = self.policy(question)
        contest = index.contest(at.version)
        board = self.board(index, contest, question, policy)
        counted = self._counted(index, at)
        points, lines = board.table(counted, at.valid_at.instant, candidates_asked(question, contest))
        return Document(
            {
                **views.moment(contest, index, at),
                "policy": views.policy_named(policy),
                "points": points,
                "available": board.available,
                "revised": index.changed_since(at.valid_at.instant, at.version, counted),
                "foresees": at.foresees,
                "standings": lines,
            },
            "standings",
            views.times(at),
            question.raw,
        )

    def _counted(self, index: Index, at: Moment) -> Counted:
        return index.at(at.valid_at.instant, at.version)

    async def endorsements(self, index: Index, question: EndorsementsQuestion) -> Document:
        """A page of the endorsements at a moment; the next one sees the same moment."""
        at, after = self._page(index, question)
        contest = index.contest(at.version)
        wanted = Filter(self._cells(index, contest, question), question.endorser, question.state == "active")
        chosen = await asyncio.to_thread(
            versions,
            index.states.table(),
            at.version,
            at.valid_at.instant,
            wanted,
            after,
            question.limit + 1,
        )
        page = chosen[: question.limit]
        states = records.endorsements(self.contests, index, [version for _, version in page])
        more = len(chosen) > question.limit
        return Document(
            {
                **views.moment(contest, index, at),
                "endorsements": states,
                "next": _cursor(index, at, page[-1][0], question) if more else None,
            },
            "endorsements",
            views.times(at),
        )

    def _page(self, index: Index, question: EndorsementsQuestion) -> tuple[Moment, int]:
        now = self.clock()
        if question.cursor is None:
            return moment(index, question.valid_at, question.known_at, question.version, now), 0
        page = _read_cursor(question.cursor)
        Seen(page.version, page.history).refuse_other("cursor", index)
        if page.filters != _filters(question):
            raise Invalid(
                "cursor", question.cursor, "this cursor is of another question", "ask as for the first page"
            )
        at = moment(index, format_instant(page.valid_at), None, page.version, now)
        if page.known_at is not None:
            valid_at, known_at = Time(page.asked[0], page.valid_at), Time(page.asked[1], page.known_at)
            at = at._replace(valid_at=valid_at, known_at=known_at)
        return at, page.after

    def _cells(self, index: Index, contest: Contest, question: EndorsementsQuestion) -> frozenset[int] | None:
        candidates, categories = candidates_asked(question, contest), _names(question.category)
        if categories is not None:
            _refuse_unknown_categories(index, categories)
        if candidates is None and categories is None:
            return None
        return frozenset(
            number
            for number, (candidate, category) in enumerate(index.cells.names)
            if (candidates is None or candidate in candidates)
            and (categories is None or category in categories)
        )


def candidates_asked(
    question: PolicyQuestion | EndorsementsQuestion, contest: Contest
) -> frozenset[str] | None:
    """The candidates that a question is limited to. Raises `UnknownCandidate`."""
    names = _names(question.candidate)
    for name in sorted(names or ()):
        if name not in contest.candidates:
            raise UnknownCandidate(name, contest.id, list(contest.candidates))
    return names


def _names(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(name.strip() for name in text.split(","))


def _refuse_unknown_categories(index: Index, categories: frozenset[str]) -> None:
    known = sorted({category for _, category in index.cells.names})
    for category in sorted(categories):
        if category not in known:
            raise UnknownCategory(category, index.contest_id, known)


def _filters(question: EndorsementsQuestion) -> int:
    return digest(repr((question.candidate, question.category, question.endorser, question.state)))


def _cursor(index: Index, at: Moment, after: int, question: EndorsementsQuestion) -> str:
    history = index.history_at(at.version)
    asked = at.valid_at.asked, at.known_at.asked
    said = orjson.dumps(
        [at.valid_at.instant, at.version, after, _filters(question), history, at.known_at.instant, asked]
    )
    return urlsafe_b64encode(said).decode().rstrip("=")


_Instant = Annotated[Instant, Strict()]
_Version = Annotated[Version, Strict(), Field(ge=0, le=2**53)]


class _Page(NamedTuple):
    """The instant and the version that a page is of, the version that it begins after, a digest of the filters, the
    version's history, when it was known, and both times as they were asked. Earlier releases left out the last three.
    """

    valid_at: _Instant
    version: _Version
    after: _Version
    filters: Annotated[int, Strict()]
    history: Annotated[str, Field(pattern="^[0-9a-f]{0,16}$")] | None = None
    known_at: _Instant | None = None
    asked: tuple[TimeText, TimeText] = (None, None)


_PAGE = TypeAdapter(_Page)


def _read_cursor(cursor: str) -> _Page:
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        place = _PAGE.validate_json(urlsafe_b64decode(padded))
        for instant in (place.valid_at, place.known_at or 0):
            format_instant(instant)
        return place
    except (ValueError, OverflowError):
        raise Invalid("cursor", cursor, "this is no cursor", "take `next` of the page before") from None
