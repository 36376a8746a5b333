"""What an environment variable is read as."""

from pathlib import Path

import pytest

from shared.runtime.settings import Settings

PATHS = [name for name, field in Settings.model_fields.items() if field.annotation == Path | None]


def test_there_are_settings_that_are_paths() -> None:
    assert {"policies", "archive"} <= set(PATHS)


@pytest.mark.parametrize("name", PATHS)
def test_an_empty_path_is_none_and_not_the_working_directory(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"STANDINGS_{name.upper()}", "")
    assert getattr(Settings(), name) is None

    monkeypatch.setenv(f"STANDINGS_{name.upper()}", "here/it/is")
    assert getattr(Settings(), name) == Path("here/it/is")
