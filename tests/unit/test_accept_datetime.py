"""The date in Accept-Datetime, as RFC 9110 writes dates: a year has four digits, also an early one."""

import pytest

from services.api.web.replies import accepted_instant
from shared.domain.errors import Invalid
from shared.domain.times import format_instant


@pytest.mark.parametrize(
    ("date", "means"),
    [
        ("Thu, 31 May 2007 20:35:00 GMT", "2007-05-31T20:35:00"),
        ("Mon, 01 Jan 0001 00:00:00 GMT", "0001-01-01T00:00:00"),
        ("Thu, 31 Dec 0099 23:59:59 GMT", "0099-12-31T23:59:59"),
        ("Wed, 29 Feb 0096 00:00:00 GMT", "0096-02-29T00:00:00"),
        ("Fri, 01 Jan 0100 00:00:00 GMT", "0100-01-01T00:00:00"),
        # The two forms of earlier times that RFC 9110 has recipients take.
        ("Sunday, 06-Nov-94 08:49:37 GMT", "1994-11-06T08:49:37"),
        ("Sun, 06 Nov 94 08:49:37 GMT", "1994-11-06T08:49:37"),
    ],
)
def test_a_date_is_the_end_of_its_second_in_the_year_that_is_written(date: str, means: str) -> None:
    assert format_instant(accepted_instant(date.encode())) == f"{means}.999999Z"


@pytest.mark.parametrize(
    "date", ["yesterday", "", "Mon, 01 Jan 0000 00:00:00 GMT", "Thu, 29 Feb 0097 00:00:00 GMT", "\xff"]
)
def test_what_is_no_date_is_refused(date: str) -> None:
    with pytest.raises(Invalid) as refused:
        accepted_instant(date.encode("latin-1"))
    assert refused.value.field == "Accept-Datetime"
