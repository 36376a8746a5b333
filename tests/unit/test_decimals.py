"""Decimals from outside: what they may be, and that an absurd exponent costs nothing."""

import re
from decimal import Decimal

import orjson
import pytest
from pydantic import TypeAdapter, ValidationError

from services.api.answers.documents import encode
from services.api.answers.questions import AllChangesQuestion
from services.api.answers.views import policy as view
from services.webhooks.hooks import Asked, Wanted
from shared.domain.decimals import (
    MOST_PLACES,
    MOST_WHOLE_DIGITS,
    bounded,
    decimal_of,
    difference,
    fit_64_bits,
    of_any_size,
)
from shared.domain.errors import Invalid
from shared.domain.policy_texts import made_up, read_policies
from standings.client.exact import Exact, number

# An exponent of three million: were it written out anywhere, it would be seen, and hurt nobody.
ABSURD = ["1e-3000000", "1e3000000", "-1e3000000", "NaN", "-NaN", "sNaN", "Infinity", "-Infinity"]


def test_the_most_digits_on_either_side_of_the_point_are_taken_and_one_more_is_not() -> None:
    whole, places = "9" * MOST_WHOLE_DIGITS, "9" * MOST_PLACES

    assert str(bounded(Decimal(f"-{whole}.{places}"))) == f"-{whole}.{places}"
    assert str(bounded(Decimal(f"{whole}.{places}{'0' * 30}"))) == f"{whole}.{places}{'0' * 30}"
    for more in (f"{whole}9", f"1e{MOST_WHOLE_DIGITS}", f"0.{places}9", f"1e-{MOST_PLACES + 1}"):
        with pytest.raises(ValueError, match="digits"):
            bounded(Decimal(more))


@pytest.mark.parametrize("said", ABSURD)
def test_a_number_that_is_absurd_is_not_taken(said: str) -> None:
    with pytest.raises(ValueError, match=r"digits|finite"):
        bounded(Decimal(said))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("1" + "0" * 40, "it has more than 40 characters, which are too many digits"),
        ("1_000", "it is not written in plain digits"),
        ("\u0661", "it is not written in plain digits"),
        ("ten", "it is not a number, or has too many digits"),
        ("inf", "it is not a finite number"),
        ("1" + "0" * 16, "it has more than 16 digits before the point, or more than 12 after it"),
    ],
)
def test_what_is_wrong_with_a_number_is_said(said: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        decimal_of(said)


def test_a_number_may_have_forty_characters() -> None:
    assert decimal_of("0" * 39 + "7") == 7


@pytest.mark.parametrize(
    ("said", "read"),
    [("0e3000000", "0"), ("-0e-3000000", "-0"), ("0.00", "0.00"), ("-0", "-0"), ("1e2", "1E+2")],
)
def test_a_zero_is_a_zero_and_what_is_sane_stays_as_it_is_written(said: str, read: str) -> None:
    assert str(bounded(Decimal(said))) == read


@pytest.mark.parametrize(
    "said",
    [*ABSURD, "-1", "1e16", "1e-13", "0." + "1" * 39, "1_0", "١", "", "1e99999999999999999999", "9" * 5000],  # noqa: RUF001
)
def test_a_question_and_a_webhook_refuse_an_absurd_min_delta_by_its_name(said: str) -> None:
    for model in (AllChangesQuestion, Asked):
        with pytest.raises(ValidationError) as refused:
            TypeAdapter(model).validate_python({"min_delta": said})
        assert refused.value.errors()[0]["loc"] == ("min_delta",)


@pytest.mark.parametrize(
    ("said", "sent"),
    [("0", "0"), ("-0", "0"), ("0.000000000001", "0.000000000001"), ("1e15", f"1{'0' * 15}")],
)
def test_a_min_delta_within_the_bounds_is_taken_and_sent_on(said: str, sent: str) -> None:
    assert Asked.model_validate({"min_delta": said}).parameters() == {"min_delta": sent}
    assert AllChangesQuestion.model_validate({"min_delta": said}).min_delta == Decimal(sent)


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        ("1E-3000000", "0.000000001"),  # any move of a score, as before: scores have nine places
        ("0E-3000000", "0"),
        ("0E+3000000", "0"),
        ("0.1234567891234", "0.123456790"),
        ("2.5", "2.5"),
        ("1000000000000000", "1000000000000000"),
    ],
)
def test_what_was_stored_before_wants_the_same_changes_at_a_bounded_cost(stored: str, sent: str) -> None:
    wanted = Wanted.model_validate_json(orjson.dumps({"min_delta": stored}))

    assert len(wanted.parameters()["min_delta"]) < 40
    assert wanted.parameters() == {"min_delta": sent}


