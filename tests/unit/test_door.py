"""What comes to a service is bounded, and commands come from where they may come from."""

import asyncio
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import orjson
import pytest
from fastapi import FastAPI, Request
from pydantic import ValidationError
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.app import Api
from services.ingest import batch
from services.ingest.app import Ingest
from services.ingest.routes import body_of
from services.webhooks.app import Webhooks
from shared.http import problems
from shared.http.bodies import COMMAND, MOST_HELD_BYTES, PROGRESS_BYTES, Body, whole
from shared.http.door import QUESTIONS, Door
from shared.http.refusals import BodyTooLarge, TooManyBodies
from shared.http.room import Room, Share
from shared.runtime.settings import Settings

NDJSON = "application/x-ndjson"
LINES = Body(NDJSON, None, streamed=True)
SERVICES: dict[str, Callable[[Settings], Any]] = {"api": Api, "ingest": Ingest, "webhooks": Webhooks}
FOREIGN = {
    "a foreign page": [("host", "127.0.0.1:8401"), ("origin", "https://evil.example")],
    "a page in a frame that may nothing": [("host", "127.0.0.1:8401"), ("origin", "null")],
    "a page of another port": [("host", "127.0.0.1:8401"), ("origin", "http://127.0.0.1:9000")],
    "a page that says no origin": [("host", "localhost:8401"), ("sec-fetch-site", "cross-site")],
    "a page of a sister site": [("host", "localhost:8401"), ("sec-fetch-site", "same-site")],
    "a name that leads here": [("host", "evil.example:8401"), ("origin", "http://evil.example:8401")],
    "a name that looks like an address": [("host", "127.0.0.1.evil.example")],
    "a number for an address": [("host", "2130706433:8401")],
    "a name that begins as an own one": [("host", "localhost.evil.example")],
    "a name that ends as an own one": [("host", "evillocalhost")],
    "no host": [],
    "two hosts": [("host", "localhost"), ("host", "evil.example")],
    "no name": [("host", "")],
}
OWN = {
    "a program on this machine": [("host", "localhost:8401")],
    "a name under localhost": [("host", "standings.localhost")],
    "an address": [("host", "10.1.2.3:8401")],
    "an address of version 6": [("host", "[::1]:8401")],
    "its own page": [("host", "127.0.0.1:8401"), ("origin", "http://127.0.0.1:8401")],
    "its own page, as browsers say": [("host", "LOCALHOST:8401"), ("sec-fetch-site", "same-origin")],
    "an address bar": [("host", "localhost:8401"), ("sec-fetch-site", "none")],
}


class Answer(NamedTuple):
    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def problem(self) -> Any:
        return orjson.loads(self.body)


def incoming(*parts: bytes, ends: bool = True) -> Receive:
    """A body in these pieces; without an end, nothing comes after them."""
    left = list(parts)

    async def receive() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left) or not ends}
        await asyncio.Event().wait()
        raise AssertionError

    return receive


async def ask(
    app: ASGIApp,
    method: str,
    path: str,
    headers: Sequence[tuple[str, str]],
    receive: Receive,
    query: bytes = b"",
) -> Answer:
    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    said: list[Message] = []

    async def send(message: Message) -> None:
        said.append(message)

    await app(scope, receive, send)
    body = b"".join(message["body"] for message in said[1:])
    return Answer(said[0]["status"], dict(said[0]["headers"]), body)


class Taker:
    """An app that reads its body and answers with 200; it keeps what it read."""

    def __init__(self) -> None:
        self.read = b""
        self.asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        more = scope["method"] not in QUESTIONS
        while more:
            message = await receive()
            self.read += message.get("body", b"")
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def sent(
    *parts: bytes,
    body: Body = COMMAND,
    media_type: str | None = None,
    ends: bool = True,
    length: int | None = None,
    seconds: float = 5,
) -> tuple[Answer, Taker]:
    """A command with this body, and the app that it was for."""
    taker = Taker()
    door = Door(taker, Settings(body_seconds=seconds), lambda _: body)
    headers = [("host", "localhost"), ("content-type", media_type or body.media_type)]
    headers.append(("transfer-encoding", "chunked") if length is None else ("content-length", str(length)))
    return asyncio.run(ask(door, "POST", "/", headers, incoming(*parts, ends=ends))), taker


def service(name: str) -> tuple[Door, list[tuple[str, str]]]:
    """What a service serves, and its commands."""
    door = SERVICES[name](Settings()).app
    assert isinstance(door, Door)
    app: Any = door
    while not isinstance(app, FastAPI):
        app = app.app
    commands = [
        (method.upper(), path)
        for path, methods in app.openapi()["paths"].items()
        for method in methods
        if method.upper() not in QUESTIONS
    ]
    unlisted = [
        (method, route.path)
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method not in QUESTIONS
    ]
    return door, [*commands, *unlisted]


