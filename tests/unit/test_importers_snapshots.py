"""A snapshot and what is recorded give the commands between them."""

from dataclasses import replace
from typing import Any

import pytest

from services.cli.importers.fivethirtyeight import TABLE
from services.cli.importers.snapshot_rows import SnapshotRow
from services.cli.importers.snapshots import Mode, commands
from tests.unit.test_importers_model import Ledger, listed

RENDELL = SnapshotRow(
    endorser="Ed Rendell",
    position="former DNC chair",
    place="PA",
    party="D",
    endorsee="Amy Klobuchar",
    source="https://example.org/klobuchar",
    category="former-party-leader",
    date="2019-03-03",
    line=2,
)
FOR_BIDEN = replace(RENDELL, endorsee="Joe Biden", date="2019-04-22", source="https://example.org/biden")
MODES = pytest.mark.parametrize("mode", ["mirror", "history"])


def run(ledger: Ledger, rows: list[SnapshotRow], known_at: str, mode: Mode) -> list[dict[str, Any]]:
    """Takes a snapshot into the ledger, checks that it then stands there, and returns the commands."""

    def difference() -> list[dict[str, Any]]:
        return commands(
            rows,
            ledger.answer(),
            ledger.candidates,
            table=TABLE,
            contest="us-president-2020-dem",
            known_at=known_at,
            mode=mode,
            recorded_by="a test",
        )

    made = difference()
    assert made == difference()
    ledger.take(made)
    assert ledger.active() == listed(rows)
    assert difference() == []
    return made


def told(made: list[dict[str, Any]]) -> list[str]:
    return [command["command"] for command in made]


@MODES
def test_a_first_snapshot_enters_its_candidates_and_announces_its_rows(mode: Mode) -> None:
    entered, announced = run(Ledger(), [RENDELL], "2019-03-08", mode)

    assert entered["candidate"] == "amy-klobuchar"
    assert entered["name"] == "Amy Klobuchar"
    assert entered["entered_at"] == "2019-03-03"
    assert announced["endorsement"].startswith("ed-rendell.amy-klobuchar.2019-03-03.")
    assert announced["endorser"] == {
        "id": "ed-rendell",
        "name": "Ed Rendell",
        "kind": "person",
        "position": "former DNC chair",
        "party": "D",
        "place": "PA",
    }
    assert announced["category"] == "former-party-leader"
    assert announced["members"] == 0
    assert announced["announced_at"] == "2019-03-03"
    assert announced["source"] == {"url": "https://example.org/klobuchar"}
    assert announced["known_at"] == "2019-03-08"
    assert announced["recorded_by"] == "a test"


@MODES
def test_a_row_without_an_address_names_the_table(mode: Mode) -> None:
    made = run(Ledger(), [replace(RENDELL, source="")], "2019-03-08", mode)

    assert made[-1]["source"] == {"title": "FiveThirtyEight endorsement table"}


@MODES
def test_another_source_alone_is_nothing_to_tell(mode: Mode) -> None:
    ledger = Ledger()
    run(ledger, [RENDELL], "2019-03-08", mode)

    assert run(ledger, [replace(RENDELL, source="https://example.org/other")], "2019-04-27", mode) == []


def test_mirror_corrects_a_changed_endorsee_in_place() -> None:
    ledger = Ledger()
    run(ledger, [RENDELL], "2019-03-08", "mirror")

    entered, corrected = run(ledger, [FOR_BIDEN], "2019-04-27", "mirror")

    assert entered["candidate"] == "joe-biden"
    assert corrected["command"] == "correct"
    assert {"endorser", "category"}.isdisjoint(corrected)
    assert ledger.story("Ed Rendell") == [("joe-biden", "2019-04-22", None)]


def test_history_keeps_the_past_of_an_endorser_who_went_over() -> None:
    ledger = Ledger()
    run(ledger, [RENDELL], "2019-03-08", "history")

    _, switched = run(ledger, [replace(FOR_BIDEN, category="governor")], "2019-04-27", "history")

    assert switched["command"] == "switch"
    assert switched["switched_at"] == "2019-04-22"
    assert switched["category"] == "governor"
    assert "endorser" not in switched
    assert ledger.story("Ed Rendell") == [
        ("amy-klobuchar", "2019-03-03", "2019-04-22"),
        ("joe-biden", "2019-04-22", None),
    ]


def test_history_corrects_an_endorsee_whose_date_lies_before_the_old_one() -> None:
    ledger = Ledger()
    run(ledger, [RENDELL], "2019-03-08", "history")

    made = run(ledger, [replace(FOR_BIDEN, date="2019-03-01")], "2019-04-27", "history")

    assert told(made) == ["enter", "correct"]


def test_history_takes_back_a_switch_that_the_table_takes_back() -> None:
    ledger = Ledger()
    run(ledger, [RENDELL], "2019-03-08", "history")
    run(ledger, [FOR_BIDEN], "2019-04-27", "history")

    made = run(ledger, [RENDELL], "2020-01-31", "history")

    assert told(made) == ["strike", "correct"]
    assert ledger.story("Ed Rendell") == [("amy-klobuchar", "2019-03-03", None)]


