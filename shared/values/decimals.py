"""Decimals as fields of what is asked and told."""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from shared.domain.decimals import bounded, decimal_of

MOST_POINTS = 10**15


def _read(value: object) -> object:
    return decimal_of(value.strip()) if isinstance(value, str) else value


def _unsigned(value: Decimal) -> Decimal:
    return bounded(value).copy_abs()


# By how many points a score has to move; a minus before 0 is dropped.
MinDelta = Annotated[Decimal, Field(ge=0, le=MOST_POINTS), BeforeValidator(_read), AfterValidator(_unsigned)]