@pytest.mark.parametrize("name", SERVICES)
def test_no_command_of_any_service_is_taken_from_a_foreign_page_or_host(name: str) -> None:
    door, commands = service(name)
    for method, path in [*commands, ("POST", "/no/such/route"), ("BREW", "/")]:
        for what, headers in FOREIGN.items():
            answer = asyncio.run(ask(door, method, path, headers, incoming(b"")))

            assert answer.status in (403, 421), f"{method} {path} from {what}"
            assert answer.headers[b"content-type"] == b"application/problem+json"
            assert answer.problem["way_out"], f"{method} {path} from {what}"


def test_ingest_and_webhooks_have_commands_and_the_api_has_none() -> None:
    assert ("POST", "/v1/contests/{contest}/batch") in service("ingest")[1]
    assert ("DELETE", "/v1/webhooks/{webhook}") in service("webhooks")[1]
    assert service("api")[1] == []


@pytest.mark.parametrize("name", ["ingest", "webhooks"])
def test_no_body_of_a_type_that_any_page_may_send_is_taken(name: str) -> None:
    door, commands = service(name)
    own = [("host", "localhost"), ("content-length", "2")]
    for method, path in commands:
        for kind in (
            [("content-type", "text/plain")],
            [("content-type", "application/x-www-form-urlencoded")],
            [("content-type", "multipart/form-data; boundary=x")],
            [("content-type", "text/plain; application/json")],
            [],
        ):
            answer = asyncio.run(ask(door, method, path.replace("{contest}", "x"), own + kind, incoming()))

            assert answer.status == 415, f"{method} {path} as {kind}"
            wanted = NDJSON if path.endswith("/batch") else "application/json"
            assert wanted in answer.problem["way_out"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("name", ["ingest", "webhooks"])
def test_json_is_read_in_utf_8_only(name: str, encoding: str) -> None:
    door, commands = service(name)
    body = '{"keep_old_hours": 1}'.encode(encoding)
    headers = [("host", "localhost"), ("content-type", "application/json"), ("content-length", "1")]
    for method, path in commands:
        if path.endswith("/batch"):
            continue
        answer = asyncio.run(ask(door, method, path, headers, incoming(body)))

        assert (answer.status, answer.problem["field"]) == (422, "body"), f"{method} {path}"
        assert "UTF-8" in answer.problem["way_out"]


@pytest.mark.parametrize("headers", OWN.values(), ids=list(OWN))
def test_programs_and_own_pages_give_commands(headers: list[tuple[str, str]]) -> None:
    assert asyncio.run(ask(Door(Taker(), Settings()), "POST", "/", headers, incoming(b""))).status == 200


@pytest.mark.parametrize(
    ("allowed", "host", "origin", "status"),
    [
        ("ingest, api", "ingest:8401", None, 200),
        ("ingest, api", "Ingest.:8401", None, 200),
        ("ingest, api", "webhooks:8402", None, 421),
        ("*.example.org", "desk.example.org", "https://desk.example.org", 200),
        ("*.example.org", "desk.example.org:443", "https://desk.example.org", 200),
        ("*.example.org", "a.b.example.org", None, 200),
        ("*.example.org", "example.org", None, 421),
        ("*.example.org", "evilexample.org", None, 421),
        ("*.example.org", "desk.example.org", "https://www.example.org", 403),
        ("*", "anything.example", None, 200),
        ("*", "anything.example", "https://evil.example", 403),
        ("*", "a b/c", None, 200),
    ],
)
def test_the_hosts_that_are_allowed_are(allowed: str, host: str, origin: str | None, status: int) -> None:
    door = Door(Taker(), Settings.model_validate({"allowed_hosts": allowed}))
    headers = [("host", host)] + ([("origin", origin)] if origin else [])

    assert asyncio.run(ask(door, "POST", "/", headers, incoming(b""))).status == status


@pytest.mark.parametrize("name", ["ingest:8401", "http://ingest", "*ingest", "a..b", "*.*.org", "in gest"])
def test_what_is_no_host_name_cannot_be_allowed(name: str) -> None:
    with pytest.raises(ValidationError, match="neither a host name"):
        Settings.model_validate({"allowed_hosts": name})


def test_hosts_are_listed_with_commas_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANDINGS_ALLOWED_HOSTS", "ingest,api, *.Example.org,,")

    assert Settings().allowed_hosts == ("ingest", "api", "*.example.org")


@pytest.mark.parametrize("method", sorted(QUESTIONS))
def test_questions_go_straight_through(method: str) -> None:
    seen: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend((scope["method"], receive))
        await send({"type": "http.response.start", "status": 200, "headers": []})

    receive = incoming(b"")
    headers = [*FOREIGN["a name that leads here"], ("content-length", "99999999")]
    assert asyncio.run(ask(Door(app, Settings()), method, "/", headers, receive)).status == 200
    assert seen == [method, receive]


@pytest.mark.parametrize(
    ("name", "method", "path"),
    [
        ("api", "GET", "/v1/contests/"),
        ("api", "GET", "/v1/policies/headcount/"),
        ("api", "GET", "/healthz/"),
        ("ingest", "GET", "/v1/unfolded/"),
        ("ingest", "POST", "/v1/contests/"),
        ("webhooks", "GET", "/v1/webhooks/"),
        ("webhooks", "DELETE", "/v1/webhooks/wh_0123456789abcdef01234567/"),
    ],
)
def test_a_slash_at_the_end_is_refused_and_leads_nowhere(name: str, method: str, path: str) -> None:
    headers = [("host", "evil.example" if method == "GET" else "localhost")]

    answer = asyncio.run(ask(service(name)[0], method, path, headers, incoming(b"")))

    assert (answer.status, answer.problem["way_out"]) == (404, "leave out the slash at the end")
    assert b"location" not in answer.headers
    assert "evil.example" not in answer.body.decode()


def test_a_path_that_there_is_none_of_is_told_where_paths_are() -> None:
    answer = asyncio.run(ask(service("api")[0], "GET", "/v2/contests", OWN["an address"], incoming(b"")))

    assert (answer.status, answer.problem["way_out"]) == (404, "see /docs for the paths that there are")


@pytest.mark.parametrize("length", [None, 1 << 20])
def test_a_body_of_a_mebibyte_is_taken(length: int | None) -> None:
    answer, taker = sent(b"x" * 1000, b"x" * ((1 << 20) - 1000), length=length)

    assert (answer.status, len(taker.read)) == (200, 1 << 20)


@pytest.mark.parametrize("length", [None, (1 << 20) + 1])
def test_a_body_of_more_is_refused_before_the_service_sees_it(length: int | None) -> None:
    answer, taker = sent(b"x" * (1 << 20), b"x", length=length, ends=False)

    assert (answer.status, answer.problem["type"]) == (413, "/problems/body-too-large")
    assert answer.headers[b"connection"] == b"close"
    assert (answer.problem["most"], taker.asked) == (1 << 20, 0)


@pytest.mark.parametrize("came", [(), (b"{",)])
def test_a_body_that_does_not_come_is_refused(came: tuple[bytes, ...]) -> None:
    answer, taker = sent(*came, ends=False, seconds=0.02)

    assert (answer.status, answer.problem["type"]) == (408, "/problems/body-too-slow")
    assert (answer.headers[b"connection"], taker.asked) == (b"close", 0)


def test_a_client_that_leaves_has_asked_for_nothing() -> None:
    async def gone() -> Message:
        return {"type": "http.disconnect"}

    said: list[Message] = []

    async def send(message: Message) -> None:
        said.append(message)

    taker = Taker()
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"host", b"localhost")]}
    scope["headers"] += [(b"content-length", b"2"), (b"content-type", b"application/json")]  # type: ignore[operator]
    asyncio.run(Door(taker, Settings())._command(scope, gone, send))

    assert (taker.asked, said[0]["status"]) == (0, 400)  # it may have closed its own side only, and read


