"""The short form of `make attack`: every case once, with a fiftieth of what it sends."""

import sys
from collections.abc import Iterator

import pytest

from tests.attack.cases import CASES, Case, scaled
from tests.attack.run import Deployment, deployed

_SHARE = 0.02

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by /proc")


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("attacked")) as deployment:
        yield deployment


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_attack_does_no_harm(attacked: Deployment, case: Case) -> None:
    outcome = attacked.run(scaled(case, _SHARE))

    assert outcome.wrong == []
    assert outcome.ready.failed == 0


def test_each_case_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
