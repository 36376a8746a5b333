"""What tells one history of a contest from another: a digest of everything that its log had up to a version."""

from collections.abc import Mapping
from hashlib import blake2b, sha1

# Before the first event.
NOTHING = ""


def digest_of(fields: Mapping[bytes, bytes]) -> str:
    """The digest of a log's entry as it is stored; `commit.lua` makes the same one.

    It is no proof against whoever can write the log, it tells apart what was recorded at another time.
    """
    stored = b"\n".join(part for field in fields.items() for part in field)
    return sha1(stored, usedforsecurity=False).hexdigest()


def history_after(before: str, digest: str) -> str:
    """The history after an event of this digest, 16 hexadecimal digits; `before` is the one that it followed."""
    return blake2b(before.encode() + digest.encode(), digest_size=8).hexdigest()
