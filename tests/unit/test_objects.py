"""Objects of many keys are refused before each key is."""

import pytest
from pydantic import ValidationError

from services.ingest.decision.commands import COMMAND
from shared.values.objects import MOST_KEYS, Said


def errors(keys: int) -> int:
    with pytest.raises(ValidationError) as refused:
        Said.model_validate({f"k{n}": 1 for n in range(keys)})
    return refused.value.error_count()


def test_every_unknown_key_of_few_is_an_error_and_many_are_one() -> None:
    assert errors(MOST_KEYS) == MOST_KEYS
    assert errors(MOST_KEYS + 1) == 1


def test_so_are_those_of_an_object_within_a_command() -> None:
    many = {f"k{n}": 1 for n in range(MOST_KEYS + 1)}
    said = {
        "command": "open",
        "contest": "c",
        "title": "T",
        "timezone": "UTC",
        "recorded_by": "t",
        "source": many,
    }

    with pytest.raises(ValidationError) as refused:
        COMMAND.validate_python({**said, "candidates": [many, many]})

    assert refused.value.error_count() == 3
