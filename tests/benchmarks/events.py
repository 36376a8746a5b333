"""Made-up events and commands for measuring: every one is an announcement by an endorser of its own."""

from collections.abc import Iterator

import orjson

from shared.domain.events import Announced, CandidateEntered, ContestOpened, Endorser, Event, Source

CONTEST = "bench"
_CANDIDATES = tuple(f"candidate-{n}" for n in range(20))
_CATEGORIES = ("governor", "senator", "representative", "mayor", "labor-union", "dnc-member")


def opening(contest: str = CONTEST) -> Iterator[Event]:
    """The events that open a contest."""
    yield ContestOpened(
        contest=contest,
        title="Benchmark",
        timezone="America/New_York",
        clock="server",
        opened_at="2019-01-01",
        recorded_by="bench",
    )
    for candidate in _CANDIDATES:
        yield CandidateEntered(
            candidate=candidate, name=candidate, party="D", entered_at="2019-01-01", recorded_by="bench"
        )


def announcement(number: int) -> Announced:
    """The announcement of this number."""
    return Announced(
        endorsement=f"endorsement-{number}",
        endorser=Endorser(
            f"endorser-{number}", f"Endorser {number}", position="governor", party="D", place="PA"
        ),
        candidate=_CANDIDATES[number * 7 % len(_CANDIDATES)],
        category=_CATEGORIES[number % len(_CATEGORIES)],
        members=0,
        announced_at=f"2019-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
        recorded_by="bench",
        source=Source(url=f"https://news.example/2019/article-{number}"),
    )


def command(number: int) -> bytes:
    """The same announcement as a line of a batch."""
    event = announcement(number)
    said = {
        "command": "announce",
        "id": f"event-{number}",
        "endorsement": event.endorsement,
        "endorser": {"id": event.endorser.id, "name": event.endorser.name, "party": "D", "place": "PA"},
        "candidate": event.candidate,
        "category": event.category,
        "announced_at": event.announced_at,
        "source": {"url": event.source.url},
        "recorded_by": "bench",
    }
    return orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE)
