"""What an endorsement is worth under the built-in policies and under one's own."""

from decimal import Decimal
from typing import Any

import pytest

from shared.domain.errors import Invalid, UnknownPolicy
from shared.domain.policies import Policy, scores
from shared.domain.policy_texts import MOST_DOTS_A_LINE, made_up, read_policies
from shared.storage.policy_store import digest_of
from shared.values.policies import BUILT_IN, Policies

FIVETHIRTYEIGHT_2016 = Policies().find("fivethirtyeight-2016")
FIVETHIRTYEIGHT_2020 = Policies().find("fivethirtyeight-2020")
FIVETHIRTYEIGHT_2024 = Policies().find("fivethirtyeight-2024")
HEADCOUNT = Policies().find("headcount")
UNION_MEMBERS = Policies().find("union-members")

OWN = {"id": '"own"', "version": "1", "title": '"Own"', "source": '"us"'}


def toml(**keys: str | None) -> str:
    """One policy, with these keys in place of sensible ones; None leaves a key out."""
    lines = [f"{key} = {value}" for key, value in {**OWN, **keys}.items() if value is not None]
    return "\n".join(["[[policy]]", *lines])


def test_in_2016_a_governor_counts_ten_a_senator_five_and_a_representative_one() -> None:
    assert FIVETHIRTYEIGHT_2016.weights == {"governor": 10, "senator": 5, "representative": 1}
    assert FIVETHIRTYEIGHT_2016.units("mayor", (1, 0)) == 0


def test_in_2020_twelve_categories_count() -> None:
    assert FIVETHIRTYEIGHT_2020.weights == {
        "past-president": 10,
        "party-leader": 10,
        "governor": 8,
        "senator": 6,
        "past-nominee": 5,
        "former-party-leader": 5,
        "former-candidate": 5,
        "representative": 3,
        "mayor": 3,
        "statewide-officeholder": 2,
        "state-legislative-leader": 2,
        "dnc-member": 1,
    }


def test_2024_is_2020_without_members_of_the_national_committee() -> None:
    without = {name: points for name, points in FIVETHIRTYEIGHT_2020.weights.items() if name != "dnc-member"}

    assert without == FIVETHIRTYEIGHT_2024.weights
    assert len(without) == 11


def test_a_head_count_is_one_for_each_whoever_it_is() -> None:
    totals = {("ann", "governor"): (2, 0), ("ann", "anybody"): (3, 500), ("bob", "labor-union"): (1, 9)}

    assert scores(HEADCOUNT, totals) == {"ann": 5, "bob": 1}


def test_union_members_are_summed_over_labor_unions_only() -> None:
    totals = {("ann", "labor-union"): (2, 700_000), ("ann", "club"): (1, 5), ("bob", "governor"): (4, 3)}

    assert scores(UNION_MEMBERS, totals) == {"ann": 700_000, "bob": 0}


def test_every_built_in_policy_says_where_it_comes_from_under_an_id_of_its_own() -> None:
    assert len({policy.id for policy in BUILT_IN}) == len(BUILT_IN) == 5
    assert all(policy.title and policy.source and policy.version >= 1 for policy in BUILT_IN)


def test_points_are_whole_where_the_weights_are_and_decimals_otherwise() -> None:
    whole = Policy("w", 1, "W", "test", {"governor": Decimal("2.00")})
    fine = Policy("f", 1, "F", "test", {"governor": Decimal("0.1"), "senator": Decimal("0.25")})

    assert whole.places == 0
    assert isinstance(whole.points(whole.units("governor", (3, 0))), int)
    assert fine.places == 2
    assert str(fine.points(fine.units("governor", (3, 0)))) == "0.30"


def test_own_policies_are_read_with_their_decimals_exact() -> None:
    text = toml(
        weights='{ governor = 0.1, senator = -2, "us.house" = 1e2 }',
        default="0.000000001",
        member_weights="{ labor-union = 0.001 }",
    )

    assert read_policies(text) == [
        Policy(
            "own",
            1,
            "Own",
            "us",
            {"governor": Decimal("0.1"), "senator": Decimal(-2), "us.house": Decimal(100)},
            Decimal("0.000000001"),
            {"labor-union": Decimal("0.001")},
        )
    ]


def test_a_policy_needs_no_weights_and_a_document_no_policies() -> None:
    assert read_policies(toml())[0].units("governor", (1, 1)) == 0
    assert read_policies("") == []


