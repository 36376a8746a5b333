"""Commands and events with sensible values for everything that a test does not care about."""

from typing import Any

from services.ingest.commands import COMMAND, Command
from services.ingest.decide import decide
from shared.domain.book import Book
from shared.domain.events import Event, Recorded

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


def announcement(endorsement: str = "e", endorser: str = "jane", **said: Any) -> Command:
    """Jane, a governor, endorses ann on 1 June 2020."""
    facts = {
        "endorsement": endorsement,
        "endorser": {"id": endorser, "name": endorser.title()},
        "candidate": "ann",
        "category": "governor",
        "announced_at": "2020-06-01",
    }
    return command("announce", **{**facts, **said})


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
        events = decide(one, self.book, now, f"id-{len(self.recorded)}")
        for event in events:
            version = self.book.version + 1
            recorded = Recorded(version, f"event-{version}", now, event)
            self.book.take(recorded)
            self.recorded.append(recorded)
        return events
