"""What tells one history of a contest from another: a digest of everything that its log had up to a version."""

from collections.abc import Mapping
from hashlib import blake2b, sha1

from shared.domain.errors import UnreadableEvent

# Before the first event.
NOTHING = ""


class Inconsistent(UnreadableEvent):
    """Log, ledger and state of a contest are not of one history, so the projection cannot be gone on with."""

    def __init__(self, contest: str, version: int, what: str) -> None:
        super().__init__(f"contest {contest}: {what}")
        self.version, self.found = version, what


class OtherHistory(Inconsistent):
    """The log does not have what the projection was folded from."""

    def __init__(self, contest: str, version: int, recorded: int) -> None:
        has = (
            f"ends at version {recorded}" if recorded < version else f"has another event at version {version}"
        )
        super().__init__(
            contest,
            version,
            f"its projection stands at version {version}, and its log {has}: bring the log back from a replica or a "
            f"backup, or give up what it lost with `standings rebuild {contest}`",
        )


class Torn(Inconsistent):
    """The ledger ends before the state that was committed with it."""

    def __init__(self, contest: str, version: int, state: int) -> None:
        super().__init__(
            contest,
            version,
            f"its ledger ends at version {version}, and its state stands at version {state}: "
            f"`standings rebuild {contest}`",
        )


def digest_of(fields: Mapping[bytes, bytes]) -> str:
    """The digest of a log's entry as it is stored; `commit.lua` makes the same one.

    It tells another log apart. It proves nothing against somebody who can write the log.
    """
    stored = b"\n".join(part for field in fields.items() for part in field)
    return sha1(stored, usedforsecurity=False).hexdigest()


def history_after(before: str, digest: str) -> str:
    """The history after an event of this digest, 16 hexadecimal digits; `before` is the one that it followed."""
    return blake2b(before.encode() + digest.encode(), digest_size=8).hexdigest()
