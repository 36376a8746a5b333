"""Webhooks as they are registered: where changes go, which, and whether they do."""

import base64
import secrets
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.changes.filters import AskedFilters, Slug, StoredFilters, joined

MOST_OLD_SECRETS = 4
# More were kept by an earlier release; a receiver's server takes only so long a header.
_MOST_SIGNATURES = 20

# Nothing is sent to one that is unverified, paused by its owner, or disabled because its receiver said 410.
State = Literal["unverified", "active", "paused", "disabled"]


class Wanted(StoredFilters):
    """Which changes are sent; what is left out wants all. As it is stored."""

    contests: Annotated[list[Slug], Field(min_length=1, max_length=1000)] | None = None

    def wants(self, contest: str) -> bool:
        """Whether anything of a contest is wanted."""
        return self.contests is None or contest in self.contests


# What in all a list of all webhooks can still hold.
Contests = Annotated[list[Slug], Field(min_length=1, max_length=1000), joined(32_768)]


class Asked(AskedFilters, Wanted):
    """Which changes an owner asks for. As the parameters of `/v1/changes`."""

    contests: Contests | None = None


class Secret(BaseModel):
    """A key that messages are signed with, `until` then if another took its place."""

    model_config = ConfigDict(frozen=True)

    value: str
    until: datetime | None = None


class Hook(BaseModel):
    """A webhook. `why` says why it is disabled."""

    model_config = ConfigDict(frozen=True)

    id: str
    url: str
    description: str
    wanted: Wanted
    state: State
    why: str
    created_at: datetime
    changed_at: datetime
    secrets: list[Secret]

    def keys(self, now: datetime) -> list[str]:
        """The secrets to sign with, the newest first, and of those at most twenty."""
        return [secret.value for secret in self.valid(now)][:_MOST_SIGNATURES]

    def valid(self, now: datetime) -> list[Secret]:
        """The secrets that are in use."""
        return [secret for secret in self.secrets if secret.until is None or secret.until > now]


def new_secret() -> str:
    """A secret for HMAC-SHA256. Source: Standard Webhooks, "Symmetric": 24 to 64 random bytes behind `whsec_`."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def new_id() -> str:
    """A webhook's id."""
    return "wh_" + secrets.token_hex(12)
