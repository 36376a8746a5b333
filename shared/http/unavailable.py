"""What a failing storage means, as RFC 9457 problems: nothing was acknowledged, and what to do."""

from typing import Any, NamedTuple

from redis import exceptions

from shared.domain.errors import UnreadableEvent
from shared.projection.parking import Held
from shared.storage.archive import ArchiveMissing
from shared.storage.damage import Damaged, of_wrong_type
from shared.storage.history import Inconsistent
from shared.storage.log import NotReplicated
from shared.values.text import sentence


class FallenBehind(Exception):
    """The scorers are too far behind a contest's log to take more for it."""

    def __init__(self, contest: str, version: int, folded: int) -> None:
        super().__init__(f"contest {contest!r} stands at version {version}, and is folded up to {folded}")


# What keeps one contest from taking more, and what keeps all of them.
OF_ONE_CONTEST = (UnreadableEvent, FallenBehind)
OF_THE_STORAGE = (exceptions.RedisError, exceptions.RedisClusterException)


class _Failure(NamedTuple):
    """One way to fail: the beginning of the server's error, and what it means."""

    begins: str
    code: str
    title: str
    meaning: str
    retry_after_seconds: int
    way_out: str = "try again later; a command with an id of its own can be repeated safely"


_OTHER = _Failure("", "storage-unavailable", "Storage unavailable", "the Redis server does not answer", 1)
# Source: the error codes of Valkey and Redis, `server.c` (createSharedObjects) and `cluster.c`.
_FAILURES = (
    _Failure(
        "OOM", "storage-full", "Storage full", "the Redis server is out of memory and takes no writes", 30
    ),
    _Failure("MISCONF", "storage-full", "Storage full", "the Redis server cannot write to its disk", 30),
    _Failure("READONLY", "storage-read-only", "Storage read-only", "this Redis server is a replica now", 2),
    _Failure(
        "LOADING", "storage-loading", "Storage loading", "the Redis server is still reading its file", 5
    ),
    _Failure(
        "NOREPLICAS", "storage-not-replicated", "Not replicated", "the Redis server has too few replicas", 5
    ),
    _Failure("CLUSTERDOWN", "storage-unavailable", "Storage unavailable", "a part of the cluster is down", 2),
    _Failure("MASTERDOWN", "storage-unavailable", "Storage unavailable", "the primary is down", 2),
)
_NOT_REPLICATED = _Failure(
    "", "storage-not-replicated", "Not replicated", "too few replicas have the event yet", 2
)
_UNREADABLE = _Failure(
    "",
    "unreadable-event",
    "Unreadable event",
    "the contest's log has an event that this release cannot read",
    60,
)
_ARCHIVE_MISSING = _Failure(
    "",
    "archive-missing",
    "Archive missing",
    "the directory of the contest's archived versions is not there",
    60,
    "bring the directory back where STANDINGS_ARCHIVE names it, or start the service with STANDINGS_ARCHIVE set to "
    "where it is; a command with an id of its own can be repeated safely then",
)
_INCONSISTENT = _Failure(
    "",
    "history-differs",
    "History differs",
    "the contest's log and its projection are not of one history",
    60,
)
_DAMAGED = _Failure(
    "",
    "damaged",
    "Damaged",
    "what is kept of this contest is damaged",
    60,
)
_BEHIND = _Failure(
    "",
    "scorers-behind",
    "Scorers behind",
    "the scorers are too far behind this contest's log",
    5,
)


def problem_of_failure(
    error: Exception,
) -> tuple[dict[str, Any], dict[str, str]]:
    """The members of a 503 problem, and its headers."""
    failure = _failure(error)
    members = {
        "type": f"/problems/{failure.code}",
        "title": failure.title,
        "status": 503,
        "detail": sentence(f"{failure.meaning}, so nothing is acknowledged: {error}"),
        "way_out": failure.way_out,
    }
    return members, {"Retry-After": str(failure.retry_after_seconds)}


def _failure(error: Exception) -> _Failure:
    if isinstance(error, Damaged | Held) or of_wrong_type(error):
        return _DAMAGED
    if isinstance(error, Inconsistent):
        return _INCONSISTENT
    if isinstance(error, ArchiveMissing):
        return _ARCHIVE_MISSING
    if isinstance(error, UnreadableEvent):
        return _UNREADABLE
    if isinstance(error, FallenBehind):
        return _BEHIND
    if isinstance(error, NotReplicated):
        return _NOT_REPLICATED
    for kind, begins in _KINDS.items():
        if isinstance(error, kind):
            return next(failure for failure in _FAILURES if failure.begins == begins)
    return next((failure for failure in _FAILURES if str(error).startswith(failure.begins)), _OTHER)


# redis-py takes the code off these errors' texts.
_KINDS: dict[type[Exception], str] = {
    exceptions.OutOfMemoryError: "OOM",
    exceptions.ReadOnlyError: "READONLY",
    exceptions.BusyLoadingError: "LOADING",
    exceptions.ClusterDownError: "CLUSTERDOWN",
    exceptions.MasterDownError: "MASTERDOWN",
    exceptions.RedisClusterException: "CLUSTERDOWN",
}


def meanings() -> dict[str, tuple[str, str]]:
    """Title and meaning by code."""
    kinds = (
        *_FAILURES,
        _NOT_REPLICATED,
        _UNREADABLE,
        _ARCHIVE_MISSING,
        _INCONSISTENT,
        _DAMAGED,
        _BEHIND,
        _OTHER,
    )
    return {kind.code: (kind.title, kind.meaning) for kind in kinds}
