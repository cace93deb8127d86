"""Which IP addresses may be reached on somebody else's behalf: refused unless public.

The standard library's `is_global` lets through 13 to 16 of the addresses that must be refused,
depending on its version (facts 5), so the registries are written down here, as data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network


def refusal(ip: Address, allow: Sequence[Network] = ()) -> str | None:
    """Return why `ip` must not be reached, naming its class and RFC; None when it may be.

    An IPv4 address inside an IPv6 one is judged too, and both must pass. `allow` is the operator's
    own list: it opens what it names and nothing inside it, so that a translation prefix on the list
    does not open the private network behind the translator; cloud metadata stays shut whatever
    it says. The text is for operators: a caller must not learn it.
    """
    for form in (ip, *embedded(ip)):
        reason = _refusal_of(form, allow)
        if reason is not None:
            return reason if form == ip else f"{form} inside {ip}: {reason}"
    return None


def is_allowed(ip: Address, allow: Sequence[Network]) -> bool:
    """Tell whether the operator's list names `ip` itself."""
    return any(ip in network for network in allow)


def embedded(ip: Address) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses that an IPv6 address carries to a translator or a tunnel."""
    if isinstance(ip, IPv4Address) or ip in _UNSPECIFIED_AND_LOOPBACK:
        return ()
    if any(ip in prefix for prefix in _LAST_32_BITS):
        return (_bits(ip, 0),)
    if ip in _NAT64_LOCAL:
        # RFC 6052, section 2.2: a translator may use /48, /56, /64 or /96, and only it knows which.
        return (_split_48(ip), _split_56(ip), _bits(ip, 24), _bits(ip, 0))
    if ip.sixtofour is not None:
        return (ip.sixtofour,)
    return ip.teredo or ()


def _refusal_of(ip: Address, allow: Sequence[Network]) -> str | None:
    if ip in _METADATA:
        return f"cloud metadata service ({_METADATA[ip]})"
    if is_allowed(ip, allow):
        return None
    for block in _BLOCKS:
        if ip in block.network:
            return f"{block.name} ({block.source})"
    if isinstance(ip, IPv6Address) and ip not in _GLOBAL_UNICAST:
        return "not global unicast (RFC 4291)"
    return None


def _bits(ip: IPv6Address, shift: int) -> IPv4Address:
    return IPv4Address(int(ip) >> shift & 0xFFFF_FFFF)


def _split_48(ip: IPv6Address) -> IPv4Address:
    # 16 bits, the reserved octet, 16 bits.
    return IPv4Address((int(ip) >> 64 & 0xFFFF) << 16 | int(ip) >> 40 & 0xFFFF)


def _split_56(ip: IPv6Address) -> IPv4Address:
    # 8 bits, the reserved octet, 24 bits.
    return IPv4Address((int(ip) >> 64 & 0xFF) << 24 | int(ip) >> 32 & 0xFF_FFFF)


@dataclass(frozen=True, slots=True)
class _Block:
    network: Network
    name: str
    source: str


_UNSPECIFIED_AND_LOOPBACK = IPv6Network("::/127")
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
_LAST_32_BITS = (
    IPv6Network("::/96"),
    IPv6Network("::ffff:0:0/96"),
    IPv6Network("::ffff:0:0:0/96"),
    IPv6Network("64:ff9b::/96"),
)

_METADATA = {
    ip_address("169.254.169.254"): "RFC 3927 link-local; most clouds",
    ip_address("fd00:ec2::254"): "RFC 4193 unique-local; AWS",
    ip_address("100.100.100.200"): "RFC 6598 shared; Alibaba Cloud",
    ip_address("168.63.129.16"): "a public address that Azure keeps for itself, no RFC",
}

# The IANA special-purpose registries whole (RFC 6890, RFC 8190), those entries included that are
# marked globally reachable: anycast services and AS112 sinks serve no pictures. Then multicast,
# and what was withdrawn but is still routed or translated somewhere.
_REGISTRY = (
    ("0.0.0.0/32", "this host", "RFC 1122"),
    ("0.0.0.0/8", "this network", "RFC 791"),
    ("10.0.0.0/8", "private use", "RFC 1918"),
    ("100.64.0.0/10", "shared address space", "RFC 6598"),
    ("127.0.0.0/8", "loopback", "RFC 1122"),
    ("169.254.0.0/16", "link-local", "RFC 3927"),
    ("172.16.0.0/12", "private use", "RFC 1918"),
    ("192.0.0.0/24", "IETF protocol assignments", "RFC 6890"),
    ("192.0.0.0/29", "IPv4 service continuity", "RFC 7335"),
    ("192.0.0.8/32", "IPv4 dummy address", "RFC 7600"),
    ("192.0.0.9/32", "port control anycast", "RFC 7723"),
    ("192.0.0.10/32", "TURN anycast", "RFC 8155"),
    ("192.0.0.170/31", "NAT64 discovery", "RFC 8880"),
    ("192.0.2.0/24", "documentation", "RFC 5737"),
    ("192.31.196.0/24", "AS112", "RFC 7535"),
    ("192.52.193.0/24", "multicast tunnels", "RFC 7450"),
    ("192.88.99.0/24", "6to4 relay anycast", "RFC 7526"),
    ("192.88.99.2/32", "6a44 relay anycast", "RFC 6751"),
    ("192.168.0.0/16", "private use", "RFC 1918"),
    ("192.175.48.0/24", "AS112", "RFC 7534"),
    ("198.18.0.0/15", "benchmarking", "RFC 2544"),
    ("198.51.100.0/24", "documentation", "RFC 5737"),
    ("203.0.113.0/24", "documentation", "RFC 5737"),
    ("224.0.0.0/4", "multicast", "RFC 5771"),
    ("240.0.0.0/4", "reserved", "RFC 1112"),
    ("255.255.255.255/32", "limited broadcast", "RFC 919"),
    ("::/128", "unspecified", "RFC 4291"),
    ("::1/128", "loopback", "RFC 4291"),
    ("::/96", "IPv4-compatible", "RFC 4291"),
    ("::ffff:0:0/96", "IPv4-mapped", "RFC 4291"),
    ("::ffff:0:0:0/96", "IPv4-translated", "RFC 2765"),
    ("64:ff9b::/96", "NAT64", "RFC 6052"),
    ("64:ff9b:1::/48", "NAT64 for local use", "RFC 8215"),
    ("100::/64", "discard only", "RFC 6666"),
    ("100:0:0:1::/64", "dummy prefix", "RFC 9780"),
    ("2001::/23", "IETF protocol assignments", "RFC 2928"),
    ("2001::/32", "Teredo", "RFC 4380"),
    ("2001:1::1/128", "port control anycast", "RFC 7723"),
    ("2001:1::2/128", "TURN anycast", "RFC 8155"),
    ("2001:1::3/128", "service registration anycast", "RFC 9665"),
    ("2001:2::/48", "benchmarking", "RFC 5180"),
    ("2001:3::/32", "multicast tunnels", "RFC 7450"),
    ("2001:4:112::/48", "AS112", "RFC 7535"),
    ("2001:10::/28", "ORCHID", "RFC 4843"),
    ("2001:20::/28", "ORCHIDv2", "RFC 7343"),
    ("2001:30::/28", "drone identification", "RFC 9374"),
    ("2001:db8::/32", "documentation", "RFC 3849"),
    ("2002::/16", "6to4", "RFC 3056"),
    ("2620:4f:8000::/48", "AS112", "RFC 7534"),
    ("3ffe::/16", "6bone, returned", "RFC 3701"),
    ("3fff::/20", "documentation", "RFC 9637"),
    ("5f00::/16", "segment routing", "RFC 9602"),
    ("fc00::/7", "unique-local", "RFC 4193"),
    ("fe80::/10", "link-local", "RFC 4291"),
    ("fec0::/10", "site-local, withdrawn", "RFC 3879"),
    ("ff00::/8", "multicast", "RFC 4291"),
)

_BLOCKS = tuple(
    sorted(
        (_Block(ip_network(network), name, source) for network, name, source in _REGISTRY),
        key=lambda block: -block.network.prefixlen,
    )
)
"""The registry with the narrowest block first, so that an address gets its closest name."""
