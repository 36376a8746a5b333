"""Registering webhooks, proving whose they are, and sending dead letters again."""

import secrets
from datetime import datetime, timedelta

import httpx
import orjson
from pydantic import Field, StrictBool

from services.webhooks.addresses import new_target
from services.webhooks.attempt import Message, Outcome, Sender
from services.webhooks.deliveries import Deliveries
from services.webhooks.hooks import MOST_OLD_SECRETS, Asked, Hook, Secret, Wanted, new_id, new_secret
from services.webhooks.lookups import Addresses, NotPublic
from services.webhooks.records import DeadLetter, Sent
from services.webhooks.source import ChangeSource, Told
from services.webhooks.store import Store
from shared.domain.errors import Conflict, Invalid
from shared.domain.times import Clock, datetime_of
from shared.values.objects import Said
from shared.values.text import MOST_OF_A_VALUE, Line, Lines
from standings.client import StandingsError

VERIFICATION = "standings.webhook.verification"
_IN_ITS_TURN = "is sent in its turn, and then every change from version 1 on"


class NotVerified(Conflict):
    """The receiver did not prove that the webhook's owner runs it."""

    code = "webhook-not-verified"
    title = "Webhook not verified"


class NotDelivered(Conflict):
    """The receiver did not take the dead letter."""

    code = "webhook-not-delivered"
    title = "Not delivered"


class TooManySecrets(Conflict):
    """So many keys of a webhook are still valid that no other is given beside them."""

    code = "webhook-secrets-in-use"
    title = "Too many secrets in use"


class Registration(Said):
    """A new webhook."""

    url: Line = Field(max_length=2000, examples=["https://example.org/standings"])
    description: Lines = Field(default="", max_length=500)
    wanted: Asked = Asked()


class Change(Said):
    """What is to be otherwise; what is left out stays."""

    url: Line | None = Field(default=None, max_length=2000)
    description: Lines | None = Field(default=None, max_length=500)
    wanted: Asked | None = None
    paused: StrictBool | None = None


class Rotation(Said):
    """For how many hours messages are signed with the old key too."""

    keep_old_hours: float = Field(default=24, ge=0, le=24 * 30, allow_inf_nan=False, strict=True)


