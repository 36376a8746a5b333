"""A tiny ledger that takes an import's commands and refuses what ingest refuses; and that it does refuse."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from services.cli.importers.snapshot_rows import SnapshotRow
from shared.domain.times import start_of

Command = dict[str, Any]
Span = tuple[int, int]
FOREVER = "9998-12-31"


@dataclass(frozen=True)
class Entry:
    endorsement: str
    endorser: dict[str, str]
    candidate: str
    category: str
    members: int
    announced_at: str
    retracted_at: str | None = None

    @property
    def span(self) -> Span:
        return start_of(self.announced_at, "UTC"), start_of(self.retracted_at or FOREVER, "UTC")


@dataclass
class Ledger:
    """Endorsements and candidates as commands leave them."""

    candidates: set[str] = field(default_factory=set)
    entries: dict[str, Entry] = field(default_factory=dict)
    struck: set[str] = field(default_factory=set)
    event_ids: set[str] = field(default_factory=set)

    def take(self, commands: Iterable[Command]) -> None:
        for command in commands:
            assert command["id"] not in self.event_ids, "an event id comes twice"
            assert command["id"].isascii()
            assert command["id"].isprintable()
            assert len(command["id"]) <= 200
            assert command["source"].get("url") or command["source"].get("title")
            assert command["recorded_by"]
            assert command["known_at"]
            self.event_ids.add(command["id"])
            handlers: dict[str, Callable[[Command], None]] = {
                "enter": self.enter,
                "announce": self.announce,
                "switch": self.switch,
                "correct": self.correct,
                "retract": self.retract,
                "strike": self.strike,
            }
            handlers[command["command"]](command)

    def enter(self, command: Command) -> None:
        assert command["candidate"] not in self.candidates, "entered already"
        self.candidates.add(command["candidate"])

    def announce(self, command: Command) -> None:
        assert command["endorsement"] not in self.entries.keys() | self.struck, "the endorsement id is taken"
        names = ("endorsement", "endorser", "candidate", "category", "members", "announced_at")
        self._put(Entry(**{name: command[name] for name in names}))

    def switch(self, command: Command) -> None:
        old = self.entries[command["endorsement"]]
        self.retract({**command, "retracted_at": command["switched_at"]})
        changed = {name: command[name] for name in ("endorser", "category", "members") if name in command}
        assert command["candidate"] != old.candidate
        assert command["new_endorsement"] not in self.entries.keys() | self.struck
        begun = {
            "announced_at": command["switched_at"],
            "retracted_at": None,
            "candidate": command["candidate"],
        }
        self._put(replace(old, endorsement=command["new_endorsement"], **begun, **changed))

    def correct(self, command: Command) -> None:
        old = self.entries[command["endorsement"]]
        names = ("endorser", "candidate", "category", "members", "announced_at", "retracted_at")
        corrected = replace(old, **{name: command[name] for name in names if name in command})
        assert corrected != old, "nothing to correct"
        self._put(corrected)

    def retract(self, command: Command) -> None:
        old = self.entries[command["endorsement"]]
        assert old.retracted_at is None, "retracted already"
        assert start_of(command["retracted_at"], "UTC") >= old.span[0], "ends before it begins"
        self._put(replace(old, retracted_at=command["retracted_at"]))

    def strike(self, command: Command) -> None:
        assert command["note"]
        del self.entries[command["endorsement"]]
        self.struck.add(command["endorsement"])

    def _put(self, entry: Entry) -> None:
        assert entry.candidate in self.candidates, "unknown candidate"
        for other in self.entries.values():
            if other.endorsement != entry.endorsement and pair(other) == pair(entry):
                assert other.span[1] <= entry.span[0] or entry.span[1] <= other.span[0], "already endorsed"
        self.entries[entry.endorsement] = entry

    def answer(self) -> list[dict[str, Any]]:
        """As the API lists them with state=all."""
        return [
            {**vars(entry), "version": number} for number, entry in enumerate(self.entries.values(), start=1)
        ]

    def active(self) -> list[tuple[str, ...]]:
        return sorted(
            (
                *(e.endorser[name] for name in ("name", "position", "party", "place")),
                *(e.candidate, e.category, e.announced_at),
            )
            for e in self.entries.values()
            if e.retracted_at is None
        )

    def endorser_ids(self) -> set[str]:
        return {entry.endorser["id"] for entry in self.entries.values()}

    def story(self, name: str) -> list[tuple[str, str, str | None]]:
        """What one endorser did, in order of time."""
        told = [e for e in self.entries.values() if e.endorser["name"] == name]
        return [(e.candidate, e.announced_at, e.retracted_at) for e in sorted(told, key=lambda e: e.span)]


def pair(entry: Entry) -> tuple[str, str]:
    return entry.endorser["id"], entry.candidate


def listed(rows: Iterable[SnapshotRow]) -> list[tuple[str, ...]]:
    """The rows as `Ledger.active` shows endorsements."""
    return sorted(
        (row.endorser, row.position, row.party, row.place, row.candidate, row.category, row.date)
        for row in rows
    )


def announcement(**facts: object) -> Command:
    return {
        "command": "announce",
        "id": "1",
        "known_at": "2019-05-01",
        "recorded_by": "a test",
        "source": {"title": "a test"},
        "endorsement": "first",
        "endorser": {"id": "ed-rendell", "name": "Ed Rendell", "position": "", "party": "", "place": ""},
        "candidate": "joe-biden",
        "category": "governor",
        "members": 0,
        "announced_at": "2019-04-22",
        **facts,
    }


def test_the_ledger_refuses_a_second_announcement_while_the_first_is_in_force() -> None:
    ledger = Ledger(candidates={"joe-biden"})
    ledger.take([announcement()])

    with pytest.raises(AssertionError, match="already endorsed"):
        ledger.take([announcement(id="2", endorsement="second", announced_at="2019-04-30")])


def test_the_ledger_takes_an_announcement_on_the_day_of_the_retraction() -> None:
    ledger = Ledger(candidates={"joe-biden"})
    ledger.take([announcement()])
    ledger.take([{**announcement(id="2", retracted_at="2019-04-30"), "command": "retract"}])

    ledger.take([announcement(id="3", endorsement="second", announced_at="2019-04-30")])

    assert ledger.story("Ed Rendell") == [
        ("joe-biden", "2019-04-22", "2019-04-30"),
        ("joe-biden", "2019-04-30", None),
    ]


def test_the_ledger_refuses_the_id_of_a_struck_endorsement() -> None:
    ledger = Ledger(candidates={"joe-biden"})
    ledger.take([announcement()])
    ledger.take([{**announcement(id="2", note="an error"), "command": "strike"}])

    with pytest.raises(AssertionError, match="taken"):
        ledger.take([announcement(id="3")])
