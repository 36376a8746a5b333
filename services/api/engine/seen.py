"""A version as somebody saw it: its number and, in what is kept for long, the history that it ends. Pure."""

from typing import Final, NamedTuple

from services.api.engine.index import Index
from shared.domain.errors import Gone
from shared.domain.events import Version

# `103`, or `103-1f2e3d4c5b6a7988`.
PATTERN: Final = r"^0*[0-9]{1,16}(-[0-9a-f]{16})?$"
PATTERN_FROM_ONE: Final = r"^0*[1-9][0-9]{0,15}(-[0-9a-f]{16})?$"

_FORM: Final = "give a version as an answer had it: 103, or 103-1f2e3d4c5b6a7988 with its history"
# The way out for whoever's text does not match one of these.
FORMS: Final = {PATTERN: _FORM, PATTERN_FROM_ONE: _FORM}


class Reset(Gone):
    """The log has another history by now than the one that is asked about."""

    code = "reset"
    title = "History reset"

    def __init__(self, field: str, seen: "Seen", index: Index) -> None:
        super().__init__(
            field,
            str(seen),
            f"the log of contest {index.contest_id!r} was lost or replaced: it has another history than {seen} is of",
            "forget what you have of this contest and begin anew",
            contest=index.contest_id,
            version=index.version,
            history=index.history,
        )


class Seen(NamedTuple):
    """A version. `history` is None where nobody said."""

    version: Version
    history: str | None = None

    def __str__(self) -> str:
        return f"{self.version}-{self.history}" if self.history else str(self.version)

    def is_other(self, index: Index) -> bool:
        """Whether the index is of another history, as far as can be told."""
        known = self.history is not None and self.version <= index.version
        return known and index.history_at(self.version) != self.history

    def refuse_other(self, field: str, index: Index) -> None:
        """Returns if the index is of the same history, as far as can be told. Raises `Reset`."""
        if self.is_other(index):
            raise Reset(field, self, index)


def seen_at(index: Index, version: Version) -> Seen:
    """A version of this index, with its history."""
    return Seen(version, index.history_at(version))


def read(text: str) -> Seen:
    """Reads `103` or `103-<history>`, as `PATTERN` fits."""
    version, _, history = text.partition("-")
    return Seen(Version(int(version)), history or None)
