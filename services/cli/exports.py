"""Writing answers to files: whole, in one of the API's formats, or not at all."""

import sys
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from rich.progress import Progress, SpinnerColumn, TextColumn

from services.api.answers.documents import Document
from services.api.answers.formats import FORMATS, Format, Unwritable, write
from services.cli.client import REFUSED, WRONG_USAGE, Failed, ServiceClient
from services.cli.output import err
from shared.runtime.files import open_to_others

# The name that an answer's rows have, and whether they come page by page.
_ROWS = {
    "standings": ("standings", False),
    "timeline": ("points", False),
    "endorsements": ("endorsements", True),
    "revisions": ("revisions", True),
    "revision-risk": ("days", False),
}
_BY_SUFFIX: dict[str, Format] = {suffix: form for form, one in FORMATS.items() for suffix in one.suffixes}
_TIMES = ("valid_at", "known_at")


def export(
    client: ServiceClient,
    contest: str,
    what: str,
    file: Path | None,
    form: Format | None,
    asked: dict[str, object],
    raw: bool,
) -> None:
    """Asks for everything and writes it; CSV is for a program if it is `raw`.

    Raises `Failed`, and then there is no new file.
    """
    form = form or _BY_SUFFIX.get(file.suffix.lower() if file else "", "csv")
    if file is None and not FORMATS[form].is_text and sys.stdout.isatty():
        raise Failed(
            {
                "title": "Not for a terminal",
                "detail": f"{form.capitalize()} is not text",
                "way_out": "name a file with --output",
            },
            WRONG_USAGE,
        )
    document = _document(_ask(client, contest, what, asked), _ROWS[what][0])
    written = _written(document._replace(raw=raw), form)
    if file is None:
        sys.stdout.buffer.write(written)
        sys.stdout.buffer.flush()
    else:
        _replace(file, written)


def _ask(client: ServiceClient, contest: str, what: str, asked: dict[str, object]) -> dict[str, Any]:
    path = f"/v1/contests/{contest}/{what}"
    rows, paged = _ROWS[what]
    if not paged:
        return client.ask(path, **asked)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,.0f} rows"))
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(what, total=None)
        return client.whole(path, rows, asked, lambda seen: progress.update(task, completed=seen))


def _document(answer: dict[str, Any], rows: str) -> Document:
    times = {name: answer.pop(name) for name in _TIMES if name in answer}
    return Document(answer, rows, times)


def _written(document: Document, form: Format) -> bytes:
    try:
        return write(document, form)
    except Unwritable as unwritable:
        raise Failed(
            {
                "title": "Format not installed",
                "detail": f"{unwritable.format} needs {unwritable.package}, which is not installed",
                "way_out": f"install {unwritable.package}, or take csv or ndjson",
            },
            REFUSED,
        ) from None


def _replace(file: Path, written: bytes) -> None:
    """Puts the file there in one step: a reader sees the old one or the new one."""
    try:
        with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as temporary:
            try:
                temporary.write(written)
                temporary.flush()
                open_to_others(temporary.fileno())
                Path(temporary.name).replace(file)
            except BaseException:
                Path(temporary.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise Failed(
            {
                "title": "Cannot write",
                "detail": f"{file}: {error.strerror}",
                "way_out": "name another file with --output",
            },
            REFUSED,
        ) from None
