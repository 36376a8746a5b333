"""Damage to what is kept of a contest, and the way out."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import ResponseError

from shared.storage.history import Inconsistent

# A rebuild makes a projection's keys anew, and not those of a log.
_WAY_OUT = "`standings doctor --deep {contest}` says which; if it is no log's, `standings rebuild {contest}`"


class Damaged(Inconsistent):
    """Something of a projection is not what was written, or cannot be read. `found` says what, in a few words."""

    def __init__(self, contest: str, version: int, what: str, way_out: str = "") -> None:
        super().__init__(contest, version, f"{what}: {way_out or f'`standings rebuild {contest}`'}")


def of_wrong_type(error: Exception) -> bool:
    """Whether a command failed because the key holds another type of Redis."""
    return isinstance(error, ResponseError) and "WRONGTYPE" in str(error)


@contextmanager
def named(contest: str, way_out: str = "") -> Iterator[None]:
    """Turns Redis's `WRONGTYPE` into `Damaged`, naming the contest."""
    try:
        yield
    except ResponseError as error:
        if not of_wrong_type(error):
            raise
        what = f"something else lies under a key of it ({error!s:.300})"
        raise Damaged(contest, 0, what, way_out or _WAY_OUT.format(contest=contest)) from error
