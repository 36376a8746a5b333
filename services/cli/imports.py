"""Importing files: reading them, finding out what is new, and sending it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import orjson
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from services.cli.client import REFUSED, WRONG_USAGE, Failed, ServiceClient
from services.cli.importers import snapshots, table
from services.cli.importers.registry import IMPORTERS, Format, Snapshots, Tables
from services.cli.importers.rows import BadRow, TooManyBadRows
from services.cli.output import err, warn
from shared.values.text import sentence, whole

Mode = Literal["mirror", "history"]
OnError = Literal["abort", "skip"]
# A batch that is taken whole has at most 10,000 lines and 16 MiB; what has more goes in smaller ones.
_WHOLE, _WHOLE_BYTES = 10_000, 16 << 20
_CHUNK, _CHUNK_BYTES = 1000, 8 << 20
# All of a file is read before any of it is sent.
MOST_BYTES = 64 << 20
_MOST_TOLD, _MOST_OF_A_ROW = 1000, 500


Read = TypeVar("Read")


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
    """How files are imported into a contest, for which `ready` is called when they are read and fit to be sent."""

    client: ServiceClient
    contest: str
    mode: Mode
    on_error: OnError
    recorded_by: str
    ready: Callable[[], None] = lambda: None

    def run(self, files: list[Path], form: Format, known_at: list[str]) -> list[Imported]:
        """Imports files of a format. Raises `Failed`."""
        for file in files:
            _look_for(file)
        importer = IMPORTERS[form]
        if isinstance(importer, Tables):
            return self._tables(files, importer)
        return self._snapshots(files, importer, known_at)

    def _snapshots(self, files: list[Path], importer: Snapshots, known_at: list[str]) -> list[Imported]:
        """Imports snapshots in the order of their days."""
        dated = sorted(_dated(files, known_at, importer))
        read = [(day, file, *_read(file, importer.read, _text(file))) for day, file in dated]
        self._refuse_bad(((file, bad) for _, file, _, bad in read), always=True)
        self.ready()
        done: list[Imported] = []
        for day, file, rows, _ in read:
            current, candidates = self._current(day)
            commands = snapshots.commands(
                rows,
                current,
                candidates,
                table=importer.table,
                contest=self.contest,
                known_at=day,
                mode=self.mode,
                recorded_by=self.recorded_by,
            )
            done.append(self._send(file, commands, 0))
        return done

    def _tables(self, files: list[Path], importer: Tables) -> list[Imported]:
        """Imports files of commands."""
        read = [(file, self._read(file, importer)) for file in files]
        self._refuse_bad((file, rows.bad) for file, rows in read)
        self.ready()
        return [self._send(file, rows.commands, len(rows.bad), rows.lines) for file, rows in read]

    def _read(self, file: Path, importer: Tables) -> table.Read:
        content = _text(file) if importer.of_text else _bytes(file)
        return _read(file, importer.read, content, contest=self.contest, recorded_by=self.recorded_by)

    def _refuse_bad(self, tables: Iterable[tuple[Path, list[BadRow]]], always: bool = False) -> None:
        """Names every bad row. A snapshot with one is refused always: a row left out would count as vanished."""
        total = 0
        for file, bad in tables:
            for row in bad[: max(0, _MOST_TOLD - total)]:
                told = f"{row.line}: {row.column}: {row.value[:_MOST_OF_A_ROW]!r}: {row.reason}"
                warn(f"{file}:{sentence(told)}")
            total += len(bad)
        if total > _MOST_TOLD:
            warn(f"and {total - _MOST_TOLD} more")
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

    def _send(
        self, file: Path, commands: list[dict[str, Any]], skipped: int, lines: Sequence[int] = ()
    ) -> Imported:
        """Sends the commands, of which `lines` are the file's; a snapshot's are of no one line."""
        kinds = Counter(str(command["command"]) for command in commands)
        done = Imported(whole(str(file)), dict(kinds), skipped=skipped)
        if not commands:
            return done
        with bar(whole(file.name), len(commands)) as progress:
            begin = 0
            for chunk in self._batches(commands):
                here = lines[begin : begin + len(chunk)]
                self._count(done, self._sent(done.file, chunk, here), begin, here)
                begin += len(chunk)
                progress.advance(progress.task_ids[0], len(chunk))
        if done.version:
            self.client.ask(f"/v1/contests/{self.contest}", min_version=done.version, wait_ms=10_000)
        return done

    def _sent(self, file: str, chunk: list[dict[str, Any]], lines: Sequence[int]) -> list[dict[str, Any]]:
        try:
            return self.client.batch(self.contest, chunk, "abort" if self.on_error == "abort" else "continue")
        except Failed as failed:
            raise _in_file(failed, file, lines) from None

    def _batches(self, commands: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
        fits = sum(len(orjson.dumps(command)) + 1 for command in commands) <= _WHOLE_BYTES
        if self.on_error == "abort" and len(commands) <= _WHOLE and fits:
            yield commands
        else:
            yield from _chunks(commands)

    def _count(self, done: Imported, answers: list[dict[str, Any]], begin: int, lines: Sequence[int]) -> None:
        for answer in answers[:-1]:
            if "problem" in answer:
                number = answer["line"]
                where = f":{lines[number - 1]}" if lines else f": command {begin + number}"
                warn(f"{done.file}{where}: {answer['problem']['detail']}")
        summary = answers[-1]["summary"]
        done.taken += summary["taken"]
        done.refused += summary["refused"]
        done.version = max(done.version, summary["version"])


def _in_file(failed: Failed, file: str, lines: Sequence[int]) -> Failed:
    """The same of the file, where a batch of some of its lines was refused: its lines, not the batch's."""
    refusals = failed.problem.get("refusals")
    if not refusals or not lines:
        return failed
    named = [{**refusal, "line": lines[refusal["line"] - 1]} for refusal in refusals]
    detail = f"{file}: {failed.problem.get('detail', '')}"
    return Failed({**failed.problem, "detail": detail, "refusals": named}, failed.code)


