"""What must hold of every history, however long and strange: checked on histories that hypothesis makes up."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.book import Cell, Folded, Totals
from shared.domain.errors import Refused
from shared.domain.events import UNCHANGED, Announced, Corrected, Recorded, Retracted, Struck
from shared.domain.policies import Policy, scores
from shared.domain.postings import Posting, may_stand_for
from shared.domain.times import end_of, start_of
from shared.storage.codec import decode_event, encode_event, type_of
from tests.builders import ZONE, Everything, History, announcement, command
from tests.oracle import as_of

CANDIDATES = ("ann", "bob", "cy")
CATEGORIES = ("governor", "senator", "labor-union")
days = st.integers(1, 28).map(lambda day: f"2020-06-{day:02d}")
uncertain_dates = st.builds(
    "{}{}".format,
    days | st.sampled_from(("2020", "2020-05", "2020-06")),
    st.sampled_from(("", "~", "?", "%")),
)
times = days | st.builds("{}T{:02d}:30:00-04:00".format, days, st.integers(0, 23)) | uncertain_dates
endorsements = st.integers(0, 7).map("e{}".format)
endorsers = st.integers(0, 3).map("p{}".format)
candidates = st.sampled_from(CANDIDATES)
members = st.sampled_from((0, 0, 1, 700_000))


@st.composite
def corrections(draw: st.DrawFn) -> dict[str, Any]:
    fields: dict[str, st.SearchStrategy[Any]] = {
        "candidate": candidates,
        "category": st.sampled_from(CATEGORIES),
        "members": members,
        "announced_at": times,
        "retracted_at": st.none() | times,
        "endorser": endorsers.map(lambda one: {"id": one, "name": one}),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(fields)), min_size=1, max_size=3, unique=True))
    return {name: draw(fields[name]) for name in chosen}


commands = st.one_of(
    st.builds(
        lambda e, p, c, k, m, at: announcement(e, p, candidate=c, category=k, members=m, announced_at=at),
        endorsements,
        endorsers,
        candidates,
        st.sampled_from(CATEGORIES),
        members,
        times,
    ),
    st.builds(lambda e, at: command("retract", endorsement=e, retracted_at=at), endorsements, times),
    st.builds(lambda e, facts: command("correct", endorsement=e, **facts), endorsements, corrections()),
    st.builds(lambda e: command("strike", endorsement=e, note="never was"), endorsements),
    st.builds(
        lambda e, c, at, new: command(
            "switch", endorsement=e, candidate=c, switched_at=at, new_endorsement=new
        ),
        endorsements,
        candidates,
        times,
        endorsements,
    ),
    st.builds(lambda c, at: command("withdraw", candidate=c, withdrew_at=at), candidates, times),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Recorded]:
    """The events that follow from some forty commands, those that are refused left out."""
    history = History()
    for one in draw(st.lists(commands, min_size=5, max_size=40)):
        try:
            history.take(one)
        except Refused:
            continue
    return history.recorded


def folded(events: list[Recorded]) -> list[Folded]:
    book = Everything()
    return [book.fold(one) for one in events]


def posted(events: list[Recorded]) -> list[tuple[int, Posting]]:
    return [(one.recorded.version, posting) for one in folded(events) for posting in one.postings]


def reread(events: list[Recorded], valid_at: int, version: int) -> dict[Cell, Totals]:
    """The naive way: read every event, remember what each endorsement reads like, count those in force."""
    facts: dict[str, dict[str, Any]] = {}
    for one in events[:version]:
        match one.event:
            case Announced() as event:
                facts[event.endorsement] = {
                    "cell": [event.candidate, event.category],
                    "members": event.members,
                    "from": event.announced_at,
                    "until": None,
                }
            case Retracted() as event:
                facts[event.endorsement]["until"] = event.retracted_at
            case Struck() as event:
                del facts[event.endorsement]
            case Corrected() as event:
                _reread_correction(facts[event.endorsement], event)
            case _:
                pass
    counted: dict[Cell, Totals] = {}
    for fact in facts.values():
        if start_of(fact["from"], ZONE) <= valid_at and not _ended(fact, valid_at):
            candidate, category = fact["cell"]
            count, total = counted.get((candidate, category), (0, 0))
            counted[candidate, category] = count + 1, total + fact["members"]
    return counted


def _ended(fact: dict[str, Any], valid_at: int) -> bool:
    return fact["until"] is not None and start_of(fact["until"], ZONE) <= valid_at


def _reread_correction(fact: dict[str, Any], event: Corrected) -> None:
    setters: list[tuple[object, Callable[[Any], object]]] = [
        (event.candidate, lambda new: fact["cell"].__setitem__(0, new)),
        (event.category, lambda new: fact["cell"].__setitem__(1, new)),
        (event.members, lambda new: fact.__setitem__("members", new)),
        (event.announced_at, lambda new: fact.__setitem__("from", new)),
        (event.retracted_at, lambda new: fact.__setitem__("until", new)),
    ]
    for value, put in setters:
        if value is not UNCHANGED:
            put(value)


@given(histories(), days, st.data())
@settings(max_examples=2 * settings().max_examples)
def test_as_of_agrees_with_a_naive_reading_of_the_events(
    events: list[Recorded], day: str, data: st.DataObject
) -> None:
    version = data.draw(st.integers(0, len(events)))
    valid_at = end_of(day, ZONE)

    assert as_of(posted(events), valid_at, version) == reread(events, valid_at, version)


@given(histories(), st.data())
def test_folding_in_pieces_equals_folding_at_once(events: list[Recorded], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(events)))
    book = Everything()

    pieces = [book.fold(one) for one in events[:cut]]
    later = Everything(book.version, book.known_at, book.contest, dict(book.totals))
    later.endorsements, later.pairs = dict(book.endorsements), dict(book.pairs)
    pieces += [later.fold(one) for one in events[cut:]]

    assert pieces == folded(events)


@given(histories())
def test_a_replay_of_what_was_stored_equals_the_live_fold(events: list[Recorded]) -> None:
    stored = [
        one._replace(event=decode_event(type_of(one.event).encode(), encode_event(one.event)))
        for one in events
    ]

    assert folded(stored) == folded(events)


@given(histories())
def test_the_postings_of_a_struck_endorsement_sum_to_nothing(events: list[Recorded]) -> None:
    struck = {one.event.endorsement for one in events if isinstance(one.event, Struck)}
    sums: dict[tuple[str, int, Cell], tuple[int, int]] = {}
    for one in folded(events):
        subject = getattr(one.recorded.event, "endorsement", "")
        for posting in one.postings:
            key = subject, posting.valid_at, (posting.candidate, posting.category)
            count, total = sums.get(key, (0, 0))
            sums[key] = count + posting.delta, total + posting.members

    assert all(total == (0, 0) for (subject, _, _), total in sums.items() if subject in struck)


@given(histories(), days)
def test_no_count_is_ever_negative_and_no_endorser_counts_twice_for_a_candidate(
    events: list[Recorded], day: str
) -> None:
    for version in range(len(events) + 1):
        totals = as_of(posted(events), end_of(day, ZONE), version)
        assert all(count > 0 and total >= 0 for count, total in totals.values())


@given(histories(), days)
@settings(max_examples=2 * settings().max_examples)
def test_counts_lie_between_what_is_in_force_whatever_and_under_some_true_dates(
    events: list[Recorded], day: str
) -> None:
    book, valid_at = Everything(), end_of(day, ZONE)
    postings = [posting for one in events for posting in book.fold(one).postings]
    off = [may_stand_for(one, ZONE) for one in book.endorsements.values()]
    doubts = [_reversed(posting) for doubt, _ in off for posting in doubt]
    possible = [posting for _, may in off for posting in may]

    lower, nominal, upper = (
        as_of([(0, posting) for posting in summed], valid_at, 0)
        for summed in (postings + doubts, postings, postings + possible)
    )

    for cell in lower.keys() | nominal.keys() | upper.keys():
        at_least, at_most = lower.get(cell, (0, 0)), upper.get(cell, (0, 0))
        for low, counted, high in zip(at_least, nominal.get(cell, (0, 0)), at_most, strict=True):
            assert 0 <= low <= counted <= high


def _reversed(posting: Posting) -> Posting:
    return posting._replace(delta=-posting.delta, members=-posting.members)


weights = st.decimals(-1000, 1000, allow_nan=False, places=3)


@given(histories(), st.dictionaries(st.sampled_from(CATEGORIES), weights), weights, weights)
def test_scores_are_exact_under_any_decimal_weights(
    events: list[Recorded], by_category: dict[str, Decimal], default: Decimal, by_member: Decimal
) -> None:
    policy = Policy("own", 1, "Own", "test", by_category, default, {"labor-union": by_member})
    totals = as_of(posted(events), end_of("2020-06-28", ZONE), len(events))

    said = {candidate: Fraction(policy.points(units)) for candidate, units in scores(policy, totals).items()}

    expected: dict[str, Fraction] = {}
    for (candidate, category), (count, total) in totals.items():
        points = count * Fraction(by_category.get(category, default))
        points += total * Fraction(by_member) if category == "labor-union" else 0
        expected[candidate] = expected.get(candidate, Fraction(0)) + points
    assert said == expected
