"""Text cells of CSV are text in a spreadsheet too (OWASP, CSV Injection); numbers stay numbers."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest

from services.api.answers.documents import Document
from services.api.answers.formats import write

DANGEROUS = (
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=", "-", "\N{FULLWIDTH EQUALS SIGN}1",
    "\N{FULLWIDTH PLUS SIGN}1", "\N{FULLWIDTH HYPHEN-MINUS}1", "\N{FULLWIDTH COMMERCIAL AT}SUM",
)  # fmt: skip
HARMLESS = (
    "", "a=1", "1-1", " =1", "'=1", "#1", "ann@example.com", '"=1"', "[1,-1]", "2020-01-01", "\N{MINUS SIGN}1",
)  # fmt: skip


def cells(value: Any, raw: bool = False) -> list[str]:
    document = Document({"rows": [{"first": value, "second": "x"}, {"first": "y", "second": value}]}, "rows")
    text = write(document._replace(raw=raw), "csv").decode()
    _, first, second = csv.reader(io.StringIO(text, newline=""))
    return [first[0], second[1]]


@pytest.mark.parametrize("text", DANGEROUS)
def test_text_that_a_spreadsheet_takes_for_a_formula_is_written_behind_a_quote(text: str) -> None:
    assert cells(text) == [f"'{text}"] * 2
    assert cells(text, raw=True) == [text] * 2


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_is_written_as_it_is(text: str) -> None:
    assert cells(text) == cells(text, raw=True) == [text] * 2


@pytest.mark.parametrize("number", [-1, -1.5, Decimal("-0.30"), 10**30, True, None])
def test_what_is_no_text_is_written_as_it_is(number: Any) -> None:
    assert cells(number) == cells(number, raw=True)
    assert not cells(number)[0].startswith("'")


def test_text_of_one_cell_cannot_begin_another() -> None:
    assert cells('a","=1+1') == ['a","=1+1'] * 2
    assert cells('=1+2";=1+2') == ["'" + '=1+2";=1+2'] * 2


def test_only_csv_has_quotes() -> None:
    document = Document({"rows": [{"name": "=1"}]}, "rows")

    assert write(document, "ndjson") == b'{"name":"=1"}\n'
    assert write(document, "json") == b'{"rows":[{"name":"=1"}]}'
