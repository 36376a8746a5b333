"""Where a webhook may go: https to public addresses, unless development allows all.

The connection goes to an address that was checked: a name that answers otherwise a moment later reaches nothing.
"""

import ipaddress
from typing import NamedTuple

import httpx

from shared.domain.errors import Invalid

# Addresses that stand for others: what they lead to is not seen.
_TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_PORTS = {"https": 443, "http": 80}


class Target(NamedTuple):
    """Where a URL leads, as far as can be told without asking anybody."""

    url: httpx.URL
    host: str
    port: int


def target_of(url: str, development: bool) -> Target:
    """Reads a webhook's URL. Raises `Invalid`."""
    try:
        found = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise _refused(url, str(error)) from None
    if found.scheme not in (("https", "http") if development else ("https",)):
        raise _refused(url, "it does not begin with https://")
    if not found.host:
        raise _refused(url, "it names no host")
    if found.userinfo:
        raise _refused(url, "it holds a password; messages are signed, so it needs none")
    if found.fragment:
        raise _refused(url, "it has a fragment, which is never sent")
    host = found.raw_host.decode("ascii").strip("[]")
    if not development and is_address(host) and not is_public(host):
        raise _refused(url, f"{host} is not a public address")
    return Target(found, host, found.port or _PORTS[found.scheme])


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet's, and nothing that stands for another."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped or ip.sixtofour or ip.teredo or any(ip in network for network in _TRANSLATED):
            return False
        if ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def is_address(host: str) -> bool:
    """Whether a host is an address, and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _refused(url: str, why: str) -> Invalid:
    return Invalid(
        "url",
        url[:200],
        f"{url[:200]!r} cannot be a webhook's address: {why}",
        "give https://HOST/PATH of a public host",
    )
