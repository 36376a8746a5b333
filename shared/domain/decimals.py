"""Decimals from outside, with so many digits at most on either side of the point.

`1e-300000000` is a short text and a valid decimal, but whoever writes it out, as every digit of a score is written,
writes 300 MB. So no such number gets further than this. Pure.
"""

from collections.abc import Iterable
from decimal import Context, Decimal, InvalidOperation
from typing import Final

MOST_WHOLE_DIGITS = 16
MOST_PLACES = 12
# Characters of a decimal in a question or a command.
LONGEST = 40
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
# Scores have fewer digits than half of these; Python rounds to 28.
_EXACT: Final = Context(prec=100)


def bounded(value: Decimal, whole: int = MOST_WHOLE_DIGITS, most_places: int = MOST_PLACES) -> Decimal:
    """The same number, with so many digits before and after its point. Raises `ValueError`.

    Zeros at its end do not count; a zero with an exponent of its own is a plain one.
    """
    if not value.is_finite():
        raise ValueError("it is not a finite number")
    if not value:
        exponent = int(value.as_tuple().exponent)
        return value if -most_places <= exponent <= 0 else Decimal(0).copy_sign(value)
    if value.adjusted() >= whole or places(value) > most_places:
        raise ValueError(
            f"it has more than {whole} digits before the point, or more than {most_places} after it"
        )
    return value


def decimal_of(text: str) -> Decimal:
    """The decimal that a text of at most 40 plain characters says, bounded. Raises `ValueError`."""
    if len(text) > LONGEST:
        raise ValueError(f"it has more than {LONGEST} characters, which are too many digits")
    if not text.isascii() or "_" in text:
        raise ValueError("it is not written in plain digits")
    try:
        return bounded(Decimal(text))
    except InvalidOperation:
        raise ValueError("it is not a number, or has too many digits") from None


def fit_64_bits(numbers: Iterable[int]) -> bool:
    """Whether every whole number fits 64 bits: JSON and Parquet are written with no larger integer."""
    every = list(numbers)
    return min(every, default=0) >= _SMALLEST and max(every, default=0) <= _LARGEST


def of_any_size(number: int) -> int | Decimal:
    """The same number, as a decimal where it does not fit 64 bits: decimals are written at any size."""
    return number if _SMALLEST <= number <= _LARGEST else Decimal(number)


def difference(left: int | Decimal, right: int | Decimal) -> int | Decimal:
    """`left` without `right`, every digit of it."""
    if isinstance(left, int) and isinstance(right, int):
        return of_any_size(left - right)
    return _EXACT.subtract(left, right)


def places(value: Decimal) -> int:
    """Decimal places of a finite number, without zeros at the end."""
    _, digits, exponent = value.as_tuple()
    # Not by `normalize`, which rounds to 28 digits.
    significant = "".join(map(str, digits)).rstrip("0")
    trailing_zeros = len(digits) - len(significant)
    return max(0, -(int(exponent) + trailing_zeros)) if significant else 0
