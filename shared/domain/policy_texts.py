"""Policies as texts: a deployment's file of them, and weights that are made up in a question."""

import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation

from shared.domain.decimals import bounded, decimal_of
from shared.domain.errors import Invalid
from shared.domain.ids import is_slug
from shared.domain.policies import Policy

MOST_DOTS_A_LINE = 500
_LARGEST_WEIGHT = 10**12
_MOST_WHOLE_DIGITS = 13
_MOST_PLACES = 9
_LARGEST_VERSION = 2**53
# Characters of a value that an error tells.
_TOLD = 80


def read_policies(text: str, taken: Iterable[str] = ()) -> list[Policy]:
    """Policies from a TOML document: one `[[policy]]` table each. Raises `Invalid`, naming the key.

    None has an id that is `taken`. Keys: `id`, `version`, `title`, `source`, `weights`, and optionally `default`,
    `member_weights` and `available`.
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
    _refuse_twins(policies, taken)
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


def _refuse_twins(policies: list[Policy], taken: Iterable[str]) -> None:
    seen = set(taken)
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
    raise _unfit(value, at, "is not an id", "use a-z, 0-9, dot, underscore and hyphen, at most 120")


def _version(value: object, at: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LARGEST_VERSION:
        return value
    raise _unfit(value, at, "is not a version", "count from 1, and add 1 when weights change")


def _text(value: object, at: str) -> str:
    if isinstance(value, str) and value.strip():
        return value
    raise _unfit(value, at, "says nothing", "write a sentence")


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
    how = f"write a whole number or a decimal, at most {_LARGEST_WEIGHT} and {_MOST_PLACES} places"
    raise _unfit(value, at, "is not a weight", how)


def _unfit(value: object, at: str, why: str, how: str) -> Invalid:
    """The refusal of a value, which reads `<name> = <value> <why>`."""
    said = _said(value)
    return Invalid(at, said, f"{at}={said} {why}", how)


def _said(value: object) -> str:
    """How a value of the file reads, as far as an error tells it."""
    try:
        return (str(value) if isinstance(value, Decimal) else repr(value))[:_TOLD]
    except (ValueError, RecursionError):  # Python writes no integer of more than 4,300 digits
        return "what is too long or too deep to be told"
