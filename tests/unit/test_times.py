"""What a time as it was written means."""

from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.errors import UnreadableTime
from shared.domain.times import (
    as_cited,
    as_documented,
    bounds_of,
    day_in,
    end_of,
    format_instant,
    instant,
    is_certain,
    is_time_zone,
    start_of,
)

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
        "0001",
        "9999-01",
        "0000",
        "201",
        "2015-13",
        "2015-1",
        "2015-12-17~?",
        "~2015-12-17",
        "2015?-12-17",
        "2015-12-17T10:00:00Z~",
        # EDTF that is not understood: seasons, intervals, unspecified digits, negative and long years.
        "2015-21",
        "2015/2016",
        "2015-12/2016-01",
        "2015-12-17/..",
        "201X",
        "2015-1X",
        "2015-12-XX",
        "-2015",
        "Y17000002015",
        "12015",
        # Python reads these as instants, with the sign between day and time.
        "2015-12-17/2016-01",
        "20151217/2016-01",
        "2015-W51/2016-01",
        "2015-12-17~10:00Z",
        "2015-12-17?10:00:00+01:00",
        "2015-12-17%10Z",
    ],
)
def test_what_is_neither_a_date_nor_an_instant_is_refused_with_its_field_and_value(text: str) -> None:
    with pytest.raises(UnreadableTime) as start:
        start_of(text, "UTC", "announced_at")
    with pytest.raises(UnreadableTime) as end:
        end_of(text, "UTC", "announced_at")

    assert (
        (start.value.field, start.value.value) == (end.value.field, end.value.value) == ("announced_at", text)
    )
    assert text in start.value.detail
    for form in ("(2019-04-22)", "(2019-04)", "(2019)", "2019-04-22T13:05:00-04:00", "~", "?", "%"):
        assert form in start.value.way_out
        assert form in end.value.way_out


@pytest.mark.parametrize(
    ("text", "zone", "starts", "ends"),
    [
        ("2015-12", "UTC", at(2015, 12, 1), at(2016, 1, 1)),
        ("2015-12", "America/New_York", at(2015, 12, 1, 5), at(2016, 1, 1, 5)),
        ("2016-02", "UTC", at(2016, 2, 1), at(2016, 3, 1)),
        # Summer time begins within the month.
        ("2020-03", "America/New_York", at(2020, 3, 1, 5), at(2020, 4, 1, 4)),
        ("2015", "UTC", at(2015, 1, 1), at(2016, 1, 1)),
        ("2015", "Asia/Kolkata", at(2014, 12, 31, 18, 30), at(2015, 12, 31, 18, 30)),
        ("0002", "UTC", at(2, 1, 1), at(3, 1, 1)),
        ("9998-12", "UTC", at(9998, 12, 1), at(9999, 1, 1)),
    ],
)
def test_a_month_or_year_counts_from_its_start_and_a_question_about_it_means_its_end(
    text: str, zone: str, starts: int, ends: int
) -> None:
    assert start_of(text, zone) == starts
    assert end_of(text, zone) == ends - 1


@pytest.mark.parametrize("date", ["2015-12-17", "2015-12", "2015"])
@pytest.mark.parametrize("qualifier", ["~", "?", "%"])
def test_a_qualifier_does_not_move_the_start(date: str, qualifier: str) -> None:
    for zone in ZONES:
        assert start_of(date + qualifier, zone) == start_of(date, zone)


@pytest.mark.parametrize("text", ["2015-12-17~", "2015-12?", "2015%"])
def test_a_question_is_not_uncertain(text: str) -> None:
    with pytest.raises(UnreadableTime) as refusal:
        end_of(text, "UTC", "valid_at")

    assert (refusal.value.field, refusal.value.value) == ("valid_at", text)
    assert f"ask about {text[:-1]}," in refusal.value.way_out