def _dated(files: list[Path], known_at: list[str], importer: Snapshots) -> list[tuple[str, Path]]:
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
    named = [(importer.known_at_of(file.name), file) for file in files]
    for day, file in named:
        if day is None:
            raise Failed(
                {
                    "title": "Wrong usage",
                    "detail": f"the name {file.name!r} does not tell a day, as one that ends in as-of-YYYY-MM-DD does",
                    "way_out": "say with --known-at when it was caught",
                },
                WRONG_USAGE,
            )
    return [(day, file) for day, file in named if day is not None]


def _chunks(commands: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The commands in batches of so many, and of so many bytes where one alone does not have more."""
    chunk: list[dict[str, Any]] = []
    size = 0
    for command in commands:
        length = len(orjson.dumps(command)) + 1
        if chunk and (len(chunk) == _CHUNK or size + length > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(command)
        size += length
    yield chunk


def _read(file: Path, read: Callable[..., Read], content: object, **said: str) -> Read:
    try:
        return read(content, **said)
    except TooManyBadRows as error:
        raise _not_read(file, str(error), REFUSED) from None


def _look_for(file: Path) -> None:
    """Raises `Failed` if there is no such file, whatever its name would say."""
    try:
        file.stat()
    except OSError as error:
        way_out = (
            {"way_out": "look where the files are: no name fits this pattern"} if "*" in file.name else {}
        )
        raise _not_read(file, error.strerror or str(error), WRONG_USAGE, **way_out) from None


def _bytes(file: Path) -> bytes:
    """All of a file, or of a pipe, if it is not too much."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise _not_read(file, error.strerror or str(error), WRONG_USAGE) from None
    if len(content) > MOST_BYTES:
        raise _not_read(file, f"it has more than {MOST_BYTES:,} bytes: import it in parts", REFUSED)
    return content


def _text(file: Path) -> str:
    try:
        return _bytes(file).decode()
    except UnicodeDecodeError as error:
        raise _not_read(file, f"not UTF-8: {error}", REFUSED) from None


def _not_read(file: Path, why: str, code: int, **more: str) -> Failed:
    return Failed({"title": "File not read", "detail": sentence(f"{file}: {why}"), **more}, code)


def bar(name: str, total: int) -> Progress:
    """Shows how many of a file's commands were sent."""
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
    )
    progress.add_task(name, total=total)
    return progress


def created(
    client: ServiceClient,
    contest: str,
    title: str,
    timezone: str,
    recorded_by: str,
    files: list[Path],
    known_at: list[str],
    form: Format,
) -> None:
    """Opens the contest if it is not open. A contest of snapshots knows what the first of them knew, when it did."""
    known = {each["contest"] for each in client.whole("/v1/contests", "contests", {})["contests"]}
    if contest in known:
        return
    said: dict[str, object] = {
        "id": f"import-open/{contest}",
        "contest": contest,
        "title": title,
        "timezone": timezone,
        "recorded_by": recorded_by,
    }
    importer = IMPORTERS[form]
    if isinstance(importer, Snapshots):
        first = min(day for day, _ in _dated(files, known_at, importer))
        said |= {"clock": "imported", "known_at": first, "opened_at": first}
    version = client.tell("/v1/contests", said)["version"]
    client.ask(f"/v1/contests/{contest}", min_version=version, wait_ms=10_000)
