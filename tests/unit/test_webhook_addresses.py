"""Where a webhook may go."""

import asyncio
import time

import pytest

from services.webhooks.addresses import is_public, target_of
from services.webhooks.lookups import Addresses, NotPublic
from shared.domain.errors import Invalid

PRIVATE = (
    "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.8.9.10", "169.254.169.254", "172.16.0.1", "192.0.2.1",
    "192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1",
    "::ffff:8.8.8.8", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1",
    "2002:7f00:1::1", "2001:0:7f00:1::1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1",
)  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_of_no_public_host(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:2800:220:1::1", "2a00:1450:4001::1"])
def test_an_address_of_a_public_host(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://example.org/hook?x=1", "example.org", 443),
        ("https://EXAMPLE.org:8443", "example.org", 8443),
        ("https://bücher.example/hook", "xn--bcher-kva.example", 443),
        ("https://[2606:2800:220:1::1]:444/", "2606:2800:220:1::1", 444),
        ("https://8.8.8.8/", "8.8.8.8", 443),
    ],
)
def test_a_url_that_may_be_asked(url: str, host: str, port: int) -> None:
    target = target_of(url, development=False)

    assert (target.host, target.port) == (host, port)


@pytest.mark.parametrize(
    "url",
    [
        "", "example.org", "//example.org", "http://example.org", "file:///etc/passwd", "https://", "https://:443/",
        "https://a:b@example.org/", "https://example.org/#x", "https://127.0.0.1/", "https://[::1]/", "https://0/",
        "https://2130706433/", "https://0x7f.1/", "https://exa mple.org/", "https://example.org:99999/",
    ],
)  # fmt: skip
def test_a_url_that_may_not(url: str) -> None:
    def no_number(host: str) -> list[str]:
        return ["127.0.0.1"]  # as a resolver reads 0, 2130706433 and 0x7f.1

    async def looked_up() -> list[str]:
        return await Addresses(no_number, False, time.monotonic).of(target_of(url, development=False))

    with pytest.raises((Invalid, NotPublic)):
        asyncio.run(looked_up())
