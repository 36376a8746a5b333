"""A snapshot of FiveThirtyEight's table is read into rows, and what cannot be read is named."""

import pytest

from services.cli.importers.fivethirtyeight import CATEGORIES, COLUMNS, known_at_of, read
from services.cli.importers.names import slug
from services.cli.importers.rows import BadRow
from services.cli.importers.snapshot_rows import SnapshotRow
from shared.values.policies import Policies

FIVETHIRTYEIGHT_2020 = Policies().find("fivethirtyeight-2020")

HEADER = ",".join(COLUMNS)
CELLS = {
    "date": "2019-04-22",
    "position": "mayor",
    "city": "San Antonio",
    "state": "TX",
    "endorser": "Ron Nirenberg",
    "endorsee": "Julian Castro",
    "endorser party": "D",
    "source": "https://example.org",
    "order": "6",
    "category": "Mayors",
    "body": "",
    "district": "",
    "points": "3",
}


def table(*rows: dict[str, str]) -> str:
    """The text of a table with these rows, each otherwise as CELLS."""
    lines = (",".join((CELLS | row)[name] for name in COLUMNS) for row in rows)
    return "\n".join((HEADER, *lines)) + "\n"


def only_row(**cells: str) -> SnapshotRow:
    (row,), bad = read(table(cells))
    assert bad == []
    return row


def only_bad(**cells: str) -> BadRow:
    rows, (bad,) = read(table(cells))
    assert rows == []
    return bad


def test_a_row_carries_what_the_table_says() -> None:
    row = only_row()

    assert row == SnapshotRow(
        endorser="Ron Nirenberg",
        position="mayor",
        place="San Antonio, TX",
        party="D",
        endorsee="Julian Castro",
        source="https://example.org",
        category="mayor",
        date="2019-04-22",
        line=2,
    )


@pytest.mark.parametrize("written", ['""', '""""""', "", " "])
def test_a_party_of_two_quote_characters_is_none(written: str) -> None:
    assert only_row(**{"endorser party": written}).party == ""


@pytest.mark.parametrize(
    ("city", "state", "district", "place"),
    [
        ("Philadelphia", "PA", "", "Philadelphia, PA"),
        ("", "PA", "13", "PA-13"),
        ("", "VT", "0", "VT-AL"),
        ("", "PA", "", "PA"),
        ("", "", "", ""),
        ("San Juan", "", "", "San Juan"),
    ],
)
def test_a_place_is_a_city_a_district_or_a_state(city: str, state: str, district: str, place: str) -> None:
    assert only_row(city=city, state=state, district=district).place == place


def test_every_category_is_one_of_the_policy() -> None:
    assert set(CATEGORIES.values()) == set(FIVETHIRTYEIGHT_2020.weights)


def test_who_endorsed_nobody_is_no_row_and_nothing_bad() -> None:
    assert read(table({"endorsee": "", "date": "", "category": "?", "points": ""})) == ([], [])


def test_points_that_were_left_out_contradict_nothing() -> None:
    assert only_row(points="").category == "mayor"


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("date", "", "an endorsement needs its date"),
        ("date", "22.04.2019", "a day is written YYYY-MM-DD"),
        ("date", "2019-02-30", "is not a time"),
        ("endorser", "", "an endorsement needs its endorser"),
        ("category", "Kings", "the categories are Past presidents"),
        ("points", "6", "Mayors count 3 in policy fivethirtyeight-2020"),
        ("points", "many", "Mayors count 3"),
    ],
)
def test_a_bad_cell_is_named_with_its_line_value_and_reason(column: str, value: str, reason: str) -> None:
    bad = only_bad(**{column: value})

    assert (bad.line, bad.column, bad.value) == (2, column, value)
    assert reason in bad.reason


def test_all_that_is_wrong_with_a_row_is_told_and_the_others_are_read() -> None:
    rows, bad = read(table({"date": "?", "category": "?"}, {}))

    assert [(wrong.line, wrong.column) for wrong in bad] == [(2, "date"), (2, "category")]
    assert [row.line for row in rows] == [3]


def test_a_repeated_endorsement_is_bad_and_names_the_first() -> None:
    rows, (bad,) = read(table({}, {"date": "2019-05-01"}))

    assert [row.date for row in rows] == ["2019-04-22"]
    assert bad == BadRow(3, "endorser", "Ron Nirenberg", "this repeats line 2")


def test_a_wrong_header_is_named_column_by_column() -> None:
    rows, bad = read(table({}).replace("endorser party", "party").replace(",order,", ",body,"))

    assert rows == []
    assert {(wrong.line, wrong.column) for wrong in bad} == {
        (1, "endorser party"),
        (1, "party"),
        (1, "order"),
        (1, "body"),
    }


def test_an_empty_file_is_bad() -> None:
    assert read("") == ([], [BadRow(1, "", "", "the file is empty")])


def test_too_few_cells_are_bad() -> None:
    rows, (bad,) = read(f"{HEADER}\n2019-04-22,mayor\n")

    assert rows == []
    assert bad == BadRow(2, "", "2019-04-22,mayor", "2 cells stand under 13 columns")


def test_a_quote_that_never_ends_is_bad_on_the_line_where_it_begins() -> None:
    rows, (bad,) = read(table({}, {"endorser": '"Ron'}, {}))

    assert len(rows) == 1
    assert bad.line == 3
    assert "not CSV" in bad.reason


def test_lines_are_counted_through_quoted_line_ends_and_a_byte_order_mark() -> None:
    rows, _ = read(
        "\ufeff" + table({"position": '"mayor\nof all"'}, {"endorser": "Bo Li"}).replace("\n", "\r\n")
    )

    assert [row.line for row in rows] == [2, 4]


@pytest.mark.parametrize(
    ("filename", "day"),
    [
        ("fivethirtyeight-2020_as-of-2019-03-08.csv", "2019-03-08"),
        ("tables/x_as-of-2020-04-01.csv", "2020-04-01"),
        ("x_as-of-2020-02-30.csv", None),
        ("endorsements.csv", None),
    ],
)
def test_a_file_name_tells_when_its_content_was_known(filename: str, day: str | None) -> None:
    assert known_at_of(filename) == day


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("Beto O'Rourke", "beto-orourke"),
        ("Beto O\u2019Rourke", "beto-orourke"),
        ("Nanette Diaz Barragán", "nanette-diaz-barragan"),
        ('Jesus "Chuy" Garcia', "jesus-chuy-garcia"),
        ("Donald Payne Jr.", "donald-payne-jr"),
        ("", ""),
    ],
)
def test_a_slug_keeps_letters_and_digits(name: str, made: str) -> None:
    assert slug(name) == made


def test_names_that_would_be_empty_or_too_long_stay_apart() -> None:
    assert slug("李明") != slug("王芳")
    assert slug("a" * 99) != slug("a" * 98)
    assert len(slug("a" * 99)) == 60
