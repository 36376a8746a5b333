"""One attempt against real receivers: what was checked is connected to, and its name is verified."""

import asyncio
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import trustme
import uvloop

from services.webhooks.attempt import MOST_READ_BYTES, Message, Outcome, Sender
from services.webhooks.hooks import Hook, Secret, Wanted, new_secret
from services.webhooks.lookups import Addresses, LookUp, look_up
from shared.runtime.present import now
from tests.receivers import pouring, receiver, resetting

MESSAGE = Message("msg_1", b'{"specversion": "1.0"}')
KEY = new_secret()


def hook(url: str, *secrets: Secret) -> Hook:
    now = datetime.now(UTC)
    return Hook(
        id="wh_1",
        url=url,
        description="",
        wanted=Wanted(),
        state="active",
        why="",
        created_at=now,
        changed_at=now,
        secrets=list(secrets) or [Secret(value=KEY)],
    )


def send(url: str, found: LookUp = look_up, development: bool = True, *secrets: Secret) -> Outcome:
    async def sent() -> Outcome:
        sender = Sender(Addresses(found, development, time.monotonic), 2, now)
        try:
            return await sender.send(hook(url, *secrets), MESSAGE)
        finally:
            await sender.aclose()

    return asyncio.run(sent())


def resolving(*answers: list[str]) -> tuple[LookUp, list[str]]:
    """A resolver that answers otherwise each time, and what it was asked."""
    asked: list[str] = []

    def resolve(host: str) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return resolve, asked


def at(url: str, host: str) -> str:
    """The URL under a name of the receiver's."""
    return str(httpx.URL(url).copy_with(host=host))


def test_a_name_is_looked_up_once_and_the_connection_goes_where_that_led() -> None:
    with receiver("127.0.0.2") as first, receiver("127.0.0.1") as private:
        resolve, asked = resolving(["127.0.0.2"], ["127.0.0.1"])

        outcome = send(at(first.url, "receiver.test"), resolve)

        assert outcome.accepted
        assert asked == ["receiver.test"]
        assert len(first.got) == 1
        assert private.got == []
        port = httpx.URL(first.url).port
        assert first.got[0].headers["host"] == f"receiver.test:{port}"


def test_a_name_that_leads_to_a_private_address_is_not_connected_to() -> None:
    with receiver() as there:
        for found in (["127.0.0.1"], ["8.8.8.8", "127.0.0.1"]):
            resolve, _ = resolving(found)
            outcome = send(at(there.url, "receiver.test").replace("http:", "https:"), resolve, False)
            assert (outcome.status, outcome.accepted) == (None, False)
            assert outcome.said == "receiver.test is not a public host"
        assert there.got == []


