"""A copy of a contest, folded from its changes: proved by each of them, also when the policies become others."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.changes.cloud_event import Effect, cloud_event
from shared.domain.book import Folded, Totals
from shared.domain.events import Event, Recorded
from shared.domain.policies import Policy, scores
from shared.domain.policy_texts import made_up
from shared.domain.scoreboard import Scoreboard
from standings.client import Change, Differs, LocalCopy
from standings.client.models import Move
from tests.builders import CONTEST, ZONE, announced, entered, numbered, opened
from tests.property.test_fold import folded, histories


def weighing(weights: str, version: int = 1, policy: str = "own") -> Policy:
    return replace(made_up(weights), id=policy, version=version)


COUNTED = weighing("default:1", policy="counted")
FIRST, SECOND = weighing("governor:3,default:1"), weighing("governor:10,senator:0.5", version=2)
CANDIDATES = ("ann", "bob", "cy")


def changes(events: list[Folded], policies: list[list[Policy]]) -> list[Change]:
    """The change of each event under its policies."""
    totals: dict[tuple[str, str], Totals] = {}
    told: list[Change] = []
    for event, under in zip(events, policies, strict=True):
        moves = Scoreboard(under, CANDIDATES, totals).move(event.postings)
        effect = Effect(event.recorded, event.subject, event.postings, moves)
        told.append(Change.model_validate_json(cloud_event(CONTEST, ZONE, effect)))
        totals |= event.totals
    return told


@given(histories(), st.data())
def test_a_copy_goes_on_when_policies_are_added_and_get_new_versions(
    recorded: list[Recorded], data: st.DataObject
) -> None:
    events = folded(recorded)
    adds = data.draw(st.integers(0, len(events)))
    renews = data.draw(st.integers(adds, len(events)))
    policies = [
        [COUNTED, *([SECOND] if at >= renews else [FIRST] if at >= adds else [])] for at in range(len(events))
    ]
    copy = LocalCopy(contest=CONTEST)

    for change in changes(events, policies):
        assert copy.take(change)
        copy = LocalCopy.model_validate_json(copy.model_dump_json())

    totals = {cell: after for event in events for cell, after in event.totals.items()}
    for policy in policies[-1]:
        units, told = scores(policy, totals), copy.scores(policy.id)
        weighed = copy.weighed.get(policy.id)
        if weighed is not None and weighed.policy_version == policy.version:
            assert told == {name: policy.points(units.get(name, 0)) for name in told}
    everything = {name: Decimal(scores(COUNTED, totals).get(name, 0)) for name in CANDIDATES}
    assert dict.fromkeys(CANDIDATES, Decimal(0)) | copy.scores("counted") == everything


def endorsed(policies: list[list[Policy]]) -> list[Change]:
    """Changes of a contest in which ann, ann and bob are endorsed."""
    events: list[Event] = [opened(), *(entered(name) for name in CANDIDATES)]
    events += [announced(f"e{number}", candidate=name) for number, name in enumerate(("ann", "ann", "bob"))]
    return changes(folded(numbered(*events)), policies)


def wrong(change: Change, candidate: str, by: int) -> Change:
    """The change, in which a candidate's scores begin at another one."""

    def moved(move: Move) -> Move:
        if move.candidate != candidate:
            return move
        before = move.before.model_copy(update={"score": move.before.score + by})
        return move.model_copy(update={"before": before})

    data = change.data.model_copy(update={"scores": [moved(move) for move in change.data.scores]})
    return change.model_copy(update={"data": data})


@pytest.mark.parametrize("later", [[COUNTED, FIRST], [weighing("default:2", 2, "counted")]])
def test_only_what_a_copy_cannot_know_is_learned_from_a_change(later: list[Policy]) -> None:
    told = endorsed([[COUNTED]] * 5 + [later] * 2)
    copy = LocalCopy(contest=CONTEST)
    for change in told[:6]:
        copy.take(change)

    with pytest.raises(Differs, match=r"bob under .*: here 0, the change begins at 1"):
        copy.take(wrong(told[6], "bob", 1))

    assert copy.take(told[6])
    assert copy.scores(later[-1].id)["bob"] == later[-1].weights.get("governor", later[-1].default)


def test_what_was_learned_is_proved_from_then_on() -> None:
    told = endorsed([[COUNTED]] * 4 + [[COUNTED, FIRST]] * 3)
    copy = LocalCopy(contest=CONTEST)
    for change in told[:5]:
        copy.take(change)

    with pytest.raises(Differs, match="ann under own: here 3, the change begins at 5"):
        copy.take(wrong(told[5], "ann", 2))


def test_a_copy_that_an_earlier_release_saved_goes_on() -> None:
    told = endorsed([[COUNTED]] * 7)
    copy = LocalCopy(contest=CONTEST)
    for change in told[:5]:
        copy.take(change)
    saved = LocalCopy.model_validate_json(copy.model_dump_json(exclude={"weighed"}))

    for change in told[5:]:
        with pytest.raises(Differs):
            saved.take(wrong(change, change.data.postings[0].candidate, 1))
        assert saved.take(change)
