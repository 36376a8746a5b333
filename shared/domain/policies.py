"""Policies: what an endorsement of each category is worth.

A score is a product of counts and weights, so any policy can be applied to any moment without folding again. Weights
are whole numbers or decimals, and every sum is exact: internally all weights of a policy are whole multiples of
10^-places.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

from shared.domain.book import Cell, Totals
from shared.domain.decimals import of_any_size, places


@dataclass(frozen=True)
class Policy:
    """Points by category: so many for each endorsement, and so many for each member of the endorsing organisation.

    A category that `weights` does not name is worth `default`. `available` is how many endorsers each category has.
    """

    id: str
    version: int
    title: str
    source: str
    weights: Mapping[str, Decimal]
    default: Decimal = Decimal(0)
    member_weights: Mapping[str, Decimal] = field(default_factory=dict)
    available: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def places(self) -> int:
        """Decimal places of the finest weight, 0 to 9."""
        return max(
            map(places, (*self.weights.values(), *self.member_weights.values(), self.default)), default=0
        )

    @cached_property
    def _units(self) -> tuple[dict[str, int], int, dict[str, int]]:
        scale = 10**self.places
        return (
            {category: int(weight * scale) for category, weight in self.weights.items()},
            int(self.default * scale),
            {category: int(weight * scale) for category, weight in self.member_weights.items()},
        )

    def units(self, category: str, totals: Totals) -> int:
        """What one category's totals are worth, in units of 10^-places."""
        count, members = totals
        each, each_member = self.worth(category)
        return count * each + members * each_member

    def worth(self, category: str) -> tuple[int, int]:
        """What an endorsement of a category is worth, and each of its members, in units of 10^-places."""
        weights, default, member_weights = self._units
        return weights.get(category, default), member_weights.get(category, 0)

    def available_units(self, categories: frozenset[str] | None = None) -> int | None:
        """What all endorsers together could give, in units; None where the policy does not know how many there are.

        Of these categories, or of all.
        """
        if not self.available:
            return None
        return sum(
            number * self.worth(category)[0]
            for category, number in self.available.items()
            if categories is None or category in categories
        )

    def points(self, units: int) -> int | Decimal:
        """Units as points: an integer where the policy has whole weights only, as far as integers can be written."""
        if self.places == 0:
            return of_any_size(units)
        # Not by arithmetic, which rounds to 28 digits.
        sign, digits, _ = Decimal(units).as_tuple()
        return Decimal((sign, digits, -self.places))


def scores(policy: Policy, totals: Mapping[Cell, Totals]) -> dict[str, int]:
    """Every counted candidate's score, in the policy's units."""
    result: dict[str, int] = {}
    for (candidate, category), counted in totals.items():
        result[candidate] = result.get(candidate, 0) + policy.units(category, counted)
    return result
