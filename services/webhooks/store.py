"""Webhooks and how far each got, in Redis."""

import secrets
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any, Literal, cast

import orjson
from pydantic import ValidationError
from redis.asyncio import Redis

from services.webhooks.hooks import Hook
from services.webhooks.records import RESET_VERSION, Attempt, DeadLetter, Retry, Sent, Step, version_in
from shared.domain.errors import Conflict, NotFound
from shared.storage.redis_keys import WebhookKeys
from shared.storage.streams import order_of

# Which attempts were made is for whoever looks for a fault now; the log of events is elsewhere.
_ATTEMPTS_KEPT = 1000
_LEAD_MS = 10_000
MOST_HOOKS = 1000
# What the scripts answer.
_NOTED, _FULL = 1, -1
MOST_LETTERS = 1000
_RETRIES_SHOWN = 1000
# The API answers this place with a reset, whatever the log has.
_OF_NO_HISTORY = f"0-{0:016x}"


class Changed(Conflict):
    """Somebody else changed the webhook at the same moment."""

    code = "webhook-changed"
    title = "Webhook changed"


class Unreadable(Conflict):
    """What is stored of the webhook is not what this release understands."""

    code = "webhook-unreadable"
    title = "Webhook unreadable"

    def __init__(self, hook: str) -> None:
        super().__init__(
            "webhook",
            hook,
            f"what is stored of webhook {hook!r} cannot be read, and nothing is sent to it",
            "start the release that wrote it, or remove it and register again",
        )


class TooManyHooks(Conflict):
    """There are as many webhooks as there may be."""

    code = "too-many-webhooks"
    title = "Too many webhooks"

    def __init__(self) -> None:
        super().__init__(
            "webhook",
            "",
            f"there are {MOST_HOOKS} webhooks, and no more may be",
            "remove one that is not needed",
        )


