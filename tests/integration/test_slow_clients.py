"""Clients that are slow, silent, too large or do not read: they are shown out, and all others are served."""

import asyncio
import re
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from services.local.embedded import embedded_valkey
from standings.client import AsyncClient, Client
from tests.running import NDJSON, Standings, standings
from tests.servers import eventually

SECONDS = 2
SLOW_CLIENTS = 500


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standings]:
    """A deployment that waits two seconds for whatever its clients have to do, with an open contest `race`."""
    patience = {name: str(SECONDS) for name in ("header_seconds", "body_seconds", "unread_seconds")}
    data: Path = tmp_path_factory.mktemp("impatient")
    with embedded_valkey(data) as url, standings(url, 1, **patience) as running:
        candidates = [{"candidate": "ann", "name": "Ann"}]
        running.told("/v1/contests", contest="race", title="A race", timezone="UTC", candidates=candidates)
        running.ask("/v1/contests/race", min_version=1, wait_ms=10_000)
        yield running


def announcement(n: int) -> dict[str, Any]:
    return {
        "id": f"a-{n}",
        "endorser": {"id": f"e-{n}", "name": "E"},
        "candidate": "ann",
        "category": "governor",
        "announced_at": "2025-01-01",
        "source": {"title": "t"},
        "recorded_by": "test",
    }


@contextmanager
def connection(client: httpx.Client, receive_buffer: int | None = None) -> Iterator[socket.socket]:
    """A connection of our own to the service that a client is for."""
    with socket.socket() as own:
        if receive_buffer is not None:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        own.settimeout(30)
        assert client.base_url.port is not None
        own.connect(("127.0.0.1", client.base_url.port))
        yield own


def rest(own: socket.socket) -> bytes:
    """All that comes until the service closes the connection."""
    said = b""
    while part := own.recv(65_536):
        said += part
    return said


def heard(client: httpx.Client, said: bytes) -> bytes:
    """What the service answers to these bytes before it closes the connection."""
    with connection(client) as own:
        own.sendall(said)
        return rest(own)


def closes(client: httpx.Client, times: int) -> None:
    """Returns when so many connections, opened one after the other, were closed for their silence."""
    for _ in range(times):
        with connection(client) as own:
            assert rest(own) == b""