@pytest.mark.parametrize("text", ["2015-12-17", "2015-12-17T23:30:00-05:00"])
def test_a_day_and_an_instant_are_certain(text: str) -> None:
    for zone in ZONES:
        assert bounds_of(text, zone) == (start_of(text, zone), start_of(text, zone))
    assert is_certain(text)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2015-12", "2015-12-01", "2015-12-31"),
        ("2016-02", "2016-02-01", "2016-02-29"),
        ("2015", "2015-01-01", "2015-12-31"),
        ("2015-12-17~", "2015-12-10", "2015-12-24"),
        ("2016-01-01?", "2015-12-25", "2016-01-08"),
        ("2015-12-17%", "2015-12-10", "2015-12-24"),
        ("2015-12~", "2015-11-01", "2016-01-31"),
        ("2016-01?", "2015-12-01", "2016-02-29"),
        ("2015-12%", "2015-11-01", "2016-01-31"),
        ("2015~", "2014-01-01", "2016-12-31"),
        ("2015?", "2014-01-01", "2016-12-31"),
        ("2015%", "2014-01-01", "2016-12-31"),
        # Cut where the calendar ends.
        ("0002-01-03~", "0002-01-01", "0002-01-10"),
        ("0002-01~", "0002-01-01", "0002-02-28"),
        ("0002~", "0002-01-01", "0003-12-31"),
        ("9998-12-30~", "9998-12-23", "9998-12-31"),
        ("9998-12~", "9998-11-01", "9998-12-31"),
        ("9998~", "9997-01-01", "9998-12-31"),
    ],
)
def test_an_uncertain_date_is_bounded_by_the_starts_of_a_first_and_a_last_day(
    text: str, first: str, last: str
) -> None:
    for zone in ZONES:
        assert bounds_of(text, zone) == (start_of(first, zone), start_of(last, zone))
    assert not is_certain(text)


@given(
    st.builds(
        lambda day, length, qualifier: str(day)[:length] + qualifier,
        dates,
        st.sampled_from((4, 7, 10)),
        st.sampled_from(("", "~", "?", "%")),
    ),
    st.sampled_from(ZONES),
)
def test_a_date_counts_from_within_its_bounds_which_are_a_point_where_it_is_certain(
    text: str, zone: str
) -> None:
    earliest, latest = bounds_of(text, zone)

    assert earliest <= start_of(text, zone) <= latest
    assert (earliest == latest) is is_certain(text)


def test_bounds_of_what_cannot_be_read_are_refused_with_field_and_value() -> None:
    with pytest.raises(UnreadableTime) as refusal:
        bounds_of("201X", "UTC", "announced_at")

    assert (refusal.value.field, refusal.value.value) == ("announced_at", "201X")


almost_times = st.from_regex(r"\d{4}(-\d{2}(-\d{2})?)?[~?%]?") | st.from_regex(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([+-]\d{2}:\d{2}|Z)?)?"
)
unicode = st.text(st.characters(), max_size=40)


@given(unicode | almost_times, st.sampled_from(ZONES))
@example("2019-04-2\ud800", "UTC")
@example("2019-04-22T13:05:00\ud800", "UTC")
@example("2019-04-22\x00", "UTC")
def test_any_text_is_read_or_refused_as_unreadable(text: str, zone: str) -> None:
    for read in (start_of, end_of):
        with suppress(UnreadableTime):
            assert isinstance(read(text, zone), int)
    with suppress(UnreadableTime):
        earliest, latest = bounds_of(text, zone)
        assert earliest <= start_of(text, zone) <= latest
        assert (earliest == latest) >= is_certain(text)


@pytest.mark.parametrize(
    ("name", "is_known"),
    [
        ("America/New_York", True),
        ("UTC", True),
        ("", False),
        ("Mars/Olympus", False),
        ("../etc/passwd", False),
        ("/usr/share/zoneinfo/UTC", False),
        ("localtime", False),
        ("posixrules", False),
        ("Factory", False),
        ("right/UTC", False),
        ("posix/UTC", False),
        ("tzdata.zi", False),
        ("utc", False),
    ],
)
def test_a_time_zone_is_a_name_of_the_iana_database(name: str, is_known: bool) -> None:
    assert is_time_zone(name) is is_known