def test_the_next_address_is_taken_where_the_first_takes_no_connection() -> None:
    with receiver() as there:
        resolve, _ = resolving(["127.0.0.3", "127.0.0.1"])

        assert send(at(there.url, "receiver.test"), resolve).accepted


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> trustme.CA:
    """A certificate authority that is trusted."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return made


def served_with(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def test_a_certificate_is_verified_for_the_name_and_not_for_the_address(authority: trustme.CA) -> None:
    resolve, _ = resolving(["127.0.0.1"])
    with receiver(tls=served_with(authority.issue_cert("receiver.test"))) as there:
        assert send(at(there.url, "receiver.test"), resolve).accepted
        assert there.got[0].signed_by(KEY)
        outcome = send(at(there.url, "another.test"), resolve)
        assert "certificate verify failed" in outcome.said
        assert len(there.got) == 1
    with receiver(tls=served_with(trustme.CA().issue_cert("receiver.test"))) as impostor:
        assert "certificate verify failed" in send(at(impostor.url, "receiver.test"), resolve).said
        assert impostor.got == []


@pytest.mark.parametrize(
    ("behave", "said"),
    [
        (
            lambda _: (301, {"Location": "http://127.0.0.1:1/"}, b""),
            "answered 301, and redirects are not followed",
        ),
        (lambda _: (404, {}, b""), "answered 404"),
        (lambda _: (200, {"Content-Length": "5000000"}, b"x" * 5_000_000), "answered 200"),
    ],
)
def test_what_a_receiver_answers(behave: Callable[..., tuple[int, dict[str, str], bytes]], said: str) -> None:
    with receiver() as there:
        there.behave = behave
        outcome = send(there.url)

    assert outcome.said == said
    assert len(outcome.body) <= MOST_READ_BYTES


@pytest.mark.parametrize(
    ("header", "seconds"), [("120", 120), ("", None), ("soon", None), ("Wed, 01 Jan 2098 00:00:00 GMT", 1e9)]
)
def test_when_to_come_again(header: str, seconds: float | None) -> None:
    with receiver() as there:
        there.behave = lambda _: (503, {"Retry-After": header}, b"")
        retry_after = send(there.url).retry_after

    assert retry_after == seconds if seconds is None or seconds < 1e9 else (retry_after or 0) > seconds


@pytest.mark.parametrize("status", [200, 503])
@pytest.mark.parametrize(
    "header",
    [
        "Thu, 01 Jan 2026 00:00:00 +99999999999999999",
        "Thu, 01 Jan 2026 00:00:00 -0000",
        "Thu, 01 Jan 99999999999999999999 00:00:00 GMT",
        "9" * 400,
    ],
)
def test_an_absurd_time_to_come_again_changes_nothing_of_what_was_answered(status: int, header: str) -> None:
    with receiver() as there:
        there.behave = lambda _: (status, {"Retry-After": header}, b"")
        outcome = send(there.url)

    assert (outcome.status, outcome.said) == (status, f"answered {status}")


def test_a_receiver_that_takes_a_message_is_not_asked_when_to_come_again() -> None:
    with receiver() as there:
        there.behave = lambda _: (200, {"Retry-After": "120"}, b"")
        assert send(there.url).retry_after is None


@pytest.mark.parametrize(
    ("opening", "piece", "every_seconds", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b"x", 0.3, "no answer within 2 seconds"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", 0.3, "no answer within 2 seconds"),
        (b"", b"", 0.3, "no answer within 2 seconds"),
        (b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n" * 100, 0, "receive buffer too long"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.3, "no answer within 2 seconds"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1000, 0, "answered 200"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", b"x" * 1000, 0, "answered 200"),
        (b"220 mail.example.org ESMTP\r\n\r\n", b"", 0.3, "illegal status line"),
    ],
)
def test_an_answer_without_an_end_is_read_for_so_long_and_so_far(
    opening: bytes, piece: bytes, every_seconds: float, said: str
) -> None:
    with pouring(opening, piece, every_seconds) as url:
        outcome = send(url)

    assert said in outcome.said.lower()
    assert len(outcome.said) <= 200
    assert len(outcome.body) <= MOST_READ_BYTES


def test_nobody_there() -> None:
    with receiver() as there:
        url = there.url
    outcome = send(url)

    assert (outcome.status, outcome.accepted) == (None, False)
    assert "connect" in outcome.said.lower()


def test_connections_that_are_reset_are_outcomes() -> None:
    # Many at once on the services' event loop: there some are reset between connecting and the first use.
    async def sent(url: str) -> list[Outcome]:
        sender = Sender(Addresses(look_up, True, time.monotonic), 5, now)
        try:
            found: list[Outcome] = []
            for _ in range(10):
                found += await asyncio.gather(*(sender.send(hook(url), MESSAGE) for _ in range(100)))
            return found
        finally:
            await sender.aclose()

    with resetting() as url:
        outcomes = uvloop.run(sent(url))

    assert {one.status for one in outcomes} == {None}
    assert all(one.said for one in outcomes)


def test_each_key_that_is_valid_signs() -> None:
    now = datetime.now(UTC)
    old, older = new_secret(), new_secret()
    keys = (
        Secret(value=KEY),
        Secret(value=old, until=now + timedelta(hours=1)),
        Secret(value=older, until=now - timedelta(seconds=1)),
    )
    with receiver() as there:
        send(there.url, look_up, True, *keys)

    [got] = there.got
    assert got.signed_by(KEY)
    assert got.signed_by(old)
    assert len(got.headers["webhook-signature"].split()) == 2
