"""What every command may be answered by what stands before its route, for the services' OpenAPI documents."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from shared.http.door import QUESTIONS
from shared.http.problem_schema import problems_of
from shared.http.problems import status_of_kind
from shared.http.refusals import BEFORE_EVERY_COMMAND


def describe_command_answers(document: dict[str, Any]) -> None:
    """Adds to each command of a document the answers of the door; what the document says of a status stays."""
    for operation in _commands(document):
        answers = operation["responses"]
        for status, meaning in _meanings().items():
            there = answers.setdefault(str(status), problems_of({status: meaning})[status])
            if there["description"] != meaning:
                there["description"] += f"; or: {meaning}"
        operation["responses"] = dict(sorted(answers.items()))


def _commands(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        for method, operation in path.items():
            if method.upper() not in QUESTIONS:
                yield operation


@cache
def _meanings() -> dict[int, str]:
    """By status, what each kind of refusal means."""
    return {
        status_of_kind(kind): (kind.__doc__ or "").partition("\n")[0].strip(" .")
        for kind in BEFORE_EVERY_COMMAND
    }