def test_a_body_in_many_small_pieces_takes_little_more_than_its_bytes() -> None:
    async def trickle() -> Message:
        return {"type": "http.request", "body": bytes(bytearray(b"xy")), "more_body": True}

    tracemalloc.start()
    with pytest.raises(BodyTooLarge):
        asyncio.run(whole(trickle, Room(1 << 20).share(), 100_000, 60))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 400_000  # a list of the pieces took two million


def test_bodies_that_are_not_whole_share_one_bound() -> None:
    async def fill() -> None:
        room = Room(250)

        async def read(size: int, share: Share) -> int:
            return len(await whole(incoming(b"x" * size), share, 1000, 5))

        first = room.share()
        assert (await read(100, first), await read(100, room.share())) == (100, 100)
        with pytest.raises(TooManyBodies), room.share() as refused:
            await read(51, refused)
        assert await read(50, room.share()) == 50
        first.clear()
        assert await read(100, room.share()) == 100

    asyncio.run(fill())
    assert COMMAND.most_bytes < MOST_HELD_BYTES  # type: ignore[operator]


def test_who_finds_no_room_for_a_whole_batch_is_told_when_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch, "MOST_WHOLE_BYTES_IN_ALL", 10)
    door, _ = service("ingest")
    headers = [("host", "localhost"), ("content-type", NDJSON), ("transfer-encoding", "chunked")]
    batches = "/v1/contests/c/batch"

    answer = asyncio.run(
        ask(door, "POST", batches, headers, incoming(b"x" * 11), b"on_refusal=abort"),
    )

    assert (answer.status, answer.problem["type"]) == (503, "/problems/too-many-bodies")
    assert answer.headers[b"retry-after"] == b"1"


