"""Policies: what an endorsement of each category is worth.

A score is a product of counts and weights, so any policy can be applied to any moment without folding again. Weights
are whole numbers or decimals, and every sum is exact: internally all weights of a policy are whole multiples of
10^-places.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property

from shared.domain.book import Cell, Totals
from shared.domain.decimals import bounded, decimal_of, places
from shared.domain.errors import Invalid, UnknownPolicy
from shared.domain.ids import is_slug

MOST_DOTS_A_LINE = 500
_LARGEST_WEIGHT = 10**12
_MOST_WHOLE_DIGITS = 13
_MOST_PLACES = 9
_LARGEST_VERSION = 2**53
# Characters of a value that an error tells.
_TOLD = 80


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


def read_policies(text: str) -> list[Policy]:
    """Policies from a TOML document: one `[[policy]]` table each. Raises `Invalid`, naming the key.

    Keys: `id`, `version`, `title`, `source`, `weights`, and optionally `default`, `member_weights` and `available`.
    """
    # Reading a key takes time by the square of its parts.
    if any(line.count(".") > MOST_DOTS_A_LINE for line in text.split("\n")):
        raise Invalid(
            "policies",
            "",
            f"a line has more than {MOST_DOTS_A_LINE} dots",
            "write weights as a table, one a line",
        )
    try:
        document = tomllib.loads(text, parse_float=_number)
    except (
        ValueError,
        RecursionError,
    ) as error:  # not TOML, more digits than Python reads, or nested too deeply
        raise Invalid("policies", "", f"the policies are not TOML: {error}", "mend the file") from None
    _only(document, {"policy"}, "policies")
    tables = document.get("policy", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise Invalid(
            "policy", _said(tables), "policy is not a list of tables", "write each one under [[policy]]"
        )
    policies = [_policy(table, f"policy[{number}]") for number, table in enumerate(tables)]
    _refuse_twins(policies)
    return policies


def _number(text: str) -> Decimal:
    """A decimal of the file; one that cannot be held is none, and refused by its key."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("NaN")


def _policy(table: dict[str, object], at: str) -> Policy:
    _only(
        table, {"id", "version", "title", "source", "weights", "default", "member_weights", "available"}, at
    )
    return Policy(
        _slug(table.get("id"), f"{at}.id"),
        _version(table.get("version"), f"{at}.version"),
        _text(table.get("title"), f"{at}.title"),
        _text(table.get("source"), f"{at}.source"),
        _weight_table(table.get("weights", {}), f"{at}.weights"),
        _weight(table.get("default", 0), f"{at}.default"),
        _weight_table(table.get("member_weights", {}), f"{at}.member_weights"),
        _number_table(table.get("available", {}), f"{at}.available"),
    )


def made_up(weights: str) -> Policy:
    """The policy that a question makes up: `governor:10,senator:5,labor-union/member:0.001,default:1`.

    Raises `Invalid`, naming the field `weights`.
    """
    given: dict[str, Decimal] = {}
    for part in weights.split(","):
        name, _, points = part.partition(":")
        if name in given:
            raise Invalid("weights", weights, f"weights name {name!r} twice", "name each category once")
        given[name] = _made_up_weight(points, weights)
    default = given.pop("default", Decimal(0))
    of_members = {
        name.removesuffix(_MEMBER): given.pop(name) for name in list(given) if name.endswith(_MEMBER)
    }
    for name in (*given, *of_members):
        if not is_slug(name):
            raise Invalid("weights", weights, f"weights name {name!r}, which is no category", _HOW_TO_WEIGH)
    return Policy("weights", 1, "Weights made up in the question", weights, given, default, of_members)


_MEMBER = "/member"
_HOW_TO_WEIGH = "write category:points, separated by commas, such as governor:10,senator:5,default:1"


def _made_up_weight(points: str, weights: str) -> Decimal:
    try:
        return _weight(decimal_of(points), "weights")
    except (ValueError, Invalid):
        raise Invalid("weights", weights, f"weights has {points!r} for points", _HOW_TO_WEIGH) from None


def _number_table(value: object, at: str) -> dict[str, int]:
    if not isinstance(value, dict):
        raise Invalid(
            at, _said(value), f"{at} is not a table", "write category = how many endorsers there are"
        )
    for category, number in value.items():
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= _LARGEST_WEIGHT:
            raise Invalid(
                f"{at}.{category}", _said(number), f"{at}.{category} is not a number", "write a whole number"
            )
    return {_slug(category, f"{at}.{category}"): number for category, number in value.items()}


def _refuse_twins(policies: list[Policy]) -> None:
    seen = {policy.id for policy in BUILT_IN}
    for policy in policies:
        if policy.id in seen:
            raise Invalid("id", policy.id, f"policy {policy.id!r} is defined already", "give it another id")
        seen.add(policy.id)


def _only(table: Mapping[str, object], known: set[str], at: str) -> None:
    for key in table:
        if key not in known:
            raise Invalid(
                f"{at}.{key}",
                _said(table[key]),
                f"{at} has no key {key!r}",
                f"use {', '.join(sorted(known))}",
            )


def _slug(value: object, at: str) -> str:
    if isinstance(value, str) and is_slug(value):
        return value
    raise Invalid(
        at,
        _said(value),
        f"{at}={_said(value)} is not an id",
        "use a-z, 0-9, dot, underscore and hyphen, at most 120",
    )


def _version(value: object, at: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LARGEST_VERSION:
        return value
    raise Invalid(
        at,
        _said(value),
        f"{at}={_said(value)} is not a version",
        "count from 1, and add 1 when weights change",
    )


def _text(value: object, at: str) -> str:
    if isinstance(value, str) and value.strip():
        return value
    raise Invalid(at, _said(value), f"{at}={_said(value)} says nothing", "write a sentence")


def _weight_table(value: object, at: str) -> dict[str, Decimal]:
    if not isinstance(value, dict):
        raise Invalid(at, _said(value), f"{at} is not a table", "write category = points")
    return {
        _slug(category, f"{at}.{category}"): _weight(points, f"{at}.{category}")
        for category, points in value.items()
    }


def _weight(value: object, at: str) -> Decimal:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        with suppress(ValueError):
            weight = bounded(Decimal(value), _MOST_WHOLE_DIGITS, _MOST_PLACES)
            if weight.copy_abs() <= _LARGEST_WEIGHT:
                return weight
    raise Invalid(
        at,
        _said(value),
        f"{at}={_said(value)} is not a weight",
        f"write a whole number or a decimal, at most {_LARGEST_WEIGHT} and {_MOST_PLACES} places",
    )


def _said(value: object) -> str:
    """How a value of the file reads, as far as an error tells it."""
    try:
        return (str(value) if isinstance(value, Decimal) else repr(value))[:_TOLD]
    except (ValueError, RecursionError):  # Python writes no integer of more than 4,300 digits
        return "what is too long or too deep to be told"
