"""What webhooks answer with, for their OpenAPI document. Nothing is validated with it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.webhooks.hooks import State
from shared.changes.filters import StoredFilters
from shared.http.problem_schema import Problem

Outcome = Annotated[str, Field(description="what the receiver did, in a few words")]
DeliveredVersion = Annotated[int, Field(description="0 of a reset")]


class WantedChanges(StoredFilters):
    """Which changes are sent; null wants all."""

    # Each of them is in every answer.
    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    contests: list[str] | None = None


class Webhook(BaseModel):
    """A webhook without its secrets."""

    webhook: str = Field(description="its id")
    url: str
    description: str
    wanted: WantedChanges
    state: State
    why: str = Field(description="why it is disabled")
    created_at: datetime
    changed_at: datetime
    secrets: int = Field(description="how many messages are signed with")


class UnreadableWebhook(BaseModel):
    """One that this release does not understand: nothing is sent to it."""

    webhook: str
    state: Literal["unreadable"]
    why: str


class Webhooks(BaseModel):
    """All webhooks, and those that cannot be read."""

    webhooks: list[Webhook | UnreadableWebhook]


class WebhookWithSecret(Webhook):
    """A webhook with its new secret, which is in this answer only."""

    secret: str


class WaitingDelivery(BaseModel):
    """A delivery that failed so often, and when it is tried again."""

    contest: str
    version: DeliveredVersion
    attempts: int
    next_at: datetime
    outcome: Outcome


class WebhookWithRetries(Webhook):
    """A webhook, and what is being tried again."""

    retries: list[WaitingDelivery]


class DeliveryAttempt(BaseModel):
    """How an attempt went; `status` is null where no answer came."""

    at: datetime
    contest: str
    version: DeliveredVersion
    number: int
    outcome: Outcome
    status: int | None
    took_ms: int


class DeliveryAttempts(BaseModel):
    """How the latest attempts went, the latest first."""

    attempts: list[DeliveryAttempt]


class GivenUp(BaseModel):
    """A delivery that was given up after the last try."""

    contest: str
    version: DeliveredVersion
    attempts: int
    given_up_at: datetime
    outcome: Outcome


class DeadLetters(BaseModel):
    """What was given up, by contest and version."""

    dead_letters: list[GivenUp]
    next: str | None = Field(description="`after` of the next page")


class Redelivered(BaseModel):
    """A dead letter that was taken, and is none any more."""

    contest: str
    version: DeliveredVersion
    outcome: Outcome
    took_ms: int


MODELS = (
    DeadLetters,
    DeliveryAttempts,
    Problem,
    Redelivered,
    Webhook,
    Webhooks,
    WebhookWithRetries,
    WebhookWithSecret,
)
