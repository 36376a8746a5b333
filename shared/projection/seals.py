"""Digests by which a state that is read is known to be what was written. Pure.

An endorsement carries the digest of its contest, its field and itself; so does what is noted of a pair. What each
commit writes anew (totals, chain …) is under one *seal*, with the ledger's version: none of it can be older than the
rest. They find damage and what was written by mistake; whoever means to deceive can make a digest too.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

_SIZE = 8
_BEGINS = b'{"digest":"'
_DIGEST_ENDS = len(_BEGINS) + 2 * _SIZE
_BODY_BEGINS = _DIGEST_ENDS + len(b'",')


class Stock(NamedTuple):
    """What is known of a state as a whole.

    Its fields may be without a digest up to version `since`, as an earlier release wrote them. It has so many `fields`,
    and `lacks` so many of those that every commit writes. `contest` is the digest of that field.
    """

    since: int
    fields: int
    lacks: int
    contest: str


class Seal(NamedTuple):
    """A seal as it is stored: of which version, `since` and `fields` as in `Stock`, and the digest."""

    version: int
    since: int
    fields: int
    digest: str

    def __str__(self) -> str:
        return f"{self.version} {self.since} {self.fields} {self.digest}"


def digests(contest: str) -> Callable[[str, bytes], str]:
    """What makes the digest of a field and its value, 16 hexadecimal digits."""
    begins = contest.encode() + b"\n"

    def digest_of(field: str, value: bytes) -> str:
        return blake2b(begins + field.encode() + b"\n" + value, digest_size=_SIZE).hexdigest()

    return digest_of


def digest(contest: str, field: str, value: bytes) -> str:
    """The digest of a field and its value."""
    return digests(contest)(field, value)


def seal(contest: str, version: int, stock: Stock, *values: bytes) -> Seal:
    """The seal on these values, which each commit writes anew, and on what is known of the rest."""
    said = f"{version} {stock.since} {stock.fields} {stock.contest}\n".encode() + b"\n".join(values)
    return Seal(version, stock.since, stock.fields, digest(contest, "seal", said))


def seal_of(stored: bytes) -> Seal:
    """A seal as it was stored. Raises `ValueError`."""
    version, since, fields, said = stored.decode().split(" ")
    return Seal(int(version), int(since), int(fields), said)


def pair_with_digest(
    digest_of: Callable[[str, bytes], str], field: str, version: int, ids: tuple[str, ...]
) -> str:
    """What is noted of a pair, as it is stored: `#<digest>:<version> <id> …`."""
    said = f"{version} {' '.join(ids)}"
    return f"#{digest_of(field, said.encode())}:{said}"


def pair_of(contest: str, field: str, stored: bytes) -> tuple[int, tuple[str, ...]]:
    """The version in which it was written and the ids; 0 if it has no digest. Raises `ValueError`."""
    if not stored.startswith(b"#"):
        return 0, tuple(stored.decode().split())
    said_digest, _, said = stored[1:].partition(b":")
    if digest(contest, field, said).encode() != said_digest:
        raise ValueError("its digest is of something else")
    version, *ids = said.decode().split(" ")
    return int(version), tuple(ids)


def endorsement_of(contest: str, field: str, stored: bytes) -> tuple[bytes, bool]:
    """The endorsement's JSON, and whether it has a digest. Raises `ValueError`."""
    if not stored.startswith(_BEGINS):
        return stored, False
    body = b"{" + stored[_BODY_BEGINS:]
    if digest(contest, field, body).encode() != stored[len(_BEGINS) : _DIGEST_ENDS]:
        raise ValueError("its digest is of something else")
    return body, True
