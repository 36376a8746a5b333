"""Commands and events with sensible values for everything that a test does not care about."""

from typing import Any

from services.ingest.decision.commands import COMMAND, Command
from services.ingest.decision.decide import decide, known_time
from shared.domain.book import Book
from shared.domain.endorsement import Endorsement
from shared.domain.events import (
    Announced,
    CandidateEntered,
    CandidateWithdrew,
    ContestOpened,
    Corrected,
    Endorser,
    Event,
    Recorded,
    Retracted,
    Struck,
    Version,
)
from shared.domain.times import Instant

CONTEST = "a-race"
ZONE = "America/New_York"
NOW = 1_700_000_000_000_000
_SOURCE = {"title": "a newspaper"}


def command(kind: str, **said: Any) -> Command:
    """A command of this kind."""
    return COMMAND.validate_python(
        {"command": kind, "contest": CONTEST, "recorded_by": "test", "source": _SOURCE, **said}
    )


def opening(**said: Any) -> Command:
    """Opens the contest with candidates ann, bob and cy."""
    candidates = [
        {"candidate": name, "name": name.title(), "entered_at": "2020-01-01"} for name in ("ann", "bob", "cy")
    ]
    return command(
        "open",
        **{"title": "A race", "timezone": ZONE, "opened_at": "2020-01-01", "candidates": candidates, **said},
    )


def announcement(
    endorsement: str | None = "e", endorser: str | dict[str, str] = "jane", **said: Any
) -> Command:
    """Jane, a governor, endorses ann on 1 June 2020."""
    facts = {
        "endorsement": endorsement,
        "endorser": {"id": endorser, "name": endorser.title()} if isinstance(endorser, str) else endorser,
        "candidate": "ann",
        "category": "governor",
        "announced_at": "2020-06-01",
    }
    return command("announce", **{**facts, **said})


def opened(**said: Any) -> ContestOpened:
    """The contest was opened on 1 January 2020."""
    facts = {
        "contest": CONTEST,
        "title": "A race",
        "timezone": ZONE,
        "clock": "server",
        "opened_at": "2020-01-01",
    }
    return ContestOpened(**{"recorded_by": "test", **facts, **said})


def entered(candidate: str = "ann", **said: Any) -> CandidateEntered:
    """The candidate entered on 1 January 2020."""
    facts = {"name": candidate.title(), "party": "", "entered_at": "2020-01-01", "recorded_by": "test"}
    return CandidateEntered(candidate=candidate, **{**facts, **said})


def withdrew(candidate: str = "ann", withdrew_at: str = "2020-06-10") -> CandidateWithdrew:
    """The candidate withdrew on 10 June 2020."""
    return CandidateWithdrew(candidate=candidate, withdrew_at=withdrew_at, recorded_by="test")


def announced(endorsement: str = "e", **said: Any) -> Announced:
    """Jane, a governor, endorsed ann on 1 June 2020."""
    facts = {
        "endorser": Endorser("jane", "Jane"),
        "candidate": "ann",
        "category": "governor",
        "members": 0,
        "announced_at": "2020-06-01",
        "recorded_by": "test",
    }
    return Announced(endorsement=endorsement, **{**facts, **said})


def retracted(endorsement: str = "e", retracted_at: str = "2020-06-10") -> Retracted:
    """It was taken back on 10 June 2020."""
    return Retracted(endorsement=endorsement, retracted_at=retracted_at, recorded_by="test")


def correction(endorsement: str = "e", **said: Any) -> Corrected:
    """It reads otherwise in these fields."""
    return Corrected(endorsement=endorsement, recorded_by="test", **said)


def struck(endorsement: str = "e") -> Struck:
    """It never was."""
    return Struck(endorsement=endorsement, recorded_by="test", note="never was")


def endorsement(**said: Any) -> Endorsement:
    """The state that `announced` leads to."""
    facts = {
        "id": "e",
        "endorser": Endorser("jane", "Jane"),
        "candidate": "ann",
        "category": "governor",
        "members": 0,
        "announced_at": "2020-06-01",
        "retracted_at": None,
        "struck": False,
        "first_version": 1,
        "version": 1,
    }
    return Endorsement(**{**facts, **said})


def numbered(*events: Event) -> list[Recorded]:
    """These events as a log holds them."""
    return [
        Recorded(Version(version), f"event-{version}", Instant(NOW + version), event)
        for version, event in enumerate(events, start=1)
    ]


class Everything(Book):
    """A book of which everything is loaded, as one that took every event from the first."""

    def find(self, endorsement: str) -> Any:
        self.endorsements.setdefault(endorsement, None)
        return super().find(endorsement)

    def _listed(self, pair: tuple[str, str]) -> tuple[str, ...]:
        self.pairs.setdefault(pair, ())
        return super()._listed(pair)


class History:
    """A contest's events as commands bring them about, one second apart."""

    def __init__(self, *commands: Command) -> None:
        self.book = Everything()
        self.recorded: list[Recorded] = []
        for one in commands or (opening(),):
            self.take(one)

    def take(self, one: Command) -> list[Event]:
        """Decides a command and records what follows. Raises `Refused`."""
        now = NOW + len(self.recorded) * 1_000_000
        events = decide(one, self.book, Instant(now), f"id-{len(self.recorded)}")
        known_at = known_time(one, self.book, Instant(now)) if one.known_at else now
        for event in events:
            version = self.book.version + 1
            recorded = Recorded(Version(version), f"event-{version}", Instant(known_at), event)
            self.book.take(recorded)
            self.recorded.append(recorded)
        return events