@pytest.mark.parametrize("text", ["nonsense", "a = [", "1"])
def test_a_file_that_is_no_toml_is_to_be_mended(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_policies(text)

    assert refused.value.detail.startswith("the policies are not TOML: ")
    assert (refused.value.field, refused.value.value, refused.value.way_out) == (
        "policies",
        "",
        "mend the file",
    )


def test_lines_are_measured_one_by_one() -> None:
    dotted = "a." * (MOST_DOTS_A_LINE // 2)

    with pytest.raises(Invalid, match="has no key"):
        read_policies(f"{dotted}a = 1\n{dotted}b = 2\n")
    with pytest.raises(Invalid, match="more than 500 dots"):
        read_policies(f"x = 1\n{dotted} . {dotted}.b = 2\n")


def test_the_largest_version_and_every_number_of_endorsers_are_taken() -> None:
    (policy,) = read_policies(
        toml(version=f"{2**53}", available="{ governor = 0, mayor = 1_000_000_000_000 }")
    )

    assert policy.version == 2**53
    assert policy.available == {"governor": 0, "mayor": 10**12}


def test_a_question_makes_up_a_policy() -> None:
    assert made_up("governor:10,labor-union/member:0.001,default:1,mayor:-2") == Policy(
        "weights",
        1,
        "Weights made up in the question",
        "governor:10,labor-union/member:0.001,default:1,mayor:-2",
        {"governor": Decimal(10), "mayor": Decimal(-2)},
        Decimal(1),
        {"labor-union": Decimal("0.001")},
    )
    assert made_up("governor:1").default == 0


def test_the_largest_and_the_finest_weights_are_taken() -> None:
    (policy,) = read_policies(toml(weights="{ governor = 1_000_000_000_000, senator = -0.999999999 }"))

    assert policy.places == 9
    assert policy.points(policy.units("governor", (1, 0))) == 10**12


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"id": None}, "policy[0].id"),
        ({"id": '"Own"'}, "policy[0].id"),
        ({"id": '"own\\n"'}, "policy[0].id"),
        ({"id": f'"{"o" * 121}"'}, "policy[0].id"),
        ({"id": "7"}, "policy[0].id"),
        ({"version": None}, "policy[0].version"),
        ({"version": "0"}, "policy[0].version"),
        ({"version": "true"}, "policy[0].version"),
        ({"version": "1.0"}, "policy[0].version"),
        ({"title": None}, "policy[0].title"),
        ({"title": '" "'}, "policy[0].title"),
        ({"source": None}, "policy[0].source"),
        ({"source": "[]"}, "policy[0].source"),
        ({"weights": "7"}, "policy[0].weights"),
        ({"weights": "{ Governor = 1 }"}, "policy[0].weights.Governor"),
        ({"weights": '{ governor = "1" }'}, "policy[0].weights.governor"),
        ({"weights": "{ governor = true }"}, "policy[0].weights.governor"),
        ({"weights": "{ governor = nan }"}, "policy[0].weights.governor"),
        ({"weights": "{ governor = -inf }"}, "policy[0].weights.governor"),
        ({"weights": "{ governor = 2020-01-01 }"}, "policy[0].weights.governor"),
        ({"weights": "{ governor = 1_000_000_000_001 }"}, "policy[0].weights.governor"),
        ({"weights": "{ governor = 0.0000000001 }"}, "policy[0].weights.governor"),
        ({"default": '"1"'}, "policy[0].default"),
        ({"member_weights": "[1]"}, "policy[0].member_weights"),
        ({"member_weights": "{ labor-union = [] }"}, "policy[0].member_weights.labor-union"),
        ({"wieghts": "{}"}, "policy[0].wieghts"),
        ({"weights": "{ governor = 1.0000000000000000000000000000001 }"}, "policy[0].weights.governor"),
    ],
)
def test_what_is_wrong_with_a_policy_is_refused_by_its_key(keys: dict[str, str | None], named: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_policies(toml(**keys))

    assert refused.value.field == named
    assert refused.value.way_out


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[[policy]", "policies"),
        ("polices = 1", "policies.polices"),
        ("[policy]\nid = 'own'", "policy"),
        ("policy = [1]", "policy"),
        (toml(id='"headcount"'), "id"),
        (toml() + "\n" + toml(), "id"),
        (toml() + "\n" + toml(id='"two"', version="0"), "policy[1].version"),
    ],
)
def test_what_is_wrong_with_a_document_is_refused_by_its_key(text: str, named: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_policies(text, taken=[one.id for one in Policies()])

    assert refused.value.field == named


def test_a_deployment_answers_with_the_built_in_policies_and_its_own() -> None:
    own = read_policies(toml())

    policies = Policies(own)

    assert list(policies) == [*BUILT_IN, *own]
    assert policies.find("own") == own[0]
    assert policies.find("headcount") is HEADCOUNT


def test_an_unknown_policy_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownPolicy) as refused:
        Policies().find("own")

    assert (refused.value.field, refused.value.value) == ("policy", "own")
    assert all(policy.id in refused.value.way_out for policy in BUILT_IN)


def test_points_are_exact_for_the_largest_weights_and_memberships() -> None:
    weight: dict[str, Any] = {"labor-union": Decimal("123456789012.123456789")}
    policy = Policy("own", 1, "Own", "test", {}, member_weights=weight)

    points = policy.points(policy.units("labor-union", (1, 999_999_999_999)))

    assert str(points) == "123456789011999999999987.876543211"


# What was cited under a policy stays the same: one that changes gets the next version, and another line here.
SERVED = {
    "fivethirtyeight-2016@1": "0370b375efa29031cb455daae405efcb",
    "fivethirtyeight-2020@1": "ed3f768d5fb4895617117d86a2043da5",
    "fivethirtyeight-2024@1": "2a8b47469252a1b65b77034df3da379b",
    "headcount@1": "4f1c7dcfbe89920dc7ffc6466e6f55ac",
    "union-members@1": "f04b1b14d7aabb525edb779c2c43ed12",
}


def test_each_built_in_policy_is_what_it_was_when_it_was_first_served() -> None:
    assert {f"{one.id}@{one.version}": digest_of(one) for one in Policies()} == SERVED
