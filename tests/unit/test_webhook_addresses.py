"""Where a webhook may go."""

import asyncio
import time
from ipaddress import ip_address, ip_network

import pytest

from services.webhooks.addresses import new_target, target_of
from services.webhooks.lookups import Addresses, NotPublic
from services.webhooks.public_addresses import is_public
from shared.domain.errors import Invalid

PRIVATE = (
    "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.8.9.10", "169.254.169.254", "172.16.0.1", "192.0.2.1",
    "192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1",
    "::ffff:8.8.8.8", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1",
    "2002:7f00:1::1", "2001:0:7f00:1::1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "192.88.99.1", "192.88.99.255",
    "192.0.0.9", "192.0.0.170", "192.31.196.1", "192.52.193.1", "192.175.48.1", "198.19.255.255", "198.51.100.1",
    "203.0.113.1", "239.255.255.255", "254.0.0.1", "100.127.255.255", "172.31.255.255", "0.1.2.3",
    "3fff::1", "3fff:fff:ffff::1", "5f00::1", "100::1", "100:0:0:1::1", "::2", "::a00:1", "::ffff:0:a00:1",
    "2001:1::1", "2001:2::1", "2001:3::1", "2001:4:112::1", "2001:10::1", "2001:20::1", "2001:30::1",
    "2002:808:808::1", "2620:4f:8000::1", "4000::1", "e000::1", "fe00::1", "ffff::1", "1fff::1",
)  # fmt: skip


# One address of each block. Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries.
SPECIAL_PURPOSE = {
    "0.0.0.0/8": "0.1.2.3", "0.0.0.0/32": "0.0.0.0", "10.0.0.0/8": "10.1.2.3", "100.64.0.0/10": "100.100.0.1",
    "127.0.0.0/8": "127.1.2.3", "169.254.0.0/16": "169.254.1.2", "172.16.0.0/12": "172.20.0.1",
    "192.0.0.0/24": "192.0.0.200", "192.0.0.0/29": "192.0.0.1", "192.0.0.8/32": "192.0.0.8",
    "192.0.0.9/32": "192.0.0.9", "192.0.0.10/32": "192.0.0.10", "192.0.0.170/31": "192.0.0.171",
    "192.0.2.0/24": "192.0.2.33", "192.31.196.0/24": "192.31.196.7", "192.52.193.0/24": "192.52.193.7",
    "192.88.99.0/24": "192.88.99.7", "192.88.99.2/32": "192.88.99.2", "192.168.0.0/16": "192.168.7.7",
    "192.175.48.0/24": "192.175.48.7", "198.18.0.0/15": "198.19.0.1", "198.51.100.0/24": "198.51.100.7",
    "203.0.113.0/24": "203.0.113.7", "240.0.0.0/4": "250.0.0.1", "255.255.255.255/32": "255.255.255.255",
    "::1/128": "::1", "::/128": "::", "::ffff:0:0/96": "::ffff:8.8.4.4", "64:ff9b::/96": "64:ff9b::808:808",
    "64:ff9b:1::/48": "64:ff9b:1::808:808", "100::/64": "100::7", "100:0:0:1::/64": "100:0:0:1::7",
    "2001::/23": "2001:1ff::7", "2001::/32": "2001:0:808:808::7", "2001:1::1/128": "2001:1::1",
    "2001:1::2/128": "2001:1::2", "2001:1::3/128": "2001:1::3", "2001:2::/48": "2001:2::7",
    "2001:3::/32": "2001:3::7", "2001:4:112::/48": "2001:4:112::7", "2001:10::/28": "2001:1f::7",
    "2001:20::/28": "2001:2f::7", "2001:30::/28": "2001:3f::7", "2001:db8::/32": "2001:db8:7::7",
    "2002::/16": "2002:808:808::7", "2620:4f:8000::/48": "2620:4f:8000::7", "3fff::/20": "3fff:7::7",
    "5f00::/16": "5f00:7::7", "fc00::/7": "fd00:7::7", "fe80::/10": "fe80::7",
}  # fmt: skip


