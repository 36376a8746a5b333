"""Where a webhook may go, as far as its URL tells: https to public hosts, unless development allows all. Pure.

What may be registered is narrower than what is sent to: what was registered under earlier rules goes on.
"""

import re
from typing import NamedTuple

import httpx

from services.webhooks.public_addresses import is_address, is_public
from shared.domain.errors import Invalid

_PORTS = {"https": 443, "http": 80}
# Below lie services that take no webhooks but might take what is sent to them for a command; so does Redis's own port.
_FIRST_FREE_PORT = 1024
_ALLOWED_BELOW = frozenset({443})
_REFUSED_ABOVE = frozenset({6379})
_LAST_PORT = 65_535
# Source: RFC 1035, 2.3.4: a label has 63 octets at most, a name 253 as text. The underscore is in use.
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_LONGEST_NAME = 253
# Source: WHATWG URL, "ends in a number checker": a name that ends so is read as an IPv4 address by some.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_AUTHORITY = re.compile(r"[a-z+.-]+://([^/?#]*)", re.IGNORECASE)
_HOST_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(:[0-9]{1,9})?")
_TOLD = 100


class Target(NamedTuple):
    """Where a URL leads, as far as can be told without asking anybody."""

    url: httpx.URL
    host: str
    port: int


def target_of(url: str, development: bool) -> Target:
    """Reads a webhook's URL. Raises `Invalid`."""
    try:
        target = httpx.URL(url)
        host = target.raw_host.decode("ascii").strip("[]")
        _ = target.host  # fails where a label says that it is encoded and is not
    except httpx.InvalidURL as error:
        raise _refused(url, str(error)) from None
    except UnicodeError:
        raise _refused(url, "its host is no name of a host, or it is no text") from None
    if target.scheme not in (("https", "http") if development else ("https",)):
        raise _refused(url, "it does not begin with https://")
    if not host:
        raise _refused(url, "it names no host")
    if target.userinfo:
        raise _refused(url, "it holds a password; messages are signed, so it needs none")
    if target.fragment:
        raise _refused(url, "it has a fragment, which is never sent")
    if not development and is_address(host) and not is_public(host):
        raise _refused(url, f"{host} is not a public address")
    port = _PORTS[target.scheme] if target.port is None else target.port
    if not 1 <= port <= _LAST_PORT:
        raise _refused(url, f"{port} is no port")
    return Target(target, host, port)


def new_target(url: str, development: bool) -> Target:
    """Reads a URL that is to be registered. Raises `Invalid`."""
    if why := _ambiguous(url):
        raise _refused(url, why)
    target = target_of(url, development)
    if why := _no_host(target.host) or ("" if development else _closed_port(target.port)):
        raise _refused(url, why)
    return target


def _ambiguous(url: str) -> str:
    """Why others might read the URL otherwise; empty if they do not."""
    if "\\" in url:
        return "it has a backslash, which some read as a slash"
    if any(character.isspace() for character in url):
        return "it has a space; write %20"
    if "#" in url:
        return "it has a fragment, which is never sent"
    authority = match[1] if (match := _AUTHORITY.match(url)) else ""
    if "@" in authority:
        return "it holds a user or a password; messages are signed, so it needs none"
    if "[" in authority and "%" in authority:
        return "its address has a zone, which is of one machine only"
    return "" if _HOST_AND_PORT.fullmatch(authority) else "what stands behind its host is no port"


def _no_host(host: str) -> str:
    """Why this is no host to register; empty if it is one."""
    if is_address(host):
        return ""
    if host.endswith("."):
        return "its host has a dot at its end; leave it out"
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return "its host ends in a number and is no IPv4 address of four decimal parts"
    if len(host) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)):
        return "its host is no name of a host: labels of a-z, 0-9 and hyphens, 63 of them at most, and 253 in all"
    return ""


def _closed_port(port: int) -> str:
    free = port >= _FIRST_FREE_PORT and port not in _REFUSED_ABOVE
    return (
        ""
        if free or port in _ALLOWED_BELOW
        else f"port {port} is not one of 443, 8443 and 1024 to 65535 but 6379"
    )


def _refused(url: str, why: str) -> Invalid:
    return Invalid(
        "url",
        url,
        f"{url[:_TOLD]!r} cannot be a webhook's address: {why}",
        "give https://HOST/PATH of a public host, with port 443, 8443 or one from 1024 on",
    )
