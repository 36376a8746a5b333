"""Filters on changes: in one place for whoever asks the API and for whoever registers a webhook.

A filter is a field of `FilterParameters` (the API's, as text), of `StoredFilters` and `AskedFilters` (a webhook's), and
a condition of `MoveFilter`. The client has it as a parameter too (`standings/client/asking.py`), by a test.
"""

from decimal import ROUND_CEILING, Decimal
from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, ConfigDict, Field

from shared.domain.decimals import MOST_PLACES, bounded, places
from shared.domain.errors import Invalid
from shared.domain.ids import SLUG
from shared.values.decimals import MOST_POINTS, MinDelta
from shared.values.objects import Said
from shared.values.text import Parameter

# Names in one filter, which are held as long as a subscription lasts.
MOST_NAMES = 200
Slug = Annotated[str, Field(pattern=SLUG)]
# Scores move by whole multiples of this.
_FINEST = Decimal("0.000000001")


class ScoreMove(NamedTuple):
    """By how many points whose score moved, under which policy; by none where only the rank did."""

    candidate: str
    policy: str
    points: Decimal


class FilterParameters(Said):
    """The filters as parameters of the API; all must fit."""

    candidate: Annotated[
        Parameter | None,
        Field(max_length=2000, description="one, or several separated by commas", examples=["joe-biden"]),
    ] = None
    policy: Annotated[
        Parameter | None, Field(max_length=2000, description="one, or several separated by commas")
    ] = None
    min_delta: Annotated[
        MinDelta | None, Field(description="only changes that move a score by so many points or more")
    ] = None


class MoveFilter(NamedTuple):
    """What a subscriber wants of the score moves of a change; None wants all."""

    candidates: frozenset[str] | None = None
    policies: frozenset[str] | None = None
    min_delta: Decimal | None = None

    @classmethod
    def of(cls, asked: FilterParameters) -> Self:
        """What the parameters want. Raises `Invalid`."""
        return cls(names("candidate", asked.candidate), names("policy", asked.policy), asked.min_delta)

    @property
    def wants_all(self) -> bool:
        """Whether a change fits that moves no score, too."""
        return all(ids is None for ids in self)

    def fits(self, move: ScoreMove) -> bool:
        """Whether one score move fits every filter."""
        return (
            (self.candidates is None or move.candidate in self.candidates)
            and (self.policies is None or move.policy in self.policies)
            and (self.min_delta is None or move.points >= self.min_delta)
        )


def names(field: str, text: str | None) -> frozenset[str] | None:
    """The names in a list. Raises `Invalid` where there are too many."""
    if text is None:
        return None
    parts = frozenset(part.strip() for part in text.split(","))
    if len(parts) > MOST_NAMES:
        raise Invalid(
            field,
            text[:200],
            f"{field} has {len(parts)} names, of at most {MOST_NAMES}",
            "leave it out and choose among what comes, or follow in several subscriptions",
        )
    return parts


def _as_before(value: Decimal) -> Decimal:
    """What was stored when exponents had no bound, as a bounded number that wants the same changes."""
    if value and places(value) > MOST_PLACES:
        value = value.quantize(_FINEST, ROUND_CEILING)
    return bounded(value).copy_abs()


class StoredFilters(Said):
    """The filters of a webhook as they are stored; what is left out wants all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    candidates: Annotated[list[Slug], Field(min_length=1, max_length=100)] | None = None
    policies: Annotated[list[Slug], Field(min_length=1, max_length=100)] | None = None
    min_delta: Annotated[Decimal, Field(ge=0, le=MOST_POINTS), AfterValidator(_as_before)] | None = None

    def parameters(self) -> dict[str, str]:
        """The filters as the API takes them."""
        given = {"candidate": self.candidates, "policy": self.policies}
        parameters = {name: ",".join(ids) for name, ids in given.items() if ids is not None}
        return parameters if self.min_delta is None else parameters | {"min_delta": f"{self.min_delta:f}"}


def joined(most: int) -> AfterValidator:
    """At most so many characters together, with commas between."""

    def check(ids: list[str]) -> list[str]:
        if len(",".join(ids)) > most:
            raise ValueError(f"all together have more than {most} characters")
        return ids

    return AfterValidator(check)


# What fits into a parameter of the API.
Names = Annotated[list[Slug], Field(min_length=1, max_length=100), joined(2000)]


class AskedFilters(StoredFilters):
    """The filters of a webhook as its owner asks for them."""

    candidates: Names | None = None
    policies: Names | None = None
    min_delta: MinDelta | None = None
