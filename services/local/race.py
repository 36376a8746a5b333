"""A simulated race: made-up people, unions and newspapers who endorse, change their minds and are reported late. Pure.

Everything follows from the seed. Commands come in the order in which the desk learned of them.
"""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

CONTEST = "demo-simulated-race"
TITLE = "Race for the Governorship of Avalon (simulated)"
FIRST_DAY = date(2025, 3, 1)
DAYS = 300
PAST_DAY = FIRST_DAY + timedelta(days=150)
_NAMES = (
    "Ada Quillfeather",
    "Bram Oakenshaw",
    "Cora Nightingale-Vex",
    "Dov Marblestone",
    "Elsa Thistlewood",
    "Finn Copperpot",
    "Greta Larkspur",
    "Hugo Wetherby",
)
_FIRST = (
    "Ari",
    "Bea",
    "Cal",
    "Dee",
    "Eli",
    "Fay",
    "Gus",
    "Ida",
    "Jo",
    "Kit",
    "Lou",
    "May",
    "Ned",
    "Ora",
    "Pip",
    "Roy",
)
_LAST = (
    "Ashdown",
    "Birchwater",
    "Crane",
    "Dunmore",
    "Elmsworth",
    "Fennimore",
    "Gale",
    "Hartwell",
    "Inkpen",
    "Jessop",
)
_TRADES = (
    "Bakers",
    "Carpenters",
    "Dockers",
    "Electricians",
    "Gardeners",
    "Nurses",
    "Printers",
    "Teachers",
    "Weavers",
)
_TOWNS = (
    "Northport",
    "Millbrook",
    "Eastvale",
    "Harbor City",
    "Stonebridge",
    "Willowdale",
    "Kingsford",
    "Lakeside",
)
_CATEGORIES = (
    "governor",
    "senator",
    "representative",
    "mayor",
    "statewide-officeholder",
    "labor-union",
    "newspaper",
)
_SHARES = (2, 8, 40, 20, 10, 12, 8)
_CHANCE_OF = {"late": 0.25, "correct": 0.08, "switch": 0.10, "retract": 0.05, "strike": 0.03}


@dataclass
class _Race:
    chance: random.Random
    # (day known, order of making, command): sorted by what became known first
    commands: list[tuple[date, int, dict[str, Any]]] = field(default_factory=list)

    def add(self, known: date, command: dict[str, Any]) -> None:
        number = len(self.commands)
        said = {
            "id": f"demo-{number:04d}",
            "known_at": known.isoformat(),
            "recorded_by": "demo",
            "source": {"title": "simulated"},
        }
        self.commands.append((known, number, {**command, **said}))

    def soon(self, after: date, most: int) -> date:
        return after + timedelta(days=self.chance.randint(1, most))


def opening() -> dict[str, Any]:
    """The command that opens the contest."""
    day = FIRST_DAY.isoformat()
    candidates = [{"candidate": slug(name), "name": name, "party": "", "entered_at": day} for name in _NAMES]
    return {
        "contest": CONTEST,
        "title": TITLE,
        "timezone": "America/New_York",
        "clock": "imported",
        "opened_at": day,
        "candidates": candidates,
        "id": "demo-open",
        "known_at": day,
        "recorded_by": "demo",
        "source": {"title": "simulated"},
    }


def race(seed: int, endorsers: int = 320) -> list[dict[str, Any]]:
    """The commands after the opening, in the order in which they became known."""
    # Not for secrets: the same seed gives the same race.
    simulated = _Race(random.Random(seed))  # noqa: S311
    for number in range(endorsers):
        _endorser(simulated, number)
    withdrawal = FIRST_DAY + timedelta(days=210)
    simulated.add(
        withdrawal,
        {"command": "withdraw", "candidate": slug(_NAMES[-1]), "withdrew_at": withdrawal.isoformat()},
    )
    return [command for _, _, command in sorted(simulated.commands, key=lambda made: made[:2])]


def slug(name: str) -> str:
    """A name as an id."""
    return name.lower().replace(" ", "-")


def _endorser(simulated: _Race, number: int) -> None:
    chance = simulated.chance
    announced = FIRST_DAY + timedelta(days=int(DAYS * chance.random() ** 0.8))
    known = announced if chance.random() > _CHANCE_OF["late"] else simulated.soon(announced, 45)
    endorsement = f"demo-endorsement-{number:03d}"
    candidate = _candidate(chance)
    simulated.add(known, _announcement(chance, number, endorsement, candidate, announced))
    _afterwards(simulated, endorsement, candidate, announced, known)


def _afterwards(simulated: _Race, endorsement: str, candidate: str, announced: date, known: date) -> None:
    """At most one thing happens to an endorsement later on."""
    chance = simulated.chance
    draw = chance.random()
    later = simulated.soon(known, 80)
    about = {"endorsement": endorsement}
    for kind in ("correct", "switch", "retract", "strike"):
        draw -= _CHANCE_OF[kind]
        if draw < 0:
            simulated.add(
                later, {"command": kind, **about, **_said(chance, kind, candidate, announced, later)}
            )
            return


def _said(chance: random.Random, kind: str, candidate: str, announced: date, later: date) -> dict[str, Any]:
    if kind == "correct":
        return chance.choice(
            [
                {"announced_at": (announced - timedelta(days=chance.randint(1, 20))).isoformat()},
                {"candidate": _other(chance, candidate)},
                {"endorser": {"id": f"corrected-{chance.randint(1000, 9999)}", "name": _person(chance)}},
            ]
        )
    if kind == "switch":
        return {"candidate": _other(chance, candidate), "switched_at": later.isoformat()}
    if kind == "retract":
        return {
            "retracted_at": (later - timedelta(days=chance.randint(0, (later - announced).days))).isoformat()
        }
    return {"note": "simulated: the report was false"}


def _announcement(
    chance: random.Random, number: int, endorsement: str, candidate: str, announced: date
) -> dict[str, Any]:
    category = chance.choices(_CATEGORIES, _SHARES)[0]
    organization = category in ("labor-union", "newspaper")
    name = _organization(chance, category) if organization else _person(chance)
    return {
        "command": "announce",
        "endorsement": endorsement,
        "endorser": {
            "id": f"{slug(name)}-{number}",
            "name": name,
            "kind": "organization" if organization else "person",
            "place": chance.choice(_TOWNS),
        },
        "candidate": candidate,
        "category": category,
        "members": chance.randint(5, 700) * 1000 if category == "labor-union" else 0,
        "announced_at": announced.isoformat(),
    }


def _candidate(chance: random.Random) -> str:
    return slug(chance.choices(_NAMES, (20, 17, 13, 10, 7, 5, 3, 6))[0])


def _other(chance: random.Random, candidate: str) -> str:
    return slug(chance.choice([name for name in _NAMES if slug(name) != candidate]))


def _person(chance: random.Random) -> str:
    return f"{chance.choice(_FIRST)} {chance.choice(_LAST)}"


def _organization(chance: random.Random, category: str) -> str:
    town = chance.choice(_TOWNS)
    return f"{town} {chance.choice(_TRADES)}" if category == "labor-union" else f"{town} Herald"