@pytest.mark.parametrize("said", [*ABSURD, "1e999999999", "1e99999999999999999999", "0.0000000001", ""])
def test_weights_that_a_question_makes_up_are_bounded(said: str) -> None:
    with pytest.raises(Invalid) as refused:
        made_up(f"governor:{said}")

    assert refused.value.field == "weights"


def test_a_weight_of_zero_costs_nothing_however_it_is_written() -> None:
    policy = made_up("governor:0e3000000,senator:0e-3000000,mayor:-0")

    assert policy.units("governor", (7, 0)) == 0
    assert orjson.loads(encode(view(policy)))["weights"] == {"governor": 0, "senator": 0, "mayor": 0}
    assert max(len(str(weight)) for weight in policy.weights.values()) <= 2


@pytest.mark.parametrize(
    "said", ["1e999999999", "1e-999999999", "1e99999999999999999999", "0x" + "f" * 5000, "1_000_000_000_001"]
)
@pytest.mark.parametrize(
    "key", ["weights.governor", "member_weights.governor", "default", "available.governor"]
)
def test_a_policy_file_with_an_absurd_number_is_refused_by_its_key(key: str, said: str) -> None:
    text = f'[[policy]]\nid="own"\nversion=1\ntitle="T"\nsource="s"\n{key}={said}\n'
    with pytest.raises(Invalid) as refused:
        read_policies(text)

    assert refused.value.field == f"policy[0].{key}"
    assert len(refused.value.detail) < 200


@pytest.mark.parametrize("key", ["id", "version", "title", "source", "weights", "unknown"])
def test_an_absurd_number_where_something_else_belongs_is_refused_too(key: str) -> None:
    table = {"id": '"own"', "version": "1", "title": '"T"', "source": '"s"', key: "0x" + "f" * 5000}
    with pytest.raises(Invalid) as refused:
        read_policies("[[policy]]\n" + "\n".join(f"{name}={value}" for name, value in table.items()))

    assert refused.value.field == f"policy[0].{key}"
    assert len(refused.value.detail) < 200


def test_a_number_of_more_digits_than_python_reads_is_refused() -> None:
    with pytest.raises(Invalid, match="digits"):
        read_policies(f'[[policy]]\nid="own"\nversion={"9" * 5000}\ntitle="T"\nsource="s"')


@pytest.mark.parametrize("said", ["1e3000000", "1e-3000000", "NaN", "1e99999999999999999999"])
def test_the_client_takes_no_absurd_score(said: str) -> None:
    with pytest.raises(ValueError, match=r"digits|finite|valid decimal"):
        TypeAdapter(Exact).validate_python(said)
    with pytest.raises(ValueError, match=r"digits|finite|number"):
        number(said)


def test_the_client_takes_every_score_that_there_can_be() -> None:
    # 2^53 events of 10^12 points, and members beside them.
    largest = Decimal(f"-{'9' * 39}.{'9' * 9}")

    assert TypeAdapter(Exact).validate_python(str(largest)) == largest
    assert number(str(largest)) == largest


@pytest.mark.parametrize("number", [-(2**63), 2**63 - 1])
def test_a_whole_number_that_fits_64_bits_stays_one(number: int) -> None:
    assert fit_64_bits([number, 0])
    assert isinstance(of_any_size(number), int)


@pytest.mark.parametrize("number", [-(2**63) - 1, 2**63, 10**40 + 1])
def test_a_whole_number_beyond_64_bits_is_a_decimal_with_every_digit(number: int) -> None:
    assert not fit_64_bits([0, number])
    assert str(of_any_size(number)) == str(number)


@pytest.mark.parametrize(
    ("left", "right", "differ"),
    [
        (
            Decimal("1234567890244691356902.123456789"),
            Decimal("0.000000001"),
            "1234567890244691356902.123456788",
        ),
        (Decimal(10**39), Decimal("0.000000001"), f"{'9' * 39}.999999999"),
        (Decimal("0.30"), Decimal("0.10"), "0.20"),
        (3, 5, "-2"),
        (2**63 - 1, -1, str(2**63)),
        (Decimal(2**63), 1, str(2**63 - 1)),
    ],
)
def test_a_difference_has_every_digit(left: int | Decimal, right: int | Decimal, differ: str) -> None:
    assert str(difference(left, right)) == differ
    assert encode(difference(left, right)).decode() == differ