def problem(answer: bytes) -> tuple[int, str]:
    """Status and type of a problem, of an answer that says that it closes the connection."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower(), head
    return int(head.split()[1]), orjson.loads(body)["type"]


def command(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


OPEN, BATCH = "/v1/contests", "/v1/contests/race/batch"
AS_JSON, AS_LINES = "Content-Type: application/json", "Content-Type: application/x-ndjson"


@pytest.mark.parametrize("said", [b"", b"G", b"GET /healthz HTTP/1.1\r\nHost: t\r\n"])
def test_a_client_that_does_not_ask_is_disconnected(impatient: Standings, said: bytes) -> None:
    for client in (impatient.api, impatient.ingest):
        assert heard(client, said) == b""


def test_a_client_that_asks_byte_by_byte_is_disconnected(impatient: Standings) -> None:
    with connection(impatient.api) as own:
        over = threading.Event()

        def drip() -> None:
            while not over.wait(0.05):
                try:
                    own.send(b"G")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            said = rest(own)
        except ConnectionResetError:
            said = b""
        finally:
            over.set()
            dripping.join()
        assert said == b""


@pytest.mark.parametrize(
    ("path", "headers", "part"),
    [
        (OPEN, (AS_JSON, "Content-Length: 100"), b""),
        (OPEN, (AS_JSON, "Content-Length: 100"), b'{"contest":'),
        (OPEN, (AS_JSON, "Transfer-Encoding: chunked"), b"5\r\n{    \r\n"),
        (BATCH, (AS_LINES, "Transfer-Encoding: chunked"), b"5\r\n{    \r\n"),
        (BATCH + "?on_refusal=abort", (AS_LINES, "Content-Length: 100"), b"{"),
    ],
)
def test_a_body_that_does_not_come_is_a_problem(
    impatient: Standings, path: str, headers: tuple[str, ...], part: bytes
) -> None:
    assert problem(heard(impatient.ingest, command(path, *headers) + part)) == (
        408,
        "/problems/body-too-slow",
    )


@pytest.mark.parametrize(
    ("path", "headers", "part"),
    [
        (OPEN, (AS_JSON, f"Content-Length: {(1 << 20) + 1}"), b""),
        (OPEN, (AS_JSON, "Transfer-Encoding: chunked"), b"100001\r\n" + b" " * ((1 << 20) + 1)),
        (BATCH + "?on_refusal=abort", (AS_LINES, f"Content-Length: {(16 << 20) + 1}"), b""),
    ],
)
def test_a_body_that_is_too_large_is_a_problem_before_it_has_come(
    impatient: Standings, path: str, headers: tuple[str, ...], part: bytes
) -> None:
    answer = heard(impatient.ingest, command(path, *headers) + part)

    assert problem(answer) == (413, "/problems/body-too-large")


def test_programs_read_that_their_body_is_too_large(impatient: Standings) -> None:
    for content in (b" " * (20 << 20), (b" " * 65_536 for _ in range(320))):
        answer = impatient.ingest.post(OPEN, content=content, headers={"Content-Type": "application/json"})

        assert (answer.status_code, answer.json()["most"]) == (413, 1 << 20)


def answered(own: socket.socket) -> bytes:
    """The next answer that a connection brings, with its body; empty where the service closed it instead."""
    said = b""
    while b"\r\n\r\n" not in said:
        part = own.recv(65_536)
        if not part:
            return said
        said += part
    head, _, body = said.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    assert length is not None, head
    while len(body) < int(length[1]):
        part = own.recv(65_536)
        assert part, "the service closed the connection within an answer"
        body += part
    return head + b"\r\n\r\n" + body


HEALTHY = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (command(BATCH + "?x=1", AS_LINES, "Content-Length: 16"), 422),
        (command(BATCH + "?x=1&on_refusal=abort", AS_LINES, "Content-Length: 16"), 422),
        (command("/v1/contests/Not-an-id/batch", AS_LINES, "Content-Length: 16"), 422),
        (command("/v1/contests/race/batch", AS_JSON, "Content-Length: 16"), 415),
        (command(BATCH, AS_LINES, "Content-Length: 16"), 200),
        (HEALTHY.removesuffix(b"\r\n") + b"Content-Length: 16\r\n\r\n", 200),
    ],
)
def test_an_answer_says_whether_its_connection_goes_on(
    impatient: Standings, head: bytes, status: int
) -> None:
    for attempt in range(120):
        with connection(impatient.ingest) as own:
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            own.sendall(head)
            time.sleep(attempt % 7 / 1000)
            own.sendall(b"{}\n" + b" " * 12 + b"\n")
            answer = answered(own)
            assert int(answer.split()[1]) == status
            if b"connection: close" in answer.lower():
                continue
            own.sendall(HEALTHY)
            assert answered(own).startswith(b"HTTP/1.1 200"), f"try {attempt}: closed without a word"


def test_a_batch_is_taken_as_lines_only(impatient: Standings) -> None:
    body = orjson.dumps({"command": "announce", **announcement(0)})
    for headers in ({"Content-Type": "text/plain"}, {}):
        answer = impatient.ingest.post(BATCH, content=body, headers=headers)

        assert (answer.status_code, answer.json()["type"]) == (415, "/problems/wrong-media-type")
    answer = impatient.ingest.post(
        BATCH, content=body, headers={"Content-Type": f"{NDJSON['Content-Type']}; charset=utf-8"}
    )
    assert answer.status_code == 200


def test_a_foreign_page_records_nothing(impatient: Standings) -> None:
    before = impatient.told("/v1/contests/race/endorsements", **announcement(2))["version"]
    body = orjson.dumps({"command": "announce", **announcement(1)})
    for headers in (
        {"Origin": "https://evil.example", "Content-Type": "text/plain"},
        {"Origin": "https://evil.example", **NDJSON},
        {"Host": "evil.example", **NDJSON},
    ):
        assert impatient.ingest.post(BATCH, content=body, headers=headers).status_code in (403, 421)
    after = impatient.told("/v1/contests/race/endorsements", **announcement(3))["version"]
    assert after == before + 1


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\nConnection: close\r\n" + b"a: b\r\n" * 99 + b"\r\n", 200),
        (b"GET /healthz HTTP/1.1\r\nConnection: close\r\n" + b"a: b\r\n" * 100 + b"\r\n", 431),
        (b"GET /healthz?" + b"x" * 60_000 + b" HTTP/1.1\r\nConnection: close\r\n\r\n", 200),
        (b"GET /healthz?" + b"x" * 65_536 + b" HTTP/1.1\r\nConnection: close\r\n\r\n", 414),
        (b"GET /healthz HTTP/1.1\r\nConnection: close\r\na: ".ljust(65_532, b"x") + b"\r\n\r\n", 200),
        (b"GET /healthz HTTP/1.1\r\nConnection: close\r\na: ".ljust(131_068, b"x") + b"\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nConnection: close\r\na: " + b"x" * 300_000, 431),
    ],
)
def test_the_head_of_a_request_is_bounded(impatient: Standings, said: bytes, status: int) -> None:
    for client in (impatient.api, impatient.ingest):
        assert int(heard(client, said).split()[1]) == status


def test_a_question_with_a_body_is_answered_without_reading_it(impatient: Standings) -> None:
    asked = b"GET /v1/contests/race/standings HTTP/1.1\r\nHost: t\r\n"
    for body in (
        b"Content-Length: 5\r\nConnection: close\r\n\r\nhello",
        b"Content-Length: 5000000\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ):
        assert heard(impatient.api, asked + body).startswith(b"HTTP/1.1 200 OK")


def test_a_client_that_does_not_take_its_answers_is_disconnected(impatient: Standings) -> None:
    with connection(impatient.api, receive_buffer=4096) as own:
        poll = select.poll()
        poll.register(own, select.POLLERR | select.POLLHUP)
        own.setblocking(False)
        asked = b"GET /openapi.json HTTP/1.1\r\nHost: t\r\n\r\n"

        def gone() -> bool:
            try:
                own.send(asked * 100)
            except BlockingIOError:
                pass
            except OSError:
                return True
            return bool(poll.poll(0))

        eventually(gone)


def test_five_hundred_slow_clients_leave_all_others_served(impatient: Standings) -> None:
    port = impatient.ingest.base_url.port
    half_asked, half_told = (
        b"POST /v1/contests HTTP/1.1\r\nHost: t\r\n",
        command(OPEN, AS_JSON, "Content-Length: 99"),
    )
    beginnings = [(b"", half_asked, half_told)[n % 3] for n in range(SLOW_CLIENTS)]

    async def slow(beginning: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(beginning)
            return await reader.read()
        finally:
            writer.close()

    async def load() -> int:
        taken = 0
        async with httpx.AsyncClient(base_url=impatient.ingest.base_url, timeout=60) as client:
            for n in range(100, 200):
                answer = await client.post("/v1/contests/race/endorsements", json=announcement(n))
                taken += answer.status_code == 201
        return taken

    async def both() -> tuple[list[bytes], int]:
        all_slow = asyncio.gather(*(slow(beginning) for beginning in beginnings))
        taken = await load()
        async with asyncio.timeout(60):
            return await all_slow, taken

    answers, taken = asyncio.run(both())
    assert taken == 100
    for beginning, answer in zip(beginnings, answers, strict=True):
        # One that this machine let say nothing in time is like one that says nothing.
        assert answer == b"" or (beginning == half_told and answer.startswith(b"HTTP/1.1 408"))


def test_clients_that_keep_connections_do_not_notice_that_they_were_closed(impatient: Standings) -> None:
    async def ask_again() -> list[str]:
        # Kept for longer than the service keeps them, as by a client of one's own.
        limits = httpx.Limits(keepalive_expiry=None)
        async with httpx.AsyncClient(limits=limits) as http, AsyncClient(url, http) as client:
            first = await client.contest("race")
            await asyncio.to_thread(closes, impatient.api, 2)
            return [first.contest, (await client.contest("race")).contest]

    url = str(impatient.api.base_url)
    with httpx.Client(limits=httpx.Limits(keepalive_expiry=None)) as http, Client(url, http) as client:
        client.contest("race")
        closes(impatient.api, 2)
        assert client.contest("race").contest == "race"
    assert asyncio.run(ask_again()) == ["race", "race"]


def test_a_subscription_lives_longer_than_any_patience(impatient: Standings) -> None:
    with impatient.api.stream(
        "GET", "/v1/contests/race/changes", headers={"Accept": "text/event-stream"}, timeout=60
    ) as answer:
        lines = answer.iter_lines()
        next(lines)
        closes(impatient.api, 4)
        version = impatient.told("/v1/contests/race/endorsements", **announcement(9))["version"]

        assert any(line.startswith(f"id: {version}-") for line in lines)
