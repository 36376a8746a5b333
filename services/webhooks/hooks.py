"""Webhooks as they are registered: where changes go, which, and whether they do."""

import base64
import secrets
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.domain.decimals import MOST_PLACES, bounded, places
from shared.domain.ids import SLUG
from shared.values.decimals import MOST_POINTS, MinDelta
from shared.values.objects import Said

MOST_OLD_SECRETS = 4
# More were kept by an earlier release; a receiver's server takes only so long a header.
_MOST_SIGNATURES = 20

Slug = Annotated[str, Field(pattern=SLUG)]
# Nothing is sent to one that is unverified, paused by its owner, or disabled because its receiver said 410.
State = Literal["unverified", "active", "paused", "disabled"]


# Scores move by whole multiples of this.
_FINEST = Decimal("0.000000001")


def _as_before(value: Decimal) -> Decimal:
    """What was stored when exponents had no bound, as a bounded number that wants the same changes."""
    if value and places(value) > MOST_PLACES:
        value = value.quantize(_FINEST, ROUND_CEILING)
    return bounded(value).copy_abs()


class Wanted(Said):
    """Which changes are sent; what is left out wants all. As it is stored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    contests: Annotated[list[Slug], Field(min_length=1, max_length=1000)] | None = None
    candidates: Annotated[list[Slug], Field(min_length=1, max_length=100)] | None = None
    policies: Annotated[list[Slug], Field(min_length=1, max_length=100)] | None = None
    min_delta: Annotated[Decimal, Field(ge=0, le=MOST_POINTS), AfterValidator(_as_before)] | None = None

    def wants(self, contest: str) -> bool:
        """Whether anything of a contest is wanted."""
        return self.contests is None or contest in self.contests

    def parameters(self) -> dict[str, str]:
        """The filters, as the API takes them beside a contest."""
        given = {"candidate": self.candidates, "policy": self.policies}
        found = {name: ",".join(ids) for name, ids in given.items() if ids is not None}
        return found if self.min_delta is None else found | {"min_delta": f"{self.min_delta:f}"}


def _joined(most: int) -> AfterValidator:
    """At most so many characters together, with commas between."""

    def check(ids: list[str]) -> list[str]:
        if len(",".join(ids)) > most:
            raise ValueError(f"all together have more than {most} characters")
        return ids

    return AfterValidator(check)


# What fits into a parameter of the API, and in all what a list of all webhooks can still hold.
Names = Annotated[list[Slug], Field(min_length=1, max_length=100), _joined(2000)]
Contests = Annotated[list[Slug], Field(min_length=1, max_length=1000), _joined(32_768)]


class Asked(Wanted):
    """Which changes an owner asks for. As the parameters of `/v1/changes`."""

    contests: Contests | None = None
    candidates: Names | None = None
    policies: Names | None = None
    min_delta: MinDelta | None = None


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
        return [one.value for one in self.valid(now)][:_MOST_SIGNATURES]

    def valid(self, now: datetime) -> list[Secret]:
        """The secrets that are in use."""
        return [one for one in self.secrets if one.until is None or one.until > now]


def new_secret() -> str:
    """A secret for HMAC-SHA256. Source: Standard Webhooks, "Symmetric": 24 to 64 random bytes behind `whsec_`."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def new_id() -> str:
    """A webhook's id."""
    return "wh_" + secrets.token_hex(12)