@pytest.mark.parametrize("block", SPECIAL_PURPOSE)
def test_an_address_of_a_block_for_a_special_purpose(block: str) -> None:
    address = SPECIAL_PURPOSE[block]

    assert ip_address(address) in ip_network(block)
    assert not is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_of_no_public_host(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "93.184.216.34",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.88.98.255",
        "192.88.100.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:2800:220:1::1",
        "2a00:1450:4001::1",
        "2001:200::1",
        "2001:4860::1",
        "2003::1",
        "3ffe:ffff::1",
    ],
)
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


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/", "https://example.org:443/", "https://example.org:8443/", "https://example.org:1024/",
        "https://example.org:65535/", "https://Sub.EXAMPLE.org/a?b=c", "https://bücher.example/", "https://faß.de/",
        "https://xn--bcher-kva.example/", "https://a_b.example.org/", f"https://{'a' * 63}.org/", "https://8.8.8.8/",
        "https://[2606:2800:220:1::1]:8443/", "https://1.example/", "https://example.org/%5C?%40", "https://ex.org/@",
        "https://" + "a." * 125 + "org/",
    ],
)  # fmt: skip
def test_what_may_be_registered(url: str) -> None:
    assert new_target(url, development=False) == target_of(url, development=False)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        *(
            (f"https://example.org:{port}/", "port")
            for port in (0, 1, 22, 25, 80, 442, 444, 1023, 6379, 65536, 99999, 10**9)
        ),
        ("https://example.org:-1/", "port"),
        ("https://example.org:44\uff13/", "port"),
        ("https://xn--/", "no name"),
        ("https://xn--a.example/", "no name"),
        ("https://xn--bcher-kva8.example/", "no name"),
        (f"https://{'a' * 64}.org/", "no name"),
        (f"https://{'a' * 70}.example/", "no name"),
        ("https://" + "a." * 126 + "org/", "no name"),
        ("https://a..b/", "no name"),
        ("https://.example.org/", "no name"),
        ("https://-a.example/", "no name"),
        ("https://ex%41mple.org/", "no name"),
        ("https://example.org%2f@evil.example/", "password"),
        ("https://example.org./", "dot at its end"),
        ("https://localhost./", "dot at its end"),
        ("https://0x7f000001/", "number"),
        ("https://0x7f.1/", "number"),
        ("https://2130706433/", "number"),
        ("https://0177.0.0.1/", "IPv4"),
        ("https://127.1/", "number"),
        ("https://1.2.3/", "number"),
        ("https://example.0x/", "number"),
        ("https://[fe80::1%25eth0]/", "zone"),
        ("https://[2606:2800::1%eth0]/", "zone"),
        ("https://[::ffff:8.8.8.8]/", "not a public"),
        ("https://[3fff::1]/", "not a public"),
        ("https://192.88.99.1/", "not a public"),
        ("https://@example.org/", "password"),
        ("https://user@example.org/", "password"),
        ("https://example.org\\@evil.example/", "backslash"),
        ("https://example.org/\\..", "backslash"),
        ("https://example.org/ x", "space"),
        ("https://example.org/#", "fragment"),
        ("https://ex\ud800.org/", "url"),
        ("https://example.org/\ud800", "url"),
        ("https://ⅷ.example/", "url"),
        ("https://ex\u202eample.org/", "url"),
        ("https://e\x00x.org/", "url"),
        ("https:/example.org/", "host"),
        ("HTTPS:example.org", "host"),
        ("javascript:alert(1)", "https"),
        ("https://[::1", "url"),
    ],
)  # fmt: skip
def test_what_may_not_be_registered_and_why(url: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        new_target(url, development=False)

    assert refused.value.field == "url"
    assert why in refused.value.detail or why == "url"
    assert refused.value.way_out


@pytest.mark.parametrize("port", [1, 22, 80, 6379, 65535])
def test_in_development_every_port_is_allowed_that_is_one(port: int) -> None:
    assert new_target(f"http://127.0.0.1:{port}/", development=True).port == port
    for none in (0, 65536):
        with pytest.raises(Invalid, match="port"):
            new_target(f"http://127.0.0.1:{none}/", development=True)


@pytest.mark.parametrize("url", ["https://example.org:22/", "https://example.org./", "https://a_.example/"])
def test_what_was_registered_before_is_still_sent_to(url: str) -> None:
    assert target_of(url, development=False).host


@pytest.mark.parametrize("url", ["https://xn--/", "https://example.org:99999/", "https://example.org:0/"])
def test_what_can_never_be_reached_is_refused_when_it_is_sent_to(url: str) -> None:
    with pytest.raises(Invalid):
        target_of(url, development=False)
