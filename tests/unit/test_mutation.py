"""The measure of the tests is tested: what counts as a mutant of a script, and when a report is good."""

import pytest

from tests.mutation.lua import TESTS
from tests.mutation.lua_mutants import mutants
from tests.mutation.outcomes import LEAST_PERCENT, PROJECT, Outcome, Report, Survivor, survivors


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("if a == b then", ["if a ~= b then"]),
        ("if a ~= b then", ["if a == b then"]),
        ("if a < b then", ["if a <= b then"]),
        ("if a >= b then", ["if a > b then"]),
        ("return a and b", ["return a or b"]),
        ("return not a", ["return a"]),
        ("a = b + 12", ["a = b - 12", "a = b + 13"]),
        ("a = 'text'", ["a = ''"]),
        ("a = ''", ["a = '?'"]),
        ("a = '1 == 2'", ["a = ''"]),
        ("a = b -- not 1 == 2", []),
        ("  redis.call('GET', key)", [""]),
        ("redis.call('HSET', key, 'field', x)", ["redis.call('HSET', key, '', x)", ""]),
        ("if a then return b end", [""]),
    ],
)
def test_each_small_change_of_a_line_is_a_mutant(line: str, becomes: list[str]) -> None:
    found = list(mutants(f"local x\n{line}\nlocal y\n"))

    assert [one.after for one in found] == becomes
    assert [one.text for one in found] == [
        f"local x\n{line.replace(line.strip(), after) if after else ''}\nlocal y\n" for after in becomes
    ]
    assert {(one.line, one.before) for one in found} <= {(2, line.strip())}


def test_every_script_is_changed() -> None:
    scripts = {
        str(path.relative_to(PROJECT))
        for top in ("services", "shared")
        for path in (PROJECT / top).rglob("*.lua")
    }

    assert scripts == set(TESTS)
    assert all((PROJECT / test).is_file() for tests in TESTS.values() for test in tests)


def reported(*outcomes: Outcome, allowed: tuple[Survivor, ...] = ()) -> Report:
    report = Report(allowed)
    for one in outcomes:
        report.add(one)
    return report


KILLED, SURVIVED = Outcome("a.py", True, "", ""), Outcome("a.py", False, "x = 1", "x = 2")
ALLOWED = Survivor("a.py", "x = 2", "nobody can tell")


@pytest.mark.parametrize(
    ("killed", "allowed", "good"),
    [(19, True, True), (18, True, False), (99, False, False), (19, False, False)],
)
def test_a_report_is_good_where_enough_were_killed_and_the_others_have_a_reason(
    killed: int, allowed: bool, good: bool
) -> None:
    report = reported(*[KILLED] * killed, SURVIVED, allowed=(ALLOWED,) if allowed else ())

    assert report.is_good == good
    assert (report.percent >= LEAST_PERCENT) == (killed >= 19)
    told = "\n".join(report.lines())
    assert ("  + x = 2" in told) == (not allowed)
    assert f"{killed} of {killed + 1} mutants killed" in told


def test_what_may_survive_is_of_a_file_that_is_there() -> None:
    for one in survivors():
        assert (PROJECT / one.file).is_file(), one
        assert one.why.endswith("."), one