class Registry:
    """What can be done with webhooks."""

    def __init__(
        self,
        store: Store,
        source: ChangeSource,
        sender: Sender,
        deliveries: Deliveries,
        addresses: Addresses,
        clock: Clock,
    ) -> None:
        self.store = store
        self._source = source
        self._sender = sender
        self._deliveries = deliveries
        self._addresses = addresses
        self._clock = clock

    def now(self) -> datetime:
        """The present, by which secrets are in use."""
        return datetime_of(self._clock())

    async def register(self, asked: Registration) -> Hook:
        """A new webhook, unverified; it will have what comes after this. Raises `Invalid` and `TooManyHooks`."""
        await self.store.refuse_full()
        await self._refuse_url(asked.url)
        now = self.now()
        hook = Hook(
            id=new_id(),
            url=asked.url,
            description=asked.description,
            wanted=asked.wanted,
            state="unverified",
            why="",
            created_at=now,
            changed_at=now,
            secrets=[Secret(value=new_secret())],
        )
        await self.store.add(hook, await self._source.versions())
        return hook

    async def change(self, hook: str, asked: Change) -> Hook:
        """Changes a webhook; another address has to be verified again.

        A pause neither begins nor ends for one that has to be verified. Raises `Invalid`, `NotFound` and `Changed`.
        """
        if asked.url is not None and asked.url != (await self.store.hook(hook)).url:
            await self._refuse_url(asked.url)

        def to(was: Hook) -> Hook:
            given = {"url": asked.url, "description": asked.description, "wanted": asked.wanted}
            said = {name: value for name, value in given.items() if value is not None}
            new = was.model_copy(update={**said, "changed_at": self.now()})
            if new.url != was.url:
                return new.model_copy(update={"state": "unverified", "why": ""})
            if asked.paused is not None and was.state in ("active", "paused"):
                return new.model_copy(update={"state": "paused" if asked.paused else "active", "why": ""})
            return new

        return await self.store.change(hook, to, afresh=True)

    async def rotate(self, hook: str, asked: Rotation) -> tuple[Hook, str]:
        """Another key, beside which old ones, at most four, are used for a while.

        Raises `TooManySecrets`, `NotFound` and `Changed`.
        """
        now, secret = self.now(), new_secret()
        until = now + timedelta(hours=asked.keep_old_hours)

        def to(was: Hook) -> Hook:
            old = [
                each.model_copy(update={"until": min(each.until or until, until)}) for each in was.valid(now)
            ]
            old = [each for each in old if each.until and each.until > now]
            if len(old) > MOST_OLD_SECRETS:
                raise _too_many_secrets(was, old)
            return was.model_copy(update={"secrets": [Secret(value=secret), *old]})

        return await self.store.change(hook, to), secret

    async def verify(self, hook_id: str) -> Hook:
        """Sends a challenge, which the receiver answers with, and lets the webhook begin or go on.

        Raises `NotVerified`, `Invalid`, `NotFound` and `Changed`.
        """
        hook = await self.store.hook(hook_id)
        if hook.state == "unverified":  # one that was verified under earlier rules may go on
            new_target(hook.url, self._addresses.development)
        challenge = secrets.token_urlsafe(24)
        body = orjson.dumps({"type": VERIFICATION, "webhook": hook.id, "challenge": challenge})
        message = Message(f"msg_{secrets.token_hex(16)}", body, "application/json")
        outcome = await self._sender.send(hook, message)
        if not outcome.accepted or _answer(outcome) != challenge:
            said = outcome.said if not outcome.accepted else "answered, but not with the challenge"
            raise NotVerified(
                "webhook",
                hook.id,
                f"{hook.url[:MOST_OF_A_VALUE]} {said}",
                'answer the challenge with 200 and the JSON object {"challenge": "…"}, or with its plain text',
            )

        def to(was: Hook) -> Hook:
            if was.url != hook.url:
                return was
            return was.model_copy(update={"state": "active", "why": "", "changed_at": self.now()})

        return await self.store.change(hook_id, to, afresh=True)

    async def redeliver(self, hook_id: str, contest: str, version: int) -> Outcome:
        """Sends a dead letter once more and takes it out; a reset is sent in its turn, with all that comes behind it.

        Raises `NotDelivered`, after which it stays, and `NotFound`.
        """
        hook = await self.store.hook(hook_id)
        letter = await self.store.dead_letter(hook_id, contest, version)
        if letter.is_reset:
            await self.store.begin_anew(hook_id, contest)
            return Outcome(None, _IN_ITS_TURN, 0)
        told = await self._one(hook_id, letter)
        outcome = await self._deliveries.attempt(hook, told, letter.attempts + 1)
        if not outcome.accepted:
            raise NotDelivered(
                "letter",
                f"{contest}/{version}",
                f"{hook.url[:MOST_OF_A_VALUE]} {outcome.said}",
                "see to the receiver, and try again; the letter stays where it is",
            )
        await self.store.drop_letter(hook_id, contest, version)
        return outcome

    async def _one(self, hook: str, letter: DeadLetter) -> Told:
        contest, version = letter.contest, letter.version
        way_out = "the letter stays where it is: try again"
        try:
            before = Sent(str(version - 1), (await self.store.sent_of(hook, contest)).reset)
            page = await self._source.after(contest, before, Wanted(), most=1)
        except (httpx.HTTPError, StandingsError) as error:
            why = f"the API does not say what it was: {error}"
            raise NotDelivered("letter", f"{contest}/{version}", why, way_out) from None
        if not page.changes or page.changes[0].version != version:
            why = f"the API has no version {version} of {contest}"
            raise NotDelivered("letter", f"{contest}/{version}", why, way_out)
        if letter.history and page.changes[0].step.upto.place != letter.place:
            why = f"the log of {contest} has another history by now, and {letter.place} is not in it"
            raise NotDelivered("letter", letter.place, why, "drop the letter")
        return page.changes[0]

    async def _refuse_url(self, url: str) -> None:
        target = new_target(url, self._addresses.development)
        try:
            await self._addresses.of(target)
        except NotPublic as error:
            raise Invalid("url", url, str(error), "give a host that the public can reach") from None
        except OSError as error:
            raise Invalid(
                "url", url, f"{target.host} cannot be found: {error}", "give a host that exists"
            ) from None


def _too_many_secrets(hook: Hook, old: list[Secret]) -> TooManySecrets:
    return TooManySecrets(
        "webhook",
        hook.id,
        f"{len(old)} secrets of webhook {hook.id!r} are still in use, and {MOST_OLD_SECRETS} may be beside a new one",
        "wait until one has ended, or rotate with keep_old_hours 0, which ends all but the new one at once",
    )


def _answer(outcome: Outcome) -> str:
    """What the receiver made of the challenge."""
    try:
        said = orjson.loads(outcome.body)
    except orjson.JSONDecodeError:
        return outcome.body.decode(errors="replace").strip()
    return str(said.get("challenge", "")) if isinstance(said, dict) else str(said)
