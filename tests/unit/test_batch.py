"""What a batch holds and answers is bounded, whatever is sent and however slowly its answers are read."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, cast

import orjson
import pytest
from fastapi import Response
from redis import exceptions
from starlette.requests import ClientDisconnect

from services.ingest import answer_stream, batch
from services.ingest.decision.commands import Command
from services.ingest.decision.submission import Outcome, Taken
from services.ingest.desk import Desk
from shared.domain.errors import Invalid, UnknownContest
from shared.domain.times import Instant
from shared.http.refusals import TooManyBodies
from shared.http.room import Room

GOOD = b'{"command":"enter","id":"i","candidate":"c","name":"C","recorded_by":"t"}\n'
BAD = b"1\n"


class FakeDesk:
    """Takes every command, until it fails."""

    def __init__(self, fails_after: int = 10**9, error: Exception | None = None) -> None:
        self.taken = 0
        self._fails_after = fails_after
        self._error = error or exceptions.ConnectionError("gone")

    async def refuse_unknown(self, contest: str) -> None:
        assert contest == "c"

    async def take_all(self, contest: str, commands: list[Command], whole: bool = False) -> list[Outcome]:
        if self.taken + len(commands) > self._fails_after:
            raise self._error
        self.taken += len(commands)
        return [Taken(contest, "i", (("i", "candidate.entered", 1),), None, Instant(1))] * len(commands)


async def parts(*found: bytes) -> AsyncIterator[bytes]:
    for part in found:
        yield part


class Client:
    """Takes what is sent: at once, or only from when `takes` says so."""

    def __init__(self, takes: Callable[[], bool] = lambda: True) -> None:
        self.got: list[dict[str, Any]] = []
        self._takes = takes

    async def send(self, message: Any) -> None:
        while not self._takes():  # noqa: ASYNC110 - a condition of the test's own, which has no event
            await asyncio.sleep(0)
        self.got.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.got)

    @property
    def ended(self) -> bool:
        return bool(self.got) and self.got[-1].get("more_body") is False


async def never() -> Any:
    raise AssertionError("the body is read by its own")


def taken(
    desk: FakeDesk, body: AsyncIterator[bytes], client: Client | None = None, room: Room | None = None
) -> list[dict[str, Any]]:
    """The answers of a batch, each of whose lines is taken that can be."""

    async def run() -> bytes:
        answer = await batch.take_each(cast(Desk, desk), "c", body, room or Room(10**9))
        if client is None:
            assert not isinstance(answer, answer_stream.Streamed)
            return bytes(answer.body)
        await answer({"type": "http"}, never, client.send)
        return client.body

    return [orjson.loads(line) for line in asyncio.run(run()).splitlines()]


def test_a_batch_of_nothing_or_of_few_lines_is_answered_with_its_length() -> None:
    assert taken(FakeDesk(), parts(b"\n")) == [
        {"summary": {"lines": 0, "taken": 0, "refused": 0, "events": 0, "version": 0}}
    ]
    assert [one.get("line") for one in taken(FakeDesk(), parts(GOOD, b"\n", BAD))] == [1, 3, None]


def test_after_so_many_refusals_a_batch_ends_and_says_where_to_go_on() -> None:
    allowed = taken(FakeDesk(), parts(BAD * (batch.MOST_REFUSED - 1), GOOD * 2))
    at_the_end = taken(FakeDesk(), parts(BAD * batch.MOST_REFUSED, b"\n"))
    ended = taken(FakeDesk(), parts(b"\n", BAD * batch.MOST_REFUSED, b"\n", GOOD * 2))

    assert allowed[-1]["summary"] == {"lines": 1001, "taken": 2, "refused": 999, "events": 2, "version": 1}
    assert at_the_end[-1]["summary"]["lines"] == 1000
    assert "next_line" not in at_the_end[-1]["summary"]
    assert ended[-1]["summary"] == {
        "lines": 1000,
        "taken": 0,
        "refused": 1000,
        "events": 0,
        "version": 0,
        "ended": "refusals",
        "next_line": 1003,
    }


def test_a_batch_that_ends_early_has_read_its_body_to_the_end() -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 1
            yield BAD * 1000

    taken(FakeDesk(), body())

    assert read == 100


def test_so_many_lines_and_bytes_are_held_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    class Noting(FakeDesk):
        async def take_all(self, contest: str, commands: list[Command], whole: bool = False) -> list[Outcome]:
            sizes.append(len(commands))
            return await super().take_all(contest, commands, whole)

    long = GOOD[:-2] + b',"note":"' + b"x" * 1900 + b'"}\n'
    taken(Noting(), parts(GOOD * 1000, long * 1000))

    of_bytes = batch.CHUNK_BYTES // len(long) + 1
    assert sizes == [batch.CHUNK, of_bytes, 1000 - of_bytes]


@pytest.mark.parametrize(
    ("error", "status"),
    [(exceptions.ConnectionError("gone"), 503), (RuntimeError("a defect"), 500)],
    ids=["storage", "defect"],
)
def test_where_the_storage_fails_midway_the_answer_says_what_is_acknowledged_and_where_to_go_on(
    error: Exception, status: int
) -> None:
    found = taken(FakeDesk(2000, error), parts(b"\n" + GOOD * 2500))

    assert [one["line"] for one in found[:2000]] == list(range(2, 2002))
    assert (found[-2]["line"], found[-2]["problem"]["status"]) == (2002, status)
    summary = found[-1]["summary"]
    assert (summary["taken"], summary["ended"], summary["next_line"]) == (2000, "failed", 2002)


def test_what_keeps_a_batch_from_taking_any_line_is_its_answer() -> None:
    for error in (exceptions.ConnectionError("gone"), UnknownContest("c")):
        with pytest.raises(type(error)):
            taken(FakeDesk(0, error), parts(GOOD))


def test_a_body_that_fails_midway_loses_no_answer() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield GOOD * 1000
        raise Invalid("body", 1, "too slow", "be faster")

    found = taken(FakeDesk(), body())

    assert (len(found), found[-1]["summary"]["taken"], found[-1]["summary"]["next_line"]) == (
        1002,
        1000,
        1001,
    )


def test_a_long_answer_goes_to_a_client_that_reads_while_it_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MOST_HELD", 100_000)
    client, room = Client(), Room(10**9)
    sent_when: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        for _ in range(20):
            sent_when.append(len(client.body))
            yield GOOD * 1000

    found = taken(FakeDesk(), body(), client, room)

    assert client.ended
    assert sent_when[-1] > 1_000_000, "answers come while the body goes on"
    assert found[-1]["summary"]["taken"] == 20_000
    assert room.held == 0


def test_a_client_that_sends_all_before_it_reads_is_told_where_its_batch_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch, "MOST_HELD", 100_000)
    monkeypatch.setattr(answer_stream, "PATIENCE_SECONDS", 0.01)
    desk, room, all_is_sent, most = FakeDesk(), Room(10**9), False, 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal all_is_sent, most
        for _ in range(50):
            most = max(most, room.held)
            yield GOOD * 1000
        all_is_sent = True

    client = Client(lambda: all_is_sent or not client.got)
    found = taken(desk, body(), client, room)

    summary = found[-1]["summary"]
    assert client.ended
    assert (summary["ended"], summary["next_line"]) == ("unread", desk.taken + 1)
    assert [one["line"] for one in found[:-1]] == list(range(1, desk.taken + 1)), (
        "every line taken is answered"
    )
    assert most < 300_000
    assert room.held == 0


def test_where_others_hold_much_less_is_held() -> None:
    room = Room(1000)
    client = Client()

    taken(FakeDesk(), parts(GOOD * 3000), client, room)

    assert max(len(message.get("body", b"")) for message in client.got) <= 64 * 1024
    assert len(client.got) > 5
    assert room.held == 0


@pytest.mark.parametrize("reads", [False, True])
def test_a_client_that_is_gone_is_let_go(monkeypatch: pytest.MonkeyPatch, reads: bool) -> None:
    monkeypatch.setattr(batch, "MOST_HELD", 100_000)
    monkeypatch.setattr(answer_stream, "PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(answer_stream, "LAST_PATIENCE_SECONDS", 0.01)
    room = Room(10**9)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield GOOD * 1000
        raise ClientDisconnect

    client = Client(lambda: reads or not client.got)
    taken(FakeDesk(), body(), client, room)

    assert not client.ended
    assert room.held == 0


def whole(desk: FakeDesk, found: Iterable[bytes], room: Room | None = None) -> Response:
    async def run() -> Response:
        body = parts(*found)
        answer = await batch.take_whole(cast(Desk, desk), "c", body, room or Room(10**9))
        assert [part async for part in body] == []
        return answer

    return asyncio.run(run())


def test_a_batch_taken_whole_has_so_many_lines_at_most_and_no_more_are_gathered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    summary = orjson.loads(bytes(whole(FakeDesk(), [GOOD * batch.MOST_WHOLE]).body).splitlines()[-1])[
        "summary"
    ]
    assert summary["taken"] == batch.MOST_WHOLE
    read: list[bytes] = []
    monkeypatch.setattr(batch, "object_of", lambda text, _: read.append(text))

    with pytest.raises(Invalid, match="more than 10000 lines"):
        whole(FakeDesk(), [GOOD * batch.MOST_WHOLE, b"\n", GOOD, GOOD * 10**5])
    assert read == []


def test_all_that_are_taken_whole_hold_so_many_bytes_at_most() -> None:
    room = Room(1000)
    others = room.share()
    others.add(1001 - len(GOOD))

    with pytest.raises(TooManyBodies):
        whole(FakeDesk(), [GOOD], room)
    others.clear()
    others.add(1000 - len(GOOD))
    assert whole(FakeDesk(), [GOOD], room).status_code == 200


def test_of_the_refusals_of_a_batch_taken_whole_so_many_are_told() -> None:
    with pytest.raises(batch.WholeBatchRefused) as refused:
        whole(FakeDesk(), [BAD * 1001])

    assert refused.value.more["refused"] == 1001
    assert len(cast(list[Any], refused.value.more["refusals"])) == 1000
