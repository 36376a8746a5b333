"""What a time as it was written means."""

from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.errors import UnreadableTime
from shared.domain.times import day_in, end_of, format_instant, instant, is_time_zone, start_of

HOUR = 3_600_000_000
ZONES = (
    "UTC",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Havana",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
)
dates = st.dates(datetime(1900, 1, 1, tzinfo=UTC).date(), datetime(2100, 1, 1, tzinfo=UTC).date())


def at(*parts: int) -> int:
    return instant(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("day", "zone", "starts", "hours"),
    [
        ("2020-06-01", "UTC", at(2020, 6, 1), 24),
        ("2020-06-01", "America/New_York", at(2020, 6, 1, 4), 24),
        ("2020-01-01", "America/New_York", at(2020, 1, 1, 5), 24),
        ("2020-03-08", "America/New_York", at(2020, 3, 8, 5), 23),
        ("2020-11-01", "America/New_York", at(2020, 11, 1, 4), 25),
        # Clocks went from midnight to one: the day begins at one.
        ("2018-11-04", "America/Sao_Paulo", at(2018, 11, 4, 3), 23),
        # Clocks went from one back to midnight: the day begins at the first of its two midnights.
        ("2020-11-01", "America/Havana", at(2020, 11, 1, 4), 25),
        ("2020-06-01", "Pacific/Kiritimati", at(2020, 5, 31, 10), 24),
        # The islands crossed the date line and left this day out.
        ("2011-12-30", "Pacific/Apia", at(2011, 12, 30, 10), 0),
    ],
)
def test_a_day_lasts_from_midnight_to_midnight_in_the_zone(
    day: str, zone: str, starts: int, hours: int
) -> None:
    assert start_of(day, zone) == starts
    assert end_of(day, zone) == starts + hours * HOUR - 1


@given(dates, st.sampled_from(ZONES))
def test_every_instant_of_a_day_falls_on_that_day(day: object, zone: str) -> None:
    starts, ends = start_of(str(day), zone), end_of(str(day), zone)

    assert day_in(starts, zone) == day_in(ends, zone) == str(day)
    assert day_in(starts - 1, zone) < str(day) < day_in(ends + 1, zone)


@pytest.mark.parametrize(
    "text",
    [
        "2019-04-22T13:05:00-04:00",
        "2019-04-22T17:05:00Z",
        "2019-04-22T17:05:00.000000+00:00",
        "2019-04-22T22:35:00+05:30",
    ],
)
def test_an_instant_is_itself_in_every_zone_and_both_as_a_start_and_as_an_end(text: str) -> None:
    for zone in ZONES:
        assert start_of(text, zone) == end_of(text, zone) == at(2019, 4, 22, 17, 5)


@given(st.integers(at(1000, 1, 1), at(9990, 1, 1)))
def test_an_instant_survives_being_written_to_the_microsecond(moment: int) -> None:
    assert start_of(format_instant(moment), "UTC") == moment


def test_an_instant_before_the_year_1000_survives_being_written() -> None:
    assert format_instant(at(500, 1, 1)) == "0500-01-01T00:00:00.000000Z"


@given(st.lists(st.integers(-(10**15), 10**16), min_size=2))
def test_instants_sort_as_text_as_they_do_in_time(instants: list[int]) -> None:
    texts = [format_instant(one) for one in sorted(instants)]

    assert all(earlier <= later for earlier, later in pairwise(texts))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2019-4-22",
        "2019-02-29",
        "2019-W17-1",
        "20190422",
        "2019-04-22T13:05:00",
        "2019-04-22T25:00:00Z",
        "2019-04-22T13:05:00-25:00",
        "0001-01-01",
        "9999-12-31",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "٢٠١٩-٠٤-٢٢",
    ],
)
def test_what_is_neither_a_day_nor_an_instant_is_refused_with_its_field_and_value(text: str) -> None:
    with pytest.raises(UnreadableTime) as start:
        start_of(text, "UTC", "announced_at")
    with pytest.raises(UnreadableTime) as end:
        end_of(text, "UTC", "announced_at")

    assert (
        (start.value.field, start.value.value) == (end.value.field, end.value.value) == ("announced_at", text)
    )
    assert text in start.value.detail
    assert "2019-04-22" in start.value.way_out


almost_times = st.from_regex(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([+-]\d{2}:\d{2}|Z)?)?")
unicode = st.text(st.characters(), max_size=40)


@given(unicode | almost_times, st.sampled_from(ZONES))
@example("2019-04-2\ud800", "UTC")
@example("2019-04-22T13:05:00\ud800", "UTC")
@example("2019-04-22\x00", "UTC")
def test_any_text_is_read_or_refused_as_unreadable(text: str, zone: str) -> None:
    for read in (start_of, end_of):
        with suppress(UnreadableTime):
            assert isinstance(read(text, zone), int)


@pytest.mark.parametrize(
    ("name", "is_known"),
    [
        ("America/New_York", True),
        ("UTC", True),
        ("", False),
        ("Mars/Olympus", False),
        ("../etc/passwd", False),
    ],
)
def test_a_time_zone_is_a_name_of_the_iana_database(name: str, is_known: bool) -> None:
    assert is_time_zone(name) is is_known
