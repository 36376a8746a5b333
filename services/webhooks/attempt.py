"""One attempt: signed, to an address that was checked, within its time, and wherever it points not followed."""

import asyncio
import logging
import time
from contextlib import suppress
from typing import NamedTuple

import httpx
from standardwebhooks import Webhook

from services.webhooks.addresses import Target, target_of
from services.webhooks.hooks import Hook
from services.webhooks.lookups import Addresses, NotPublic
from shared.domain.errors import Invalid
from shared.domain.times import Clock, datetime_of
from shared.values.dates import read_date

log = logging.getLogger("standings")

MOST_READ_BYTES = 4096
_SLOW_SECONDS = 5
_MOST_SAID = 200
_AGENT = "Standings-Webhooks/1"


class Message(NamedTuple):
    """What is sent. The id is the same for every attempt, so that a receiver knows it again."""

    id: str
    body: bytes
    content_type: str = "application/cloudevents+json"


class Outcome(NamedTuple):
    """How an attempt went: a status, or `error` where no answer came. `retry_after` is in seconds, if it was said."""

    status: int | None
    error: str
    took_ms: int
    retry_after: float | None = None
    body: bytes = b""

    @property
    def accepted(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def said(self) -> str:
        """In a few words."""
        if self.status is None:
            return self.error
        return f"answered {self.status}" + (
            ", and redirects are not followed" if 300 <= self.status < 400 else ""
        )


class Sender:
    """Sends messages. Every attempt has a connection of its own, to an address that was checked.

    Connections are not kept: one to an address, verified for one host, must not be used for another host there.
    """

    def __init__(
        self,
        addresses: Addresses,
        timeout_seconds: float,
        clock: Clock,
    ) -> None:
        self._addresses = addresses
        self._timeout = timeout_seconds
        # What takes longer holds others up: half of what it may take, or five seconds.
        self.slow_ms = 1000 * min(timeout_seconds / 2, _SLOW_SECONDS)
        self._clock = clock
        self._http = httpx.AsyncClient(
            verify=httpx.create_ssl_context(),
            trust_env=False,  # a proxy would connect to what was not checked
            follow_redirects=False,
            limits=httpx.Limits(max_keepalive_connections=0),
            timeout=timeout_seconds,
        )

    async def aclose(self) -> None:
        """Closes what is open."""
        await self._http.aclose()

    async def send(self, hook: Hook, message: Message) -> Outcome:
        """One attempt. Whatever its receiver does, it raises nothing."""
        began = time.monotonic()

        def took() -> int:
            return round((time.monotonic() - began) * 1000)

        try:
            async with asyncio.timeout(self._timeout):
                target = target_of(hook.url, self._addresses.development)
                addresses = await self._addresses.of(target)
                status, retry_after, body = await self._post(
                    target, addresses, self._headers(hook, message), message
                )
        except TimeoutError:
            return Outcome(None, f"no answer within {self._timeout:g} seconds", took())
        except (httpx.HTTPError, OSError, NotPublic, Invalid) as error:
            return Outcome(None, (str(error) or type(error).__name__)[:_MOST_SAID], took())
        except Exception as error:
            # What connects lets others through too: an AttributeError where, under uvloop, a receiver resets a
            # connection before it is used. The others' webhooks must not end with this attempt.
            log.warning("webhook %s: an attempt failed unexpectedly", hook.id, exc_info=True)
            return Outcome(None, f"the attempt failed: {type(error).__name__}", took())
        return Outcome(status, "", took(), retry_after, body)

    def _headers(self, hook: Hook, message: Message) -> dict[str, str]:
        """Source: Standard Webhooks, "Webhook headers"; a signature by each key that is valid now."""
        now = datetime_of(self._clock())
        signatures = [Webhook(key).sign(message.id, now, message.body.decode()) for key in hook.keys(now)]
        return {
            "webhook-id": message.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
            "content-type": message.content_type,
            "user-agent": _AGENT,
        }

    async def _post(
        self, target: Target, addresses: list[str], headers: dict[str, str], message: Message
    ) -> tuple[int, float | None, bytes]:
        """To the first of the addresses that takes a connection."""
        for address in addresses[:-1]:
            with suppress(httpx.ConnectError):
                return await self._post_to(address, target, headers, message)
        return await self._post_to(addresses[-1], target, headers, message)

    async def _post_to(
        self, address: str, target: Target, headers: dict[str, str], message: Message
    ) -> tuple[int, float | None, bytes]:
        # The certificate is still asked for, and verified for, the name.
        request = self._http.build_request(
            "POST",
            target.url.copy_with(host=address),
            headers={**headers, "host": target.url.netloc.decode("ascii")},
            content=message.body,
            extensions={"sni_hostname": target.host},
        )
        answer = await self._http.send(request, stream=True)
        try:
            body = b""
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) >= MOST_READ_BYTES:
                    break
            return answer.status_code, self._retry_after(answer), body[:MOST_READ_BYTES]
        finally:
            await answer.aclose()

    def _retry_after(self, answer: httpx.Response) -> float | None:
        """Seconds to wait as a receiver says that did not take it, by number or date (RFC 9110, 10.2.3)."""
        if answer.is_success:
            return None
        said = answer.headers.get("retry-after", "")
        if said.isascii() and said.isdigit():
            return float(said)
        with suppress(ValueError, TypeError, OverflowError):
            return (read_date(said) - datetime_of(self._clock())).total_seconds()
        return None
