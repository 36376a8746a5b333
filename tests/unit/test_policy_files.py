"""A file of policies that cannot be used is one sentence, whatever is in it."""

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.policy_texts import MOST_DOTS_A_LINE
from shared.runtime.settings import Settings
from shared.storage.policy_store import MOST_BYTES, UnfitPolicies, policies_of

OWN = b"""
[[policy]]
id = "own"
version = 1
title = "Own"
source = "us"
default = 0.5
weights = { governor = 10, senator = -0.25 }
member_weights = { labor-union = 0.001 }
available = { governor = 50 }
"""


def why_unfit(path: Path) -> str:
    with pytest.raises(UnfitPolicies) as found:
        policies_of(Settings(policies=path))
    said = str(found.value)
    assert said.isprintable()
    assert len(said) < 1500
    return said


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"a = " + b"[" * 50_000, "not TOML"),
        (b"a = " + b"{b=" * 50_000, "not TOML"),
        (b"[[policy]]\nid = " + b"[" * 300 + b"]" * 300, "policy[0].id"),
        (b"\xff\xfe", "can't decode byte 0xff"),
        (b"a = " + b"1" * 5000, "not TOML"),
        (b"[[policy]]\nid = 0x" + b"f" * 100_000, "policy[0].id"),
        (b"[[policy]]\nid = 1e9999999999999999999999", "policy[0].id"),
        (
            b"[[policy]]\nid = 'own'\nversion = 1\ntitle = 't'\nsource = 's'\ndefault = 0." + b"1" * 5000,
            "default",
        ),
        (b"a" * 100_000 + b" = 1", "has no key"),
        (b'"\\u001b[31m" = 1', "has no key"),
        (b"a." * (MOST_DOTS_A_LINE + 1) + b"a = 1", "more than 500 dots"),
        (b"a." * MOST_DOTS_A_LINE + b"a = 1", "has no key"),
        (b"\0", "not TOML"),
        (b"#" * (MOST_BYTES + 1), "more than 262,144 bytes"),
    ],
    ids=range(14),
)
def test_what_is_in_the_file_is_refused_in_a_sentence(tmp_path: Path, content: bytes, complaint: str) -> None:
    file = tmp_path / "policies.toml"
    file.write_bytes(content)

    said = why_unfit(file)

    assert complaint in said
    assert str(file) in said


def test_the_largest_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "policies.toml"
    file.write_bytes(OWN + b"#" * (MOST_BYTES - len(OWN)))

    assert policies_of(Settings(policies=file)).find("own").places == 3


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "unreadable").symlink_to(tmp_path / "unreadable")
    for path in (
        tmp_path,
        tmp_path / "pipe",
        Path("/dev/zero"),
        tmp_path / "missing",
        tmp_path / "unreadable",
    ):
        assert str(path) in why_unfit(path)


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "mounted").write_bytes(OWN)
    (tmp_path / "policies.toml").symlink_to(tmp_path / "mounted")

    assert policies_of(Settings(policies=tmp_path / "policies.toml")).find("own").id == "own"


@given(
    st.lists(
        st.tuples(st.integers(0, len(OWN)), st.integers(0, 9), st.binary(max_size=9)), min_size=1, max_size=5
    )
)
def test_any_damage_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, int, bytes]]
) -> None:
    content = OWN
    for at, taken, put in damage:
        content = content[:at] + put + content[at + taken :]
    file = tmp_path_factory.getbasetemp() / "damaged.toml"
    file.write_bytes(content)

    with suppress(UnfitPolicies):
        policies_of(Settings(policies=file))
