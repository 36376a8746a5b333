"""Whom commands are taken from: programs, and pages of this service's own host, under names that are known to be its.

A page of anybody's can make a browser send to this machine and this network. What the browser adds tells: `Origin` and
`Sec-Fetch-Site`, and `Host` where a foreign name was made to lead here (DNS rebinding); an address cannot be.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import ip_address

from shared.http.refusals import ForeignOrigin, Misdirected

Headers = Iterable[tuple[bytes, bytes]]
_HOST = re.compile(r"(\[(?P<six>[^\]]+)\]|(?P<name>[^:\[\]]+))(:[0-9]*)?")
_TOLD_BY_BROWSERS = {b"origin": "Origin", b"sec-fetch-site": "Sec-Fetch-Site"}
_OWN_SITE = frozenset(("same-origin", "none"))
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class Hosts:
    """The hosts that commands are taken for: loopback names, addresses, and those `allowed`, as the setting reads."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self._every = "*" in allowed
        self._names = frozenset(allowed)
        self._under = (".localhost", *(name[1:] for name in allowed if name.startswith("*.")))

    def refuse_foreign(self, headers: Headers) -> None:
        """Raises `Misdirected` and `ForeignOrigin`."""
        hosts: list[str] = []
        pages: list[tuple[bytes, str]] = []
        for name, value in headers:
            if name == b"host":
                hosts.append(value.decode("latin-1"))
            elif name in _TOLD_BY_BROWSERS:
                pages.append((name, value.decode("latin-1")))
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            raise Misdirected(hosts[0] if len(hosts) == 1 else None)
        for name, page in pages:
            if not (_of(page, hosts[0]) if name == b"origin" else page in _OWN_SITE):
                raise ForeignOrigin(_TOLD_BY_BROWSERS[name], page, hosts[0])

    def _is_ours(self, host: str) -> bool:
        read = _HOST.fullmatch(host.lower())
        if read is None:
            return False
        name = (read["name"] or "").removesuffix(".")
        if self._every or name == "localhost" or name in self._names or name.endswith(self._under):
            return True
        return _is_address(read["six"] or name)


@lru_cache(maxsize=1024)
def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _of(origin: str, host: str) -> bool:
    """Whether an origin is of this host and port, as far as a page can be: the default port may be left out."""
    host = host.lower()
    scheme, _, authority = origin.lower().partition("://")
    port = _DEFAULT_PORTS.get(scheme, "")
    return authority != "" and authority.removesuffix(port) == host.removesuffix(port)
