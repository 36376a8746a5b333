"""An id has one form: it is safe in addresses, keys and names of files."""

import pytest

from shared.domain.ids import is_slug


@pytest.mark.parametrize("id_", ["a", "us-president-2020-dem", "0.x_y-z", "a" * 120])
def test_these_are_ids(id_: str) -> None:
    assert is_slug(id_)


@pytest.mark.parametrize(
    "text", ["", "a" * 121, "A", "../pwned", "..", ".a", "-a", "a/b", "a\\b", "a\n", "a\0", "é", "a b", "٣"]
)
def test_these_are_none(text: str) -> None:
    assert not is_slug(text)