def test_what_is_read_as_it_comes_may_be_without_an_end() -> None:
    answer, taker = sent(*[b"x" * 100_000] * 50, body=LINES)

    assert (answer.status, len(taker.read)) == (200, 5_000_000)


@pytest.mark.parametrize(("size", "status"), [(100, 200), (101, 413)])
def test_what_is_read_as_it_comes_may_have_an_end(size: int, status: int) -> None:
    assert (
        sent(b"x" * 60, b"x" * (size - 60), body=Body(NDJSON, 100, streamed=True), length=size)[0].status
        == status
    )


def refusing(receive_from: Receive, most: int | None, seconds: float) -> Answer:
    """The answer of an app that reads a body as it comes and answers a refusal as every service does."""
    app = FastAPI()

    problems.install(app)

    @app.post("/")
    async def take(request: Request) -> None:
        async for _ in request.stream():
            pass

    door = Door(app, Settings(body_seconds=seconds), lambda _: Body(NDJSON, most, streamed=True))
    headers = [("host", "localhost"), ("content-type", NDJSON), ("transfer-encoding", "chunked")]
    return asyncio.run(ask(door, "POST", "/", headers, receive_from))


@pytest.mark.parametrize(
    ("messages", "says"), [(0, b"close"), (1, b"close"), (2, None)], ids=["unread", "half", "to its end"]
)
def test_an_answer_that_begins_before_the_end_of_a_body_ends_the_connection(
    messages: int, says: bytes | None
) -> None:
    async def app(_: Scope, receive: Receive, send: Send) -> None:
        for _message in range(messages):
            await receive()
        await send({"type": "http.response.start", "status": 422, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    door = Door(app, Settings(), lambda _: LINES)
    headers = [("host", "localhost"), ("content-type", NDJSON), ("content-length", "2")]
    answer = asyncio.run(ask(door, "POST", "/", headers, incoming(b"{", b"}")))

    assert (answer.status, answer.headers.get(b"connection")) == (422, says)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (("content-length", "2"), b"close"),
        (("transfer-encoding", "chunked"), b"close"),
        (("content-length", "0"), None),
        (("accept", "*/*"), None),
    ],
)
def test_a_question_with_a_body_ends_the_connection(header: tuple[str, str], says: bytes | None) -> None:
    answer = asyncio.run(ask(Door(Taker(), Settings()), "GET", "/", [header], incoming(b"{}")))

    assert (answer.status, answer.headers.get(b"connection")) == (200, says)


def test_a_body_that_turns_out_too_large_ends_what_reads_it() -> None:
    answer = refusing(incoming(b"x" * 60, b"x" * 41, ends=False), 100, 5)

    assert (answer.status, answer.headers[b"connection"]) == (413, b"close")


def test_a_body_that_stops_coming_ends_what_reads_it() -> None:
    answer = refusing(incoming(b"x" * 60, ends=False), None, 0.02)

    assert (answer.status, answer.headers[b"connection"]) == (408, b"close")


@pytest.mark.parametrize(("piece", "status"), [(PROGRESS_BYTES, 200), (1, 408)])
def test_a_body_goes_on_as_long_as_it_brings_something(
    piece: int, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, left = 0.0, 8
    monkeypatch.setattr("shared.http.bodies.time.monotonic", lambda: now)

    async def dripping() -> Message:
        nonlocal now, left
        now, left = now + 4, left - 1
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"x" * piece, "more_body": left > 0}

    assert refusing(dripping, None, seconds=10).status == status


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/v1/contests/a/batch", b"", LINES),
        ("/v1/contests/a/batch", b"on_refusal=abort", Body(NDJSON, 16 << 20, streamed=True)),
        ("/v1/contests/a/batch", b"on_refusal=continue&on_refusal=abort", Body(NDJSON, 16 << 20, True)),
        ("/v1/contests/a/batch", b"on_refusal=abort&on_refusal=continue", LINES),
        ("/v1/contests/a/batch", b"on_refusal=abort&on_refusal=", LINES),
        ("/v1/contests/a/batch", b"on_refusal=%C3%A9", LINES),
        ("/v1/contests/a/batch", b"on_refusal=%FF&%FF=abort", LINES),
        ("/v1/contests/a/endorsements", b"on_refusal=abort", COMMAND),
        ("/v1/dead-letters/batch", b"", COMMAND),
    ],
)
def test_a_batch_is_bounded_by_how_it_is_taken(path: str, query: bytes, expected: Body) -> None:
    assert body_of({"path": path, "query_string": query}) == expected
