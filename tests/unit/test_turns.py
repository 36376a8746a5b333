"""Large answers take turns, wait for their place, and do not wait for a reader who takes nothing."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.types import Message, Scope

from services.api.answers import turns
from services.api.answers.answers import Answers
from services.api.answers.turns import Crowded, Turns
from services.api.engine.index import Index, LedgerEntry
from services.api.live.account import Account
from services.api.live.contests import Contests, _Held
from services.api.web import responses
from services.api.web.fast_path import ThinPath
from services.api.web.replies import Wants
from services.api.web.responses import LargeResponse
from shared.domain.contest import Candidate, Contest
from shared.domain.events import Version
from shared.domain.postings import Posting
from shared.domain.times import Instant
from shared.storage.codec import encode_state
from shared.values.policies import Policies

FIVETHIRTYEIGHT_2020 = Policies().find("fivethirtyeight-2020")
HEADCOUNT = Policies().find("headcount")


def test_in_a_round_of_the_loop_one_piece_of_work_is_done() -> None:
    async def rounds() -> list[int]:
        at, done = 0, list[int]()
        some = Turns()

        async def count() -> None:
            nonlocal at
            while len(done) < 12:
                at += 1
                await asyncio.sleep(0)

        async def work() -> None:
            for _ in range(4):
                await some.take(lambda: done.append(at))

        await asyncio.gather(count(), *(work() for _ in range(3)))
        return done

    done = asyncio.run(rounds())
    assert len(set(done)) == len(done) == 12


WIDE = 500
DAY = 86_400_000_000


def _wide() -> Index:
    """A contest of 500 candidates with three categories each: more cells than are answered at once."""
    candidates = {f"c{n}": Candidate(f"c{n}", f"C {n}", "", "1970-01-01") for n in range(WIDE)}
    index = Index("wide", 1)
    contest = Contest("wide", "Wide", "UTC", "server", "1970-01-01", candidates)
    index.append(LedgerEntry(Version(1), Instant(DAY), (), encode_state(contest), None))
    for n in range(3 * WIDE):
        posting = Posting((Instant(Instant(n + 1) * DAY)), f"c{n % WIDE}", f"k{n // WIDE}", 1, 0)
        index.append(
            LedgerEntry(Version(n + 2), (Instant(Instant(n + 2) * DAY)), ((posting, (1, 0)),), None, None)
        )
    return index


def test_fresh_standings_of_a_wide_contest_are_made_one_in_a_round_of_the_loop() -> None:
    anything: Any = None
    contests = Contests(anything, anything, Account(1 << 30), anything)
    contests._held["wide"] = _Held(_wide())
    answers = Answers(contests, Policies([HEADCOUNT, FIVETHIRTYEIGHT_2020]), lambda: Instant(4000 * DAY))
    path = ThinPath(anything, answers, Turns())

    async def rounds() -> list[int]:
        at, answered = 0, list[int]()

        async def count() -> None:
            nonlocal at
            while len(answered) < 5:
                at += 1
                await asyncio.sleep(0)

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                assert message["status"] == 200
                answered.append(at)

        def question(day: int) -> Scope:
            query = f"version=1000&valid_at=1972-01-0{day}".encode()
            scope = {"type": "http", "method": "GET", "path": "/v1/contests/wide/standings"}
            return {**scope, "headers": [], "query_string": query}

        await asyncio.gather(count(), *(path(question(day), anything, send) for day in range(1, 6)))
        return answered

    answered = asyncio.run(rounds())
    assert len(set(answered)) == len(answered) == 5


def test_questions_are_worked_out_in_turn_and_one_that_waits_too_long_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def ask() -> None:
        some = Turns(worked_out=1)
        async with some.working():
            waiting = asyncio.create_task(_works(some))
            await asyncio.sleep(0)
            monkeypatch.setattr(turns, "_WAIT_SECONDS", 0)
            with pytest.raises(Crowded):
                await _works(some)
            assert not waiting.done()
        assert await waiting

    asyncio.run(ask())


async def _works(some: Turns) -> bool:
    async with some.working():
        return True


class _Reader:
    """The other side of a response: takes so many pieces, then none."""

    def __init__(self, takes: int = 1000, leaves: bool = False) -> None:
        self.takes, self.leaves = takes, leaves
        self.taken: list[bytes] = []
        self.waits = asyncio.Event()
        self.ended = False

    async def receive(self) -> Message:
        if self.leaves:
            await self.waits.wait()
            return {"type": "http.disconnect"}
        return await asyncio.Event().wait()  # type: ignore[return-value]

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body" and message["body"]:
            if len(self.taken) == self.takes:
                self.waits.set()
                await asyncio.Event().wait()
            self.taken.append(message["body"])
        self.ended |= message["type"] == "http.response.body" and not message.get("more_body", False)


async def _body() -> AsyncIterator[bytes]:
    for n in range(10):
        yield b"%d" % n


def _response(some: Turns) -> LargeResponse:
    return LargeResponse([], _body(), Wants(), some)


def test_an_answer_for_which_there_is_no_place_is_refused_before_it_begins() -> None:
    async def ask() -> None:
        some, reader = Turns(on_their_way=1), _Reader()
        with some.place(), pytest.raises(Crowded):
            await _response(some)({}, reader.receive, reader.send)
        await _response(some)({}, reader.receive, reader.send)
        assert (b"".join(reader.taken), reader.ended) == (b"0123456789", True)

    asyncio.run(ask())


@pytest.mark.parametrize("leaves", [True, False])
def test_a_reader_who_leaves_or_takes_nothing_gives_the_place_back(
    monkeypatch: pytest.MonkeyPatch, leaves: bool
) -> None:
    monkeypatch.setattr(responses, "_SLOWEST_SECONDS", 1000 if leaves else 0)

    async def ask() -> None:
        some, reader = Turns(on_their_way=1), _Reader(takes=3, leaves=leaves)
        await _response(some)({}, reader.receive, reader.send)
        assert (reader.taken, reader.ended) == ([b"0", b"1", b"2"], False)
        with some.place():
            pass

    asyncio.run(ask())


def test_a_failure_on_the_way_breaks_the_answer_off(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> AsyncIterator[bytes]:
        yield b"0"
        raise OSError("the storage is away")

    async def ask() -> Any:
        reader = _Reader()
        await LargeResponse([], fails(), Wants(), Turns())({}, reader.receive, reader.send)
        return reader.taken, reader.ended

    assert asyncio.run(ask()) == ([b"0"], False)
    assert "a large answer broke off" in caplog.text
    assert "the storage is away" in caplog.text
