"""What owners of webhooks ask for is taken in its own type only, as commands are."""

from typing import Any

import pytest
from pydantic import ValidationError

from services.webhooks.registry import Change, Rotation


@pytest.mark.parametrize("hours", [0, 1, 1.5, 720])
def test_hours_are_numbers(hours: float) -> None:
    assert Rotation.model_validate({"keep_old_hours": hours}).keep_old_hours == hours


@pytest.mark.parametrize("hours", [True, False, "1", None, -1, 721])
def test_what_is_no_number_is_not_taken_for_hours(hours: Any) -> None:
    with pytest.raises(ValidationError):
        Rotation.model_validate({"keep_old_hours": hours})


@pytest.mark.parametrize("paused", [1, 0, "true", "off"])
def test_what_is_neither_true_nor_false_does_not_pause(paused: Any) -> None:
    with pytest.raises(ValidationError):
        Change.model_validate({"paused": paused})
