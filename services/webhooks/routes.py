"""The HTTP interface of webhooks."""

from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Response

from services.webhooks.hooks import Hook
from services.webhooks.records import DeadLetter, Retry
from services.webhooks.registry import Change, Registration, Registry, Rotation
from services.webhooks.store import Unreadable
from shared.changes.filters import Slug
from shared.http.openapi import JSON, json_of
from shared.http.parameters import KNOWN_ONLY
from shared.http.problem_schema import problems_of

_HOOK, _PLACE = r"^wh_[0-9a-f]{24}$", r"^[a-z0-9._-]{1,120}/[0-9]{1,16}$"
# The way out for whoever's text does not match one of these.
FORMS = {
    _HOOK: "ids of webhooks are in GET /v1/webhooks",
    _PLACE: "give `next` of the page before, or leave after out",
}
HookId = Annotated[str, Path(pattern=_HOOK, examples=["wh_0123456789abcdef01234567"])]
ContestId = Annotated[Slug, Path()]
# A reset has version 0.
Version = Annotated[int, Path(ge=0, le=2**53)]
Limit = Annotated[int, Query(ge=1, le=1000)]
After = Annotated[str | None, Query(pattern=_PLACE)]
TAGS = {
    "webhooks": "receivers of changes, what they want, and how deliveries went",
    "health": "whether the service runs, and can do its work",
}
_ANSWERS = problems_of(
    {
        404: "no webhook, or no letter, of this name",
        409: "the receiver did not do its part, or the webhook was changed at this moment",
        422: "a field is not of its form, or the address is not one to send to",
        503: "the storage does not answer",
    }
)


def routes(registry: Registry) -> APIRouter:  # noqa: C901 - a list of routes, not a decision
    """Every route of webhooks."""
    router = APIRouter(
        prefix="/v1/webhooks", responses=_ANSWERS, tags=["webhooks"], dependencies=[KNOWN_ONLY]
    )
    store = registry.store

    def shown(hook: Hook) -> dict[str, Any]:
        return view(hook, registry.now())

    @router.post("", status_code=201, responses=_answered("WebhookWithSecret", 201))
    async def register_webhook(asked: Registration) -> Response:
        """Registers a webhook. Its secret is in this answer only; it begins when it is verified."""
        hook = await registry.register(asked)
        return _json({**shown(hook), "secret": hook.secrets[0].value}, 201)

    @router.get("", responses=_answered("Webhooks"))
    async def all_webhooks() -> Response:
        """All webhooks, and those that cannot be read."""
        hooks, unreadable = await store.every()
        return _json({"webhooks": [*map(shown, hooks.values()), *map(_unread, unreadable)]})

    @router.get("/{webhook}", responses=_answered("WebhookWithRetries"))
    async def one_webhook(webhook: HookId) -> Response:
        """A webhook, and what is being tried again."""
        hook = await store.hook(webhook)
        retries = await store.retries(webhook)
        return _json(
            {**shown(hook), "retries": [_retry(contest, retry) for contest, retry in sorted(retries.items())]}
        )

    @router.patch("/{webhook}", responses=_answered("Webhook"))
    async def change_webhook(webhook: HookId, asked: Change) -> Response:
        """Changes a webhook, pauses it or lets it go on. What waits to be tried again is tried at once."""
        return _json(shown(await registry.change(webhook, asked)))

    @router.delete("/{webhook}", status_code=204)
    async def remove_webhook(webhook: HookId) -> None:
        """Removes a webhook with its dead letters."""
        await store.remove(webhook)

    @router.post("/{webhook}/verification", responses=_answered("Webhook"))
    async def verify_webhook(webhook: HookId) -> Response:
        """Sends the receiver a challenge to answer with; the webhook is active if it does."""
        return _json(shown(await registry.verify(webhook)))

    @router.post("/{webhook}/secret-rotation", responses=_answered("WebhookWithSecret"))
    async def rotate_secret(webhook: HookId, asked: Rotation) -> Response:
        """Gives a new secret, in this answer only; messages are signed with the old one too for a while."""
        hook, secret = await registry.rotate(webhook, asked)
        return _json({**shown(hook), "secret": secret})

    @router.get("/{webhook}/attempts", responses=_answered("DeliveryAttempts"))
    async def delivery_attempts(webhook: HookId, limit: Limit = 100) -> Response:
        """How the latest attempts went, the latest first."""
        await store.hook(webhook)
        attempts = await store.attempts(webhook, limit)
        return _json({"attempts": [{**attempt, "at": _instant(attempt["at"])} for attempt in attempts]})

    @router.get("/{webhook}/dead-letters", responses=_answered("DeadLetters"))
    async def dead_letters(webhook: HookId, limit: Limit = 1000, after: After = None) -> Response:
        """What was given up after the last try, by contest and version; `after` is `next` of the page before."""
        await store.hook(webhook)
        place = placed(after)
        letters = [
            letter for letter in await store.dead_letters(webhook) if (letter.contest, letter.version) > place
        ]
        more = letters[limit - 1] if len(letters) > limit else None
        return _json(
            {
                "dead_letters": [_letter(letter) for letter in letters[:limit]],
                "next": None if more is None else f"{more.contest}/{more.version}",
            }
        )

    @router.post(
        "/{webhook}/dead-letters/{contest}/{version}/redelivery",
        responses=_answered("Redelivered"),
    )
    async def redeliver_dead_letter(webhook: HookId, contest: ContestId, version: Version) -> Response:
        """Sends a dead letter now; taken, it is no dead letter any more. A reset (version 0) is sent in its turn."""
        outcome = await registry.redeliver(webhook, contest, version)
        return _json(
            {"contest": contest, "version": version, "outcome": outcome.said, "took_ms": outcome.took_ms}
        )

    @router.delete("/{webhook}/dead-letters/{contest}/{version}", status_code=204)
    async def drop_dead_letter(webhook: HookId, contest: ContestId, version: Version) -> None:
        """Drops a dead letter."""
        await store.drop_letter(webhook, contest, version)

    return router


def _answered(model: str, status: int = 200) -> dict[int | str, dict[str, Any]]:
    return {status: {"description": "the answer", "content": json_of(model)}}


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type=JSON)


def view(hook: Hook, now: datetime) -> dict[str, Any]:
    """A webhook without its secrets, and how many of them sign now."""
    shown = hook.model_dump(mode="json", exclude={"secrets"})
    return {"webhook": shown.pop("id"), **shown, "secrets": len(hook.keys(now))}


def _unread(error: Unreadable) -> dict[str, Any]:
    return {"webhook": error.value, "state": "unreadable", "why": f"{error.detail}; {error.way_out}"}


def placed(after: str | None) -> tuple[str, int]:
    """The contest and version that a page begins behind."""
    contest, _, version = (after or "/0").rpartition("/")
    return contest, int(version)


def _retry(contest: str, retry: Retry) -> dict[str, Any]:
    return {
        "contest": contest,
        "version": retry.version,
        "attempts": retry.attempts,
        "next_at": _instant(retry.at),
        "outcome": retry.said,
    }


def _letter(letter: DeadLetter) -> dict[str, Any]:
    return {
        "contest": letter.contest,
        "version": letter.version,
        "attempts": letter.attempts,
        "given_up_at": _instant(letter.at),
        "outcome": letter.said,
    }


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
