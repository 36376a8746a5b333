"""Every command says what follows from it, and is answered alike when it is repeated."""

from typing import get_args

import pytest

from services.ingest.decision.command_text import command_of
from services.ingest.decision.commands import COMMANDS, Command
from services.ingest.decision.submission import Taken, as_before, decided, now_known, sheet_of
from shared.domain.errors import Invalid
from shared.domain.events import Event
from shared.domain.times import Instant
from shared.storage.log import NewEvent
from tests.builders import CONTEST, NOW, Everything, announcement, command, opening

ONE_OF_EACH = [
    opening(id="open"),
    command("enter", id="enter", candidate="dan", name="Dan", entered_at="2020-01-02"),
    command("withdraw", id="withdraw", candidate="cy", withdrew_at="2020-06-10"),
    announcement(id="announce"),
    command("correct", id="correct", endorsement="e", category="senator"),
    command(
        "switch", id="switch", endorsement="e", candidate="bob", switched_at="2020-06-10", new_endorsement="n"
    ),
    command("retract", id="retract", endorsement="n", retracted_at="2020-06-11"),
    command("strike", id="strike", endorsement="e", note="never was"),
]


def test_there_is_one_of_each_command() -> None:
    assert {one.command for one in ONE_OF_EACH} == COMMANDS
    assert {type(one) for one in ONE_OF_EACH} == set(get_args(Command))


def test_every_kind_of_event_follows_from_some_command() -> None:
    assert {kind for one in ONE_OF_EACH for kind in one.follows()} == set(get_args(Event))


def test_what_follows_is_declared_and_a_command_that_is_repeated_is_answered_as_before() -> None:
    book, appended = Everything(), list[NewEvent]()
    for one in [
        *ONE_OF_EACH[:3],
        announcement("ended", "joe", id="ended", retracted_at="2020-06-02"),
        *ONE_OF_EACH[3:],
    ]:
        before = len(appended)
        sheet = sheet_of(one, lambda: "unused")
        taken = decided(sheet, book, Instant(NOW), appended)
        again = as_before(sheet, now_known(sheet, taken))

        assert [type(new.event) for new in appended[before:]] == list(one.follows())
        assert isinstance(again, Taken)
        assert (again.id, again.events, again.repeated) == (taken.id, taken.events, True)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_what_is_wrong_is_named_by_its_field_and_not_by_its_command(name: str) -> None:
    with pytest.raises(Invalid) as refusal:
        command_of({"command": name, "contest": CONTEST, "recorded_by": 7})

    assert not refusal.value.field.startswith(f"{name}.")
