"""Exact numbers as the API says them, and none of a size that it cannot say."""

from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import AfterValidator

# 2^53 events of 10^12 points with as many members each have fewer digits than this; scores have nine places.
_MOST_DIGITS = 40
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


def _bounded(value: Decimal) -> Decimal:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError("it is not a finite number")
    if value.adjusted() >= _MOST_DIGITS or exponent < -_MOST_DIGITS or exponent > _MOST_DIGITS:
        raise ValueError(f"it has more than {_MOST_DIGITS} digits before or after its point")
    return value


Exact = Annotated[Decimal, AfterValidator(_bounded)]


def integer(text: str) -> int | Decimal:
    """The whole number in a JSON text, as a decimal where it does not fit 64 bits. Raises `ValueError`."""
    value = number(text)
    return int(value) if _SMALLEST <= value <= _LARGEST else value


def number(text: str) -> Decimal:
    """The number in a JSON text. Raises `ValueError`."""
    try:
        return _bounded(Decimal(text))
    except InvalidOperation:
        raise ValueError("it is not a number that can be read") from None
