"""Importing files: reading them, finding out what is new, and sending it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from services.console.client import REFUSED, WRONG_USAGE, Client, Failed
from services.console.output import err, warn
from services.ingest.importers import fivethirtyeight, snapshots, table
from services.ingest.importers.rows import BadRow

Format = Literal["fivethirtyeight-2020", "csv", "ndjson"]
Mode = Literal["mirror", "history"]
OnError = Literal["abort", "skip"]
# A batch that is taken whole has at most 10,000 lines.
_WHOLE, _CHUNK = 10_000, 1000


@dataclass
class Imported:
    """What came of one file."""

    file: str
    commands: dict[str, int] = field(default_factory=dict)
    taken: int = 0
    refused: int = 0
    skipped: int = 0
    version: int = 0


@dataclass(frozen=True)
class Import:
    """How files are imported into a contest."""

    client: Client
    contest: str
    mode: Mode
    on_error: OnError
    recorded_by: str

    def snapshots_of(self, files: Iterable[Path], known_at: list[str]) -> list[Imported]:
        """Imports snapshots of FiveThirtyEight's table in the order of their days. Raises `Failed`."""
        dated = sorted(_dated(list(files), known_at))
        read = [(day, file, *fivethirtyeight.read(_text(file))) for day, file in dated]
        self._refuse_bad(((file, bad) for _, file, _, bad in read), always=True)
        done: list[Imported] = []
        for day, file, rows, _ in read:
            current, candidates = self._current(day)
            commands = snapshots.commands(
                rows,
                current,
                candidates,
                contest=self.contest,
                known_at=day,
                mode=self.mode,
                recorded_by=self.recorded_by,
            )
            done.append(self._send(file, commands, 0))
        return done

    def tables(self, files: Iterable[Path], form: Format) -> list[Imported]:
        """Imports CSV or NDJSON files of our own. Raises `Failed`."""
        read = [(file, *self._read(file, form)) for file in files]
        self._refuse_bad((file, bad) for file, _, bad in read)
        return [self._send(file, commands, len(bad)) for file, commands, bad in read]

    def _read(self, file: Path, form: Format) -> tuple[list[dict[str, Any]], list[BadRow]]:
        if form == "csv":
            return table.read_csv(_text(file), contest=self.contest, recorded_by=self.recorded_by)
        return table.read_ndjson(_bytes(file), contest=self.contest, recorded_by=self.recorded_by)

    def _refuse_bad(self, found: Iterable[tuple[Path, list[BadRow]]], always: bool = False) -> None:
        """Names every bad row. A snapshot with one is refused always: a row left out would count as vanished."""
        total = 0
        for file, bad in found:
            total += len(bad)
            for row in bad:
                warn(f"{file}:{row.line}: {row.column}: {row.value!r}: {row.reason}")
        if total and (always or self.on_error == "abort"):
            raise Failed(
                {
                    "title": "Bad rows",
                    "detail": f"{total} rows cannot be read, so nothing was imported",
                    "way_out": "mend them"
                    + ("" if always else ", or import the others with --on-error skip"),
                },
                REFUSED,
            )

    def _current(self, day: str) -> tuple[list[dict[str, Any]], list[str]]:
        """The endorsements and candidates that the contest has, as it was known on the snapshot's day."""
        contest = self.client.ask(f"/v1/contests/{self.contest}")
        path = f"/v1/contests/{self.contest}/endorsements"
        asked = {"state": "all", "known_at": day, "min_version": contest["version"]}
        known = self.client.whole(path, "endorsements", asked)
        return known["endorsements"], [candidate["candidate"] for candidate in contest["candidates"]]

    def _send(self, file: Path, commands: list[dict[str, Any]], skipped: int) -> Imported:
        kinds = Counter(str(command["command"]) for command in commands)
        done = Imported(str(file), dict(kinds), skipped=skipped)
        whole = self.on_error == "abort" and len(commands) <= _WHOLE
        size = _WHOLE if whole else _CHUNK
        if not commands:
            return done
        with _bar(file.name, len(commands)) as progress:
            for first in range(0, len(commands), size):
                chunk = commands[first : first + size]
                answers = self.client.batch(
                    self.contest, chunk, "abort" if self.on_error == "abort" else "continue"
                )
                self._count(done, answers)
                progress.advance(progress.task_ids[0], len(chunk))
        if done.version:
            self.client.ask(f"/v1/contests/{self.contest}", min_version=done.version, wait_ms=10_000)
        return done

    def _count(self, done: Imported, answers: list[dict[str, Any]]) -> None:
        for answer in answers[:-1]:
            if "problem" in answer:
                warn(f"{done.file}: command {answer['line']}: {answer['problem']['detail']}")
        summary = answers[-1]["summary"]
        done.taken += summary["taken"]
        done.refused += summary["refused"]
        done.version = max(done.version, summary["version"])


def _dated(files: list[Path], known_at: list[str]) -> list[tuple[str, Path]]:
    """Each file with the day on which it was caught: as given, else from its name."""
    if known_at and len(known_at) != len(files):
        raise Failed(
            {
                "title": "Wrong usage",
                "detail": f"{len(known_at)} times --known-at for {len(files)} files",
                "way_out": "give one for each file, in their order, or none",
            },
            WRONG_USAGE,
        )
    if known_at:
        return list(zip(known_at, files, strict=True))
    named = [(fivethirtyeight.known_at_of(file.name), file) for file in files]
    for day, file in named:
        if day is None:
            raise Failed(
                {
                    "title": "Wrong usage",
                    "detail": f"the name {file.name!r} does not end in as-of-YYYY-MM-DD",
                    "way_out": "say with --known-at when it was caught",
                },
                WRONG_USAGE,
            )
    return [(day, file) for day, file in named if day is not None]


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Failed({"title": "File not read", "detail": f"{file}: {error.strerror}"}, WRONG_USAGE) from None


def _text(file: Path) -> str:
    try:
        return _bytes(file).decode()
    except UnicodeDecodeError as error:
        raise Failed({"title": "File not read", "detail": f"{file}: not UTF-8: {error}"}, REFUSED) from None


def _bar(name: str, total: int) -> Progress:
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
    )
    progress.add_task(name, total=total)
    return progress


def created(
    client: Client,
    contest: str,
    title: str,
    timezone: str,
    recorded_by: str,
    files: list[Path],
    known_at: list[str],
    form: Format,
) -> None:
    """Opens the contest if it is not open. A contest of snapshots knows what the first of them knew, when it did."""
    known = {one["contest"] for one in client.ask("/v1/contests")["contests"]}
    if contest in known:
        return
    said: dict[str, object] = {
        "id": f"import-open/{contest}",
        "contest": contest,
        "title": title,
        "timezone": timezone,
        "recorded_by": recorded_by,
    }
    if form == "fivethirtyeight-2020":
        first = min(day for day, _ in _dated(files, known_at))
        said |= {"clock": "imported", "known_at": first, "opened_at": first}
    version = client.tell("/v1/contests", said)["version"]
    client.ask(f"/v1/contests/{contest}", min_version=version, wait_ms=10_000)
