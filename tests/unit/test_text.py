"""Which characters are refused at the door, and that every value can be told."""

from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.domain.errors import Invalid
from shared.http.problems import problem_of, written
from shared.values import text

HALF = "\ud800"


@pytest.mark.parametrize(
    "taken",
    [
        "",
        "Žofie Nováková",
        "عمر",
        "🗳️",
        "a\u00a0b",
        "\u200fعمر\u200e",
        "Jr.\u2011Sr.",
        "e\u0301",
        "👩\u200d👧",
    ],
)
def test_what_people_write_is_taken(taken: str) -> None:
    assert text.unfit_in_line(taken) == text.unfit_in_lines(taken) == ""


@pytest.mark.parametrize(
    ("refused", "named"),
    [
        ("a\x00", "U+0000 (a control character) is refused, and stands at character 2"),
        ("\x7f", "U+007F (a control character)"),
        ("\x85", "U+0085 (a control character)"),
        ("ab\u202e", "U+202E (right-to-left override) is refused, and stands at character 3"),
        ("\u2069", "U+2069 (pop directional isolate)"),
        (HALF, "U+D800 (half of a character)"),
    ],
)
def test_what_is_no_text_or_turns_it_is_refused_and_named(refused: str, named: str) -> None:
    assert text.unfit_in_line(refused).startswith(named)
    assert text.unfit_in_lines(refused).startswith(named)


@pytest.mark.parametrize("between", ["\n", "\r\n", "\t", "\u2028"])
def test_line_ends_and_tabs_are_taken_where_a_text_has_lines(between: str) -> None:
    assert text.unfit_in_lines(f"one{between}two") == ""
    assert text.unfit_in_line(f"one{between}two") != ""


def test_the_types_of_models_refuse_the_same() -> None:
    for kind, value in ((text.Line, "a\nb"), (text.Lines, "a\x00b"), (text.Parameter, "a\ufffd")):
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(value)
    assert TypeAdapter(text.Lines).validate_python("a\nb") == "a\nb"


odd: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**30)
    | st.floats()
    | st.decimals()
    | st.binary()
    | st.text(st.characters()),
    lambda parts: st.lists(parts) | st.dictionaries(st.text(st.characters()) | st.integers(), parts),
    max_leaves=20,
)


@given(odd, st.text(st.characters()))
def test_a_problem_can_be_written_whatever_it_is_about(value: Any, said: str) -> None:
    refusal = Invalid(said, value, f"{said}: no", said, candidates=[value], about={said: value})

    problem = orjson.loads(written(problem_of(refusal)))

    assert problem["status"] == 422
    assert problem["field"].isprintable()
    assert problem["detail"].isprintable()


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


# pytest cannot name parameters such as these.
TOLD: list[tuple[Any, Any]] = [
    (2**64 - 1, 2**64 - 1),
    (2**64, str(2**64)),
    (-(2**63), -(2**63)),
    (-(2**63) - 1, str(-(2**63) - 1)),
    (10**300, "1" + 199 * "0" + "…"),
    (10**5000, "an integer of 16610 bits"),
    (float("nan"), "nan"),
    (float("inf"), "inf"),
    (Decimal("1E-300000000"), "1E-300000000"),
    ("a" + HALF, "a\\ud800"),
    ({HALF: 1}, "{'\\ud800': 1}"),
    ("x" * 10**6, "x" * 200),
]


def test_a_value_is_told_as_it_is_or_as_it_reads() -> None:
    for value, told in TOLD:
        assert orjson.loads(written({"value": text.shown(value)})) == {"value": told}


def test_a_value_of_any_depth_or_length_is_told_shortly() -> None:
    for value in (nested(100_000), {"k" * 10**6: 1}, ["x" * 10**6] * 1000, HALF * 10**6):
        problem = problem_of(Invalid("f" * 10**6, value, "d" * 10**6, "w" * 10**6, more=value))
        problem.pop("more")
        assert len(written(problem)) < 4000
        written(problem_of(Invalid("field", value, "", "", more=value)))


def test_a_sentence_stays_one_line() -> None:
    assert text.sentence("a\nERROR b\u202ec\x1b[2J") == "a\\nERROR b\\u202ec\\x1b[2J"
