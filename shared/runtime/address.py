"""Where a deployment's Redis is, as its address says."""

from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit


class UnusableAddress(ValueError):
    """The address cannot be understood; says what it should look like."""


class Address(NamedTuple):
    """Where a deployment's Redis is.

    `kind` is `server`, `cluster` or `sentinel`; `nodes` are (host, port) of cluster nodes or Sentinels, and `primary`
    is the name that Sentinels know theirs by. `options` are for each connection to a node.
    """

    url: str
    kind: str
    nodes: tuple[tuple[str, int], ...] = ()
    primary: str = ""
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed


def address_of(url: str) -> Address:
    """What an address says: `redis://`, `rediss://`, `unix://`; `redis+cluster://HOST:PORT,HOST:PORT`;
    `redis+sentinel://HOST:PORT,HOST:PORT/NAME`; the last two also as `rediss+…`. Raises `UnusableAddress`."""
    parts = urlsplit(url)
    scheme, _, kind = parts.scheme.partition("+")
    if not kind:
        return Address(url, "server")
    if scheme not in ("redis", "rediss") or kind not in ("cluster", "sentinel"):
        raise UnusableAddress(
            f"{parts.scheme}:// is unknown: redis, rediss, unix, redis+cluster and redis+sentinel are"
        )
    user, _, nodes = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    options = {"username": unquote(name), "password": unquote(password)}
    given: dict[str, Any] = {key: value for key, value in options.items() if value}
    if scheme == "rediss":
        given["ssl"] = True
    primary = parts.path.strip("/")
    if kind == "sentinel" and not primary:
        raise UnusableAddress(
            "a Sentinel address ends in the primary's name: redis+sentinel://HOST:PORT/NAME"
        )
    if kind == "cluster" and primary:
        raise UnusableAddress(f"a cluster has no database to choose: leave out /{primary}")
    return Address(url, kind, tuple(_node(node, kind) for node in nodes.split(",")), primary, given)


def _node(said: str, kind: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{said}")
        if parts.hostname:
            return parts.hostname, parts.port or (26379 if kind == "sentinel" else 6379)
    except ValueError:
        pass
    raise UnusableAddress(f"{said!r} is no HOST:PORT")