# Recorded once, each with the instant that it has meant since.
ODD = [
    ("20190422T130500Z", at(2019, 4, 22, 13, 5)),
    ("2019-W17-1T13:05:00Z", at(2019, 4, 22, 13, 5)),
    ("2019W171T130500Z", at(2019, 4, 22, 13, 5)),
    ("2019-04-22 13:05:00Z", at(2019, 4, 22, 13, 5)),
    ("2019-04-22t13:05:00Z", at(2019, 4, 22, 13, 5)),
    ("2019-04-22\u202e13:05:00Z", at(2019, 4, 22, 13, 5)),
    ("2019-04-22T13:05:00.1234567899Z", at(2019, 4, 22, 13, 5, 0, 123456)),
    ("2019-04-22T13:05:00,5Z", at(2019, 4, 22, 13, 5, 0, 500000)),
    ("2019-04-22T13:05Z", at(2019, 4, 22, 13, 5)),
    ("2019-04-22T13Z", at(2019, 4, 22, 13)),
    ("2019-04-22T13:05:00+0100", at(2019, 4, 22, 12, 5)),
    ("2019-04-22T13:05:00+01", at(2019, 4, 22, 12, 5)),
    ("2019-04-22T13:05:00+01:00:30", at(2019, 4, 22, 12, 4, 30)),
]

CITED_ONCE = [text for text, _ in ODD if text.isascii()]


@pytest.mark.parametrize(("text", "means"), ODD)
def test_an_instant_in_another_form_is_refused_at_the_door_and_reads_as_ever_where_it_is_stored(
    text: str, means: int
) -> None:
    with pytest.raises(UnreadableTime) as refusal:
        as_documented(text, "announced_at")

    assert (refusal.value.field, refusal.value.value) == ("announced_at", text)
    assert start_of(text, "America/New_York") == end_of(text, "America/New_York") == means


@pytest.mark.parametrize(
    "text",
    [
        "2019",
        "2019-04",
        "2019-04-22",
        "2019-04-22~",
        "2019-04-22T13:05:00Z",
        "2019-04-22T13:05:00.123456-04:00",
        "2019-04-22T13:05:00.1+05:30",
    ],
)
def test_what_is_documented_passes_the_door(text: str) -> None:
    as_documented(text, "announced_at")


def test_an_instant_without_an_offset_is_told_what_it_lacks() -> None:
    with pytest.raises(UnreadableTime, match="needs its offset"):
        as_documented("2019-04-22T13:05:00", "announced_at")


@given(st.integers(at(2, 1, 1), at(9998, 1, 1)))
def test_what_answers_give_as_an_instant_may_be_asked_with(moment: int) -> None:
    as_documented(format_instant(moment), "valid_at")


@pytest.mark.parametrize(
    "text", ["2019", "2019-04", "2019-04-22", "2019-04-22T13:05:00.5-04:00", *CITED_ONCE]
)
def test_a_time_may_be_cited_in_the_documented_forms_and_in_those_of_earlier_releases(text: str) -> None:
    as_cited(text, "valid_at")


@pytest.mark.parametrize(
    "between", ["\ufffd", "\0", "\n", "\u202e", "\xa0", "X", "_", "-", "+", "T ", "\uff34"]
)
def test_a_time_is_not_cited_with_anything_else_between_day_and_time(between: str) -> None:
    with pytest.raises(UnreadableTime) as refused:
        as_cited(f"2019-04-22{between}13:05:00+00:00", "valid_at")
    assert refused.value.field == "valid_at"


@pytest.mark.parametrize(
    "text",
    ["2019-04-22T13:05:00Z\n", "2019-04-22\n", "\u0662019-04-22T13:05:00Z", "2019-04-22T13:05:00\u0661Z", ""],
)
def test_a_time_is_cited_in_plain_characters_and_whole(text: str) -> None:
    with pytest.raises(UnreadableTime):
        as_cited(text, "valid_at")