class Store:
    """`process` names this process among those that may deliver."""

    def __init__(self, redis: Redis, process: str) -> None:
        self.redis = redis
        self._process = process
        self._settle = redis.register_script(_lua("settle.lua"))
        self._replace = redis.register_script(_lua("replace.lua"))

    async def every(self) -> tuple[dict[str, Hook], list[Unreadable]]:
        """All that are registered, the oldest first, and those that cannot be read."""
        bodies = cast(dict[bytes, bytes], await self.redis.hgetall(WebhookKeys.hooks))
        hooks: list[Hook] = []
        unreadable: list[Unreadable] = []
        for hook, stored in bodies.items():
            try:
                hooks.append(_read(hook.decode(errors="replace"), stored))
            except Unreadable as error:
                unreadable.append(error)
        return {hook.id: hook for hook in sorted(hooks, key=lambda hook: hook.created_at)}, unreadable

    async def hook(self, hook: str) -> Hook:
        """One of them. Raises `NotFound` and `Unreadable`."""
        return _read(hook, await self._raw(hook))

    async def add(self, hook: Hook, sent: Mapping[str, int]) -> None:
        """Adds a webhook, which is sent only what comes behind these versions of these contests.

        Raises `TooManyHooks`.
        """
        if sent:
            await self.redis.hset(WebhookKeys.sent(hook.id), mapping=cast(Any, dict(sent)))
        try:
            await self._replaced(hook.id, b"", hook.model_dump_json())
        except TooManyHooks:
            await self.redis.delete(WebhookKeys.sent(hook.id))
            raise

    async def refuse_full(self) -> None:
        """Returns if another webhook may be registered. Raises `TooManyHooks`."""
        if await self.redis.hlen(WebhookKeys.hooks) >= MOST_HOOKS:
            raise TooManyHooks

    async def change(self, hook: str, to: Callable[[Hook], Hook], afresh: bool = False) -> Hook:
        """Changes one; `afresh` forgets when what failed is tried again. Raises `NotFound` and `Changed`."""
        was = await self._raw(hook)
        becomes = to(_read(hook, was))
        await self._replaced(
            hook, was, becomes.model_dump_json(), [WebhookKeys.retries(hook)] if afresh else []
        )
        return becomes

    async def remove(self, hook: str) -> None:
        """Removes one with all that belongs to it. Raises `NotFound` and `Changed`."""
        keys = [
            key(hook)
            for key in (WebhookKeys.sent, WebhookKeys.retries, WebhookKeys.dead, WebhookKeys.attempts)
        ]
        await self._replaced(hook, await self._raw(hook), "", keys)

    async def revision(self) -> int:
        """Another number after every change to a webhook."""
        return int(await self.redis.get(WebhookKeys.revision) or 0)

    async def lead(self) -> bool:
        """Whether this process is the one that delivers, for the next seconds."""
        if await self.redis.set(WebhookKeys.lead, self._process, nx=True, px=_LEAD_MS):
            return True
        if await self.redis.get(WebhookKeys.lead) != self._process.encode():
            return False
        return bool(await self.redis.pexpire(WebhookKeys.lead, _LEAD_MS))

    async def give_way(self) -> None:
        """Lets another process deliver at once."""
        if await self.redis.get(WebhookKeys.lead) == self._process.encode():
            await self.redis.delete(WebhookKeys.lead)

    async def sent(self, hook: str) -> dict[str, int]:
        """Up to which version of each contest it is done."""
        versions = cast(dict[bytes, bytes], await self.redis.hgetall(WebhookKeys.sent(hook)))
        return {contest.decode(): version_in(place.decode()) for contest, place in versions.items()}

    async def sent_of(self, hook: str, contest: str) -> "Sent":
        """Up to where it is done with a contest."""
        version = cast(bytes | None, await self.redis.hget(WebhookKeys.sent(hook), contest))
        place, _, reset = (version or b"0").decode().partition(" ")
        return Sent(place, reset)

    async def retries(self, hook: str) -> dict[str, Retry]:
        """What is waiting to be tried again, by contest; of very many contests a thousand."""
        retries: dict[str, Retry] = {}
        async for contest, retry in self.redis.hscan_iter(WebhookKeys.retries(hook), count=_RETRIES_SHOWN):
            retries[contest.decode()] = Retry.model_validate_json(retry)
            if len(retries) == _RETRIES_SHOWN:
                break
        return retries

    async def retry_of(self, hook: str, contest: str) -> Retry | None:
        """What of a contest is waiting to be tried again."""
        retry = await self.redis.hget(WebhookKeys.retries(hook), contest)
        return None if retry is None else Retry.model_validate_json(retry)

    async def done(self, hook: str, step: Step) -> bool:
        """Goes on behind a step. False: this process does not deliver any more, or the webhook begins anew."""
        return await self._note(hook, step, "done", "")

    async def give_up(self, hook: str, step: Step, letter: DeadLetter) -> bool:
        """Lays a delivery in the dead letters and goes on behind it, in one go. False as `done`."""
        return await self._note(hook, step, "dead", letter.model_dump_json())

    async def later(self, hook: str, step: Step, retry: Retry) -> bool:
        """Notes when a delivery is tried again. False as `done`."""
        return await self._note(hook, step, "retry", retry.model_dump_json())

    async def begin_anew(self, hook: str, contest: str) -> None:
        """Takes a reset out of the dead letters, and lets the process that delivers tell it, and all behind it."""
        sent = f"{_OF_NO_HISTORY} again_{secrets.token_hex(16)}"
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.hset(WebhookKeys.sent(hook), contest, sent)
            pipe.hdel(WebhookKeys.retries(hook), contest)
            pipe.hdel(WebhookKeys.dead(hook), f"{contest}/{RESET_VERSION}")
            pipe.incr(WebhookKeys.revision)
            await pipe.execute()

    async def note_attempt(self, hook: str, attempt: Attempt) -> None:
        """Keeps how an attempt went; the latest thousand are kept."""
        await self.redis.xadd(
            WebhookKeys.attempts(hook),
            {"attempt": orjson.dumps(attempt._asdict())},
            maxlen=_ATTEMPTS_KEPT,
            approximate=True,
        )

    async def attempts(self, hook: str, limit: int) -> list[dict[str, Any]]:
        """How the latest attempts went, the latest first."""
        entries: Any = await self.redis.xrevrange(WebhookKeys.attempts(hook), count=limit)
        return [
            {"at": order_of(entry_id)[0] / 1000, **orjson.loads(fields[b"attempt"])}
            for entry_id, fields in entries
        ]

    async def dead_letters(self, hook: str) -> list[DeadLetter]:
        """What was given up, by contest and version."""
        bodies = cast(list[bytes], await self.redis.hvals(WebhookKeys.dead(hook)))
        letters = [DeadLetter.model_validate_json(body) for body in bodies]
        return sorted(letters, key=lambda letter: (letter.contest, letter.version))

    async def letters(self, hook: str) -> int:
        """How many were given up."""
        return int(await self.redis.hlen(WebhookKeys.dead(hook)))

    async def dead_letter(self, hook: str, contest: str, version: int) -> DeadLetter:
        """One of them. Raises `NotFound`."""
        body = await self.redis.hget(WebhookKeys.dead(hook), f"{contest}/{version}")
        if body is None:
            raise _no_letter(contest, version)
        return DeadLetter.model_validate_json(body)

    async def drop_letter(self, hook: str, contest: str, version: int) -> None:
        """Takes one out. Raises `NotFound`."""
        if not await self.redis.hdel(WebhookKeys.dead(hook), f"{contest}/{version}"):
            raise _no_letter(contest, version)

    async def _raw(self, hook: str) -> bytes:
        body = await self.redis.hget(WebhookKeys.hooks, hook)
        if body is None:
            raise NotFound("webhook", hook, f"there is no webhook {hook!r}", "see GET /v1/webhooks")
        return cast(bytes, body)

    async def _replaced(self, hook: str, was: bytes, becomes: str, removed: list[str] | None = None) -> None:
        keys = [WebhookKeys.hooks, WebhookKeys.revision, *(removed or [])]
        done = await self._replace(keys=keys, args=[hook, was, becomes, MOST_HOOKS])
        if done == _FULL:
            raise TooManyHooks
        if done != _NOTED:
            raise Changed(
                "webhook", hook, f"webhook {hook!r} was changed at this moment", "read it and try again"
            )

    async def _note(self, hook: str, step: Step, what: Literal["done", "dead", "retry"], json: str) -> bool:
        of_hook = [key(hook) for key in (WebhookKeys.sent, WebhookKeys.retries, WebhookKeys.dead)]
        done: int = await self._settle(
            keys=[WebhookKeys.lead, WebhookKeys.hooks, *of_hook],
            args=[self._process, hook, step.contest, step.behind, *step.upto, what, json],
        )
        return bool(done == _NOTED)


def _read(hook: str, stored: bytes) -> Hook:
    try:
        return Hook.model_validate_json(stored)
    except ValidationError:
        raise Unreadable(hook) from None


def _no_letter(contest: str, version: int) -> NotFound:
    letter = f"{contest}/{version}"
    return NotFound("letter", letter, f"there is no dead letter {letter!r}", "see the webhook's dead-letters")


def _lua(name: str) -> str:
    return files("services.webhooks").joinpath(name).read_text()
