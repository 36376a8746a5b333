"""What each refusal of the domain says, word for word: `refusals.txt` is to be read as its users read it.

`python -m tests.unit.test_refusals > tests/unit/refusals.txt` writes it anew.
"""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from shared.domain import errors
from shared.domain.errors import Refused
from shared.domain.policy_texts import MOST_DOTS_A_LINE, made_up, read_policies
from shared.domain.times import as_documented, bounds_of, end_of, start_of

THERE = Path(__file__).with_name("refusals.txt")
SINCE, UNTIL, KNOWN = "2020-01-01", "2020-02-01", "2020-03-01T00:00:00Z"


def decisions() -> list[Refused]:
    """One of each kind, or more where it has several wordings."""
    return [
        errors.UnreadableTime("opened_at", "soon", "it is not"),
        errors.UnreadableTime("opened_at", "soon", "it is not", "ask"),
        errors.UnknownContest("race"),
        errors.UnknownCandidate("zed", "race", ["bob", "ann"]),
        errors.UnknownCandidate("zed", "race", [f"c{number:02}" for number in range(51)]),
        errors.UnknownCategory("mayor", "race", ["union", "governor"]),
        errors.UnknownCategory("mayor", "race", [f"c{number:02}" for number in range(51)]),
        errors.UnknownEndorsement("e-1", "race"),
        errors.UnknownEndorsement("e-1", "race", "id"),
        errors.UnknownPolicy("own", ["headcount", "fivethirtyeight-2020"]),
        errors.UnknownVersion("version", 9, 4),
        errors.ContestAlreadyOpen("race"),
        errors.CandidateAlreadyEntered("ann", "race"),
        errors.TooManyCandidates("zed", "race", 5001, 5000),
        errors.AlreadyWithdrawn("ann", SINCE),
        errors.EndorsementIdTaken("e-1"),
        errors.AlreadyEndorsed("jane", "ann", "e-1", SINCE, None),
        errors.AlreadyEndorsed("jane", "ann", "e-1", SINCE, UNTIL),
        errors.AnotherEndorser("union", "e-1", "jane"),
        errors.AlreadyRetracted("e-1", UNTIL),
        errors.AlreadyStruck("e-1"),
        errors.EndsBeforeItBegins("retracted_at", SINCE, UNTIL),
        errors.InTheFuture("announced_at", "2030-01-01", KNOWN),
        errors.NothingToCorrect("e-1"),
        errors.KnownTimeNotTaken(None, "imported"),
        errors.KnownTimeNotTaken(KNOWN, "server"),
        errors.KnownTimeTooEarly("1969-12-31", "1970-01-01T00:00:00.000000Z"),
        errors.KnownTimeGoesBack(SINCE, KNOWN),
        errors.WrongVersion(4, 6),
        errors.EventIdReused("id-1", 7),
    ]


WHOLE = "[[policy]]\nid = 'own'\nversion = 1\ntitle = 't'\nsource = 's'\n"
POLICIES = [
    "a." * (MOST_DOTS_A_LINE + 1) + "a = 1",
    "a = 1",
    "policy = 7",
    "policy = [1]",
    "[[policy]]\nid = 'Own'",
    "[[policy]]",
    "[[policy]]\nid = 'own'\nversion = 0",
    "[[policy]]\nid = 'own'\nversion = true",
    "[[policy]]\nid = 'own'\nversion = 9007199254740993",
    "[[policy]]\nid = 'own'\nversion = 1\ntitle = ' '",
    "[[policy]]\nid = 'own'\nversion = 1\ntitle = 't'\nsource = 7",
    WHOLE + "weights = 7",
    WHOLE + "weights = {Governor = 1}",
    WHOLE + "weights = {governor = 'ten'}",
    WHOLE + "weights = {governor = true}",
    WHOLE + "weights = {governor = nan}",
    WHOLE + "weights = {governor = 1000000000001}",
    WHOLE + "weights = {governor = -1000000000001}",
    WHOLE + "weights = {governor = 0.0000000001}",
    WHOLE + f"weights = {{governor = '{'x' * 100}'}}",
    WHOLE + "default = 'x'",
    WHOLE + "member_weights = []",
    WHOLE + "member_weights = {labor-union = 'x'}",
    WHOLE + "available = 7",
    WHOLE + "available = {governor = -1}",
    WHOLE + "available = {governor = 1.5}",
    WHOLE + "available = {governor = true}",
    WHOLE + "available = {governor = 1000000000001}",
    WHOLE + "available = {Governor = 1}",
    WHOLE + "other = 1",
    WHOLE + WHOLE,
    WHOLE.replace("own", "taken"),
]
WEIGHTS = [
    "governor",
    "governor:ten",
    "governor:1,governor:2",
    "Governor:1",
    "governor:1000000000001",
    "union/member:x",
    "Union/member:1",
    ":1",
    "default:1,default:2",
    "/member:1",
]
TIMES = [
    "",
    "soon",
    "2020-01-01T00:00:00",
    "2020-01-01 ~00:00Z",
    "0001",
    "0001-12-31",
    "9999",
    "9999-01-01T00:00:00Z",
]
QUESTIONS = ["2020~", "2020-01?", "2020-01-01%"]
WORDINGS = ["20200101T000000Z", "2020-01-01T00:00:00.1234567Z", "2020-01-01 00:00:00Z"]
ASKED: list[tuple[str, Callable[[str], object], list[str]]] = [
    ("policies", lambda text: read_policies(text, ["taken"]), POLICIES),
    ("weights", made_up, WEIGHTS),
    ("start_of", lambda text: start_of(text, "UTC"), TIMES),
    ("bounds_of", lambda text: bounds_of(text, "UTC", "announced_at"), ["soon"]),
    ("end_of", lambda text: end_of(text, "UTC"), ["soon", *QUESTIONS]),
    ("as_documented", lambda text: as_documented(text, "announced_at"), ["soon", *WORDINGS]),
]


def refused(ask: Callable[[], object]) -> Refused:
    try:
        ask()
    except Refused as refusal:
        return refusal
    raise AssertionError("it was not refused")


def refusals() -> Iterator[tuple[str, Refused]]:
    """Each with what was asked, '' where that is told by what is refused."""
    yield from (("", one) for one in decisions())
    for name, ask, texts in ASKED:
        for text in texts:
            yield f"{name} {text[:120]!r}", refused(partial(ask, text))


def written() -> str:
    """All of them, as `refusals.txt` has them."""
    told = []
    for asked, one in refusals():
        lines = [f"{one.code}: {asked}".strip(" :"), f"    {one.field}={one.value!r}", f"    {one.detail}"]
        lines += [f"    {one.way_out}", *(f"    {name}={value!r}" for name, value in one.more.items())]
        told.append("\n".join(lines) + "\n")
    return "\n".join(told)


def test_every_refusal_says_what_it_did() -> None:
    assert written().splitlines() == THERE.read_text().splitlines()


def test_every_refusal_of_the_domain_that_words_itself_is_there() -> None:
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, Refused)]
    wording = {one for one in kinds if "__init__" in vars(one)} - {Refused}

    assert wording <= {type(one) for one in decisions()}


if __name__ == "__main__":
    sys.stdout.write(written())