@MODES
@pytest.mark.parametrize(
    "change",
    [
        {"date": "2019-03-04"},
        {"category": "governor"},
        {"position": "former governor"},
        {"party": ""},
        {"place": "Philadelphia, PA"},
    ],
)
def test_other_facts_of_the_same_endorsement_are_corrected(mode: Mode, change: dict[str, str]) -> None:
    ledger = Ledger()
    run(ledger, [RENDELL], "2019-03-08", mode)

    made = run(ledger, [replace(RENDELL, **change)], "2019-04-27", mode)  # type: ignore[arg-type]

    assert told(made) == ["correct"]
    assert ledger.endorser_ids() == {"ed-rendell"}


def test_mirror_strikes_what_vanished_and_announces_its_return_anew() -> None:
    ledger = Ledger()
    run(ledger, [RENDELL], "2019-03-08", "mirror")

    (struck,) = run(ledger, [], "2019-04-27", "mirror")
    (announced,) = run(ledger, [RENDELL], "2020-01-31", "mirror")

    assert struck["note"] == "no longer listed in the FiveThirtyEight endorsement table"
    assert struck["source"] == {"title": "FiveThirtyEight endorsement table"}
    assert announced["command"] == "announce"
    assert announced["endorsement"] != struck["endorsement"]


def test_history_retracts_what_vanished_on_the_day_it_was_missed() -> None:
    ledger = Ledger()
    run(ledger, [RENDELL], "2019-03-08", "history")

    (retracted,) = run(ledger, [], "2019-04-27", "history")

    assert retracted["retracted_at"] == "2019-04-27"
    assert retracted["note"] == "no longer listed in the FiveThirtyEight endorsement table"


def test_history_announces_anew_what_began_again_after_it_vanished() -> None:
    ledger = Ledger()
    run(ledger, [RENDELL], "2019-03-08", "history")
    run(ledger, [], "2019-04-27", "history")

    made = run(ledger, [replace(RENDELL, date="2019-06-01")], "2020-01-31", "history")

    assert told(made) == ["announce"]
    assert ledger.story("Ed Rendell") == [
        ("amy-klobuchar", "2019-03-03", "2019-04-27"),
        ("amy-klobuchar", "2019-06-01", None),
    ]


def test_history_undoes_the_retraction_of_a_row_that_returns_with_its_old_date() -> None:
    ledger = Ledger()
    run(ledger, [RENDELL], "2019-03-08", "history")
    run(ledger, [], "2019-04-27", "history")

    (corrected,) = run(ledger, [RENDELL], "2020-01-31", "history")

    assert corrected["command"] == "correct"
    assert corrected["retracted_at"] is None


@MODES
def test_one_name_in_two_roles_is_two_endorsers(mode: Mode) -> None:
    ledger = Ledger()
    speaker = replace(RENDELL, position="speaker", place="NY", category="state-legislative-leader")

    run(ledger, [RENDELL, speaker], "2019-03-08", mode)

    assert ledger.endorser_ids() == {"ed-rendell-pa-former-dnc-chair", "ed-rendell-ny-speaker"}


@MODES
def test_a_changed_role_is_given_to_the_nearest_endorser_of_that_name(mode: Mode) -> None:
    ledger = Ledger()
    speaker = replace(RENDELL, position="speaker", place="NY", category="state-legislative-leader")
    run(ledger, [RENDELL], "2019-03-08", mode)

    made = run(ledger, [speaker, replace(RENDELL, position="former governor")], "2019-04-27", mode)

    assert sorted(told(made)) == ["announce", "correct"]
    assert ledger.endorser_ids() == {"ed-rendell", "ed-rendell-ny-speaker"}


@MODES
def test_one_endorser_may_stand_behind_two_candidates(mode: Mode) -> None:
    ledger = Ledger()
    run(ledger, [RENDELL, FOR_BIDEN], "2019-04-27", mode)

    made = run(ledger, [FOR_BIDEN], "2020-01-31", mode)

    assert told(made) == ["strike" if mode == "mirror" else "retract"]


def test_rows_that_repeat_an_endorsement_are_the_callers_error() -> None:
    with pytest.raises(ValueError, match="one candidate"):
        run(Ledger(), [RENDELL, replace(RENDELL, date="2019-03-05")], "2019-04-27", "mirror")


@pytest.mark.parametrize("month", ["2019-04", "2019-04~", "2019-04?", "2019-04%"])
def test_history_takes_a_month_that_was_recorded_by_its_start(month: str) -> None:
    ledger = Ledger()
    (_, announced) = run(ledger, [RENDELL], "2019-03-08", "history")
    ledger.correct({**announced, "announced_at": month})

    made = run(ledger, [FOR_BIDEN], "2019-04-27", "history")

    assert told(made) == ["enter", "switch"]


@pytest.mark.parametrize("month", ["2019-04", "2019-04~", "2019-04?", "2019-04%"])
def test_history_announces_anew_what_began_again_after_the_start_of_the_month_in_which_it_ended(
    month: str,
) -> None:
    ledger = Ledger()
    (_, announced) = run(ledger, [RENDELL], "2019-03-08", "history")
    ledger.retract({**announced, "retracted_at": month})

    made = run(ledger, [replace(RENDELL, date="2019-04-22")], "2019-04-27", "history")

    assert told(made) == ["announce"]
