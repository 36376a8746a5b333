"""What is recorded for releases to come: one contest of each kind, with everything that an event may say. Pure."""

from collections.abc import Iterator
from typing import Any, NamedTuple

CATEGORIES = ("governor", "senator", "representative", "mayor", "labor-union", "newspaper")
ZONES = {"plain": "America/New_York", "imported": "Europe/Berlin", "archived": "UTC", "rebuilt": "Asia/Tokyo"}

CONTESTS = (*ZONES, "odd", "local")


class Command(NamedTuple):
    """A command as HTTP takes it."""

    path: str
    body: dict[str, Any]


def commands() -> Iterator[Command]:
    """Every command, in order."""
    for contest, zone in ZONES.items():
        yield from _contest(contest, zone, imported=contest == "imported")
    yield from _odd()


def _contest(contest: str, zone: str, *, imported: bool) -> Iterator[Command]:
    known = _known_times() if imported else iter(dict, None)
    clock = "imported" if imported else "server"

    def said(path: str, id_: str, **body: Any) -> Command:
        source = {
            "title": "Example Times",
            "url": "https://example.org/é?a=1&b=2",
            "quote": "“Yes”, she said",
        }
        return Command(path, {"id": id_, "recorded_by": "desk", "source": source, **next(known), **body})

    candidates = [
        {"candidate": one, "name": f"{one.title()} Éxample", "party": "P"} for one in ("ann", "bob")
    ]
    opening = {"title": f"The {contest} race", "timezone": zone, "clock": clock, "opened_at": "2024-12-01"}
    yield said("/v1/contests", "open", contest=contest, candidates=candidates, **opening)
    under = f"/v1/contests/{contest}"
    yield said(f"{under}/candidates", "enter", candidate="cy", name="Cy", entered_at="2025-01-05")
    about = f"{under}/endorsements"
    for n in range(24):
        endorser = {"id": f"p-{n}", "name": f"Person {n} Ñ", "position": "Mayor", "place": "Avalon"}
        yield said(
            about,
            f"a-{n}",
            endorsement=f"e-{n}",
            endorser=endorser,
            candidate=("ann", "bob", "cy")[n % 3],
            category=CATEGORIES[n % 6],
            members=n * 1_000 if CATEGORIES[n % 6] == "labor-union" else 0,
            announced_at=("2025-02-{:02d}", "2025-02-{:02d}~", "2025-02-{:02d}T23:30:00-05:00")[n % 3].format(
                n + 1
            ),
        )
    # Reported late, uncertain, and ended already.
    for n, begins in enumerate(("2025-01", "2025?", "2025-01-20%")):
        endorser = {"id": f"late-{n}", "name": f"Late {n}", "kind": "organization"}
        ends = {"retracted_at": "2025-02-20"} if n == 2 else {}
        body = {
            "endorser": endorser,
            "candidate": "ann",
            "category": "newspaper",
            "announced_at": begins,
            **ends,
        }
        yield said(about, f"late-{n}", endorsement=f"late-{n}", **body)
    yield said(f"{about}/e-1/retraction", "r-1", retracted_at="2025-03-01")
    yield said(
        f"{about}/e-2/correction", "c-2", announced_at="2025-02-01", category="governor", note="misread"
    )
    yield said(f"{about}/e-1/correction", "c-1", retracted_at=None, note="it was another")
    yield said(f"{about}/e-3/strike", "s-3", note="never said")
    yield said(
        f"{about}/e-4/switch", "w-4", candidate="ann", switched_at="2025-03-05", new_endorsement="e-4b"
    )
    yield said(f"{about}/e-10/correction", "c-10", members=123_456_789)
    yield said(f"{under}/candidates/cy/withdrawal", "out", withdrew_at="2025-03-10")


def _known_times() -> Iterator[dict[str, Any]]:
    for n in range(1_000):
        yield {"known_at": f"2025-{3 + n // 28:02d}-{n % 28 + 1:02d}T12:00:00Z"}


def _odd() -> Iterator[Command]:
    """What was once taken though no document said so."""
    source = {"title": "T\u202eitle"}
    common = {"recorded_by": "desk\u0000one", "source": source}
    candidates = [{"candidate": "ann", "name": "A\u202enn"}]
    opening = {
        "contest": "odd",
        "title": "Odd \u0000 \u2066title",
        "candidates": candidates,
        "opened_at": "2024-12-01",
    }
    yield Command("/v1/contests", {"id": "open", **common, **opening, "timezone": "UTC"})
    times = (
        "20250422T130500Z",
        "2025-W17-2T13:05:00Z",
        "2025-04-22 13:05:00Z",
        "2025-04-22T13:05:00.1234567890Z",
        "2025-04-22T13:05:00+01:00:30",
        "2025-04-22T13Z",
        "2025-04-22T13:05Z",
    )
    for n, begins in enumerate(times):
        endorser = {"id": f"odd-{n}", "name": f"Odd\u0000 {n}\u200f", "position": "a\tb\nc"}
        body = {"endorser": endorser, "candidate": "ann", "category": "governor", "announced_at": begins}
        yield Command(
            "/v1/contests/odd/endorsements", {"id": f"odd-{n}", "endorsement": f"odd-{n}", **common, **body}
        )
    opening = {"contest": "local", "title": "Local", "timezone": "localtime", "candidates": candidates}
    yield Command("/v1/contests", {"id": "open", **common, **opening})


def questions(contest: str, version: int) -> Iterator[str]:
    """Addresses whose answers stay as they are."""
    under = f"/v1/contests/{contest}"
    for policy in ("fivethirtyeight-2020@1", "headcount@1"):
        for known in (2, version // 2, version):
            for day in ("2025-01-31", "2025-02-14", "2025-03-20"):
                yield f"{under}/standings/{known}/{policy}/{day}"
    for known in (version // 2, version):
        for day in ("2025-01-31", "2025-02-14", "2025-03-20"):
            yield f"{under}/standings?version={known}&valid_at={day}"
        yield f"{under}/standings?version={known}&valid_at=2025-03-04&format=csv"
        yield f"{under}/standings?version={known}&valid_at=2025-03-04&weights=governor:10,labor-union/member:0.001"
        yield f"{under}/endorsements?version={known}&valid_at=2025-03-04&limit=1000&state=all"
        yield f"{under}/timeline?version={known}&from=2025-01-01&to=2025-03-31&step=week"
        yield f"{under}/timeline?version={known}&axis=known&valid_at=2025-03-04&step=change&format=csv"
    yield f"{under}/revisions?valid_at=2025-03-04"
    yield f"{under}/diff?from_version=5&to_version={version}&from_valid_at=2025-03-04&to_valid_at=2025-03-04"
    yield f"{under}/events?limit=1000"
    yield f"{under}/changes?from_version=1&limit=1000"
    yield f"{under}/certificates"
