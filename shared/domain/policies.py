"""Policies: what an endorsement of each category is worth.

A score is a product of counts and weights, so any policy can be applied to any moment without folding again. Weights
are whole numbers or decimals, and every sum is exact: internally all weights of a policy are whole multiples of
10^-places.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

from shared.domain.book import Cell, Totals
from shared.domain.decimals import places
from shared.domain.errors import UnknownPolicy


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
        """Units as points: a whole number where the policy has whole weights only."""
        if self.places == 0:
            return units
        # Not by arithmetic, which rounds to 28 digits.
        sign, digits, _ = Decimal(units).as_tuple()
        return Decimal((sign, digits, -self.places))


def scores(policy: Policy, totals: Mapping[Cell, Totals]) -> dict[str, int]:
    """Every counted candidate's score, in the policy's units."""
    result: dict[str, int] = {}
    for (candidate, category), counted in totals.items():
        result[candidate] = result.get(candidate, 0) + policy.units(category, counted)
    return result


def _weights(**points: int) -> dict[str, Decimal]:
    return {category.replace("_", "-"): Decimal(value) for category, value in points.items()}


# Source: fivethirtyeight/data, endorsements-june-30, README: "10 points for each governor, 5 points for each
# senator and 1 point for each representative".
FIVETHIRTYEIGHT_2016 = Policy(
    "fivethirtyeight-2016",
    1,
    "FiveThirtyEight, The Endorsement Primary, 2016",
    "FiveThirtyEight, The 2016 Endorsement Primary; fivethirtyeight/data, endorsements-june-30",
    _weights(governor=10, senator=5, representative=1),
)

# Source: FiveThirtyEight's published 2020 endorsement table as of 2020-04-01 (CC BY 4.0): its rows by category, with
# those who endorsed nobody.
_AVAILABLE_2020 = {
    "past-president": 5,
    "party-leader": 6,
    "governor": 29,
    "senator": 43,
    "past-nominee": 5,
    "former-party-leader": 21,
    "former-candidate": 12,
    "representative": 231,
    "mayor": 47,
    "statewide-officeholder": 104,
    "state-legislative-leader": 105,
    "dnc-member": 413,
}
# Source: FiveThirtyEight's published 2020 endorsement table, columns `category` and `points` (CC BY 4.0).
_2020 = _weights(
    past_president=10,
    party_leader=10,
    governor=8,
    senator=6,
    past_nominee=5,
    former_party_leader=5,
    former_candidate=5,
    representative=3,
    mayor=3,
    statewide_officeholder=2,
    state_legislative_leader=2,
    dnc_member=1,
)
FIVETHIRTYEIGHT_2020 = Policy(
    "fivethirtyeight-2020",
    1,
    "FiveThirtyEight, The 2020 Endorsement Primary",
    "FiveThirtyEight, The 2020 Endorsement Primary, columns category and points of the published table",
    _2020,
    available=_AVAILABLE_2020,
)

# Source: FiveThirtyEight, The 2024 Endorsement Primary: the scale of 2020; members of a national committee not counted.
FIVETHIRTYEIGHT_2024 = Policy(
    "fivethirtyeight-2024",
    1,
    "FiveThirtyEight, the 2024 endorsement tracker",
    "FiveThirtyEight, 2024 endorsements: as in 2020, without DNC members",
    {category: weight for category, weight in _2020.items() if category != "dnc-member"},
)

HEADCOUNT = Policy(
    "headcount",
    1,
    "Head count",
    "Standings: one point for each endorsement, whoever makes it",
    {},
    Decimal(1),
)

UNION_MEMBERS = Policy(
    "union-members",
    1,
    "Members of endorsing labor unions",
    "Standings: the sum of members of the labor unions that endorse",
    {},
    member_weights=_weights(labor_union=1),
)

BUILT_IN = (FIVETHIRTYEIGHT_2016, FIVETHIRTYEIGHT_2020, FIVETHIRTYEIGHT_2024, HEADCOUNT, UNION_MEMBERS)


class Policies:
    """The policies that a deployment answers with: the built-in ones and its own."""

    def __init__(self, own: Iterable[Policy] = ()) -> None:
        self._by_id = {policy.id: policy for policy in (*BUILT_IN, *own)}

    def __iter__(self) -> Iterator[Policy]:
        return iter(self._by_id.values())

    def find(self, policy: str) -> Policy:
        """The policy of this id. Raises `UnknownPolicy`."""
        if found := self._by_id.get(policy):
            return found
        raise UnknownPolicy(policy, list(self._by_id))
