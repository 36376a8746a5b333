"""Which addresses are the public internet's, and nothing that stands for another. Pure.

Python's own tables know the registries as they were when it was made, and count some ranges as public that a receiver
cannot lie in. So what is public has to be so by both.
"""

import ipaddress

# Sources: IANA IPv4 Special-Purpose Address Registry and IANA IPv6 Special-Purpose Address Registry (RFC 6890),
# each range whatever it says of reachability: none is where somebody's server is. Multicast: RFC 5771.
_NOT_PUBLIC_4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private use
            "100.64.0.0/10",  # shared address space
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link local
            "172.16.0.0/12",  # private use
            "192.0.0.0/24",  # IETF protocol assignments
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112-v4
            "192.52.193.0/24",  # AMT
            "192.88.99.0/24",  # 6to4 relay anycast, deprecated
            "192.168.0.0/16",  # private use
            "192.175.48.0/24",  # direct delegation AS112 service
            "198.18.0.0/15",  # benchmarking
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and limited broadcast
        ),
    )
)
# Source: IANA Internet Protocol Version 6 Address Space (RFC 4291): all global unicast is in here. So outside it lie
# loopback, IPv4-mapped and -compatible, 64:ff9b::/96, 64:ff9b:1::/48, 100::/64, 100:0:0:1::/64, 5f00::/16, fc00::/7,
# fe80::/10, fec0::/10 and ff00::/8.
_GLOBAL_UNICAST_6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # IETF protocol assignments: Teredo, benchmarking, AMT, AS112-v6, ORCHID, DRIP
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, which stands for an IPv4 address
            "2620:4f:8000::/48",  # direct delegation AS112 service
            "3fff::/20",  # documentation
        ),
    )
)


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet's. Raises `ValueError` if it is none at all."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not any(ip in network for network in _NOT_PUBLIC_4)
    return ip.is_global and ip in _GLOBAL_UNICAST_6 and not any(ip in network for network in _NOT_PUBLIC_6)


def is_address(host: str) -> bool:
    """Whether a host is an address, and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
