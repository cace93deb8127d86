"""Which addresses a customer may give us: the syntactic rules, before anything is resolved.

One parse serves acceptance and fetching: a guard that reads an address differently from the client
which then connects guards nothing (facts 5).
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from yarl import URL

from wirephoto.domain.address import Address, Network, is_allowed, refusal

URL_CHARS_MAX = 2048
"""Longest address taken; what browsers, proxies and content networks commonly carry."""
WEB_PORTS = frozenset({80, 443})
NOT_FETCHED = "The address cannot be fetched from here: give a public https address that answers."
"""The one sentence for blocked, refused and timed out, so that none tells of an internal port."""


@dataclass(frozen=True, slots=True)
class UrlFault:
    """Why an address is refused: `reason` (`bad_url`, `blocked_address`) and a sentence."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Target:
    """An address that obeys the rules.

    `literal` is the IP address that the host spells, in whatever way; then `url` holds its usual
    spelling. A host name stays as it is: `host` is its lower-case ASCII form without a last dot.
    """

    url: URL
    host: str
    port: int
    literal: Address | None


def check_url(url: str, *, allow: Sequence[Network] = ()) -> UrlFault | None:
    """Return what is wrong with an address as such, or None; nothing is resolved or fetched.

    `allow` is the operator's list of internal networks that may be fetched from.
    """
    target = parse_url(url, allow=allow)
    if isinstance(target, UrlFault):
        return target
    if _is_localhost(target.host) and refusal(_LOOPBACK, allow) is not None:
        return _blocked()
    return None


def parse_url(url: str, *, allow: Sequence[Network] = ()) -> Target | UrlFault:
    """Return an address in its parts, or what is wrong with it.

    Other ports than 80 and 443 pass where the operator has a list, because only the resolved
    address tells whether they may be used.
    """
    fault = _text_fault(url)
    if fault is not None:
        return _bad(fault)
    try:
        # An ASCII address is kept byte for byte: a signed one may not survive being quoted anew.
        parsed = URL(url, encoded=url.isascii())
        host = (parsed.raw_host or "").lower().removesuffix(".")
        port = parsed.port
        _ = parsed.host  # raises where the ASCII form of a name stands for no name
    except ValueError:
        return _bad("The address cannot be read as a URL.")
    if parsed.scheme.lower() not in ("http", "https") or not host or port is None:
        return _bad("The address must be absolute and start with https:// or http://.")
    if "@" in parsed.raw_authority:
        return _bad("The address must not hold a user name or a password.")
    if port == 0 or (port not in WEB_PORTS and not allow):
        return _bad("The address must use port 443 or 80.")
    return _judge_host(parsed, host, port=port, allow=allow)


def read_ip(host: str) -> Address | None:
    """Return the IP address that a host spells, or None when it is a name.

    Reads what the system's resolver reads: IPv6, and IPv4 in one to four parts, each decimal, octal
    or hexadecimal (`127.1`, `0177.0.0.1`, `2130706433`, `0x7f000001`).

    Raises:
        ValueError: it looks like an IP address and is none.
    """
    if ":" in host:
        if "%" in host:
            raise ValueError("a zone means something on one machine only (RFC 6874)")
        return IPv6Address(host)
    labels = host.split(".")
    if not _NUMBER.fullmatch(labels[-1]):
        return None
    return IPv4Address(_read_ipv4(labels))


def _text_fault(url: str) -> str | None:
    if len(url) > URL_CHARS_MAX:
        return f"The address must not be longer than {URL_CHARS_MAX} characters."
    if _UNPRINTABLE_ASCII.search(url) or (not url.isascii() and _has_unprintable(url)):
        return "The address must not hold blanks, control characters or backslashes."
    return None


def _has_unprintable(text: str) -> bool:
    return any(unicodedata.category(char) in _UNPRINTABLE for char in text)


def _judge_host(
    parsed: URL, host: str, *, port: int, allow: Sequence[Network]
) -> Target | UrlFault:
    try:
        literal = read_ip(host)
    except ValueError:
        return _bad("The host of the address is not a valid IP address.")
    if literal is None:
        if "[" in parsed.raw_authority or not _is_name(host):
            return _bad("The host of the address is not a valid host name.")
        return _blocked() if host in _METADATA_NAMES else Target(parsed, host, port, None)
    if port not in WEB_PORTS and not is_allowed(literal, allow):
        return _bad("The address must use port 443 or 80.")
    if refusal(literal, allow) is not None:
        return _blocked()
    return Target(parsed.with_host(str(literal)), str(literal), port, literal)


def _read_ipv4(labels: list[str]) -> int:
    if len(labels) > 4:
        raise ValueError("more than four parts")
    *heads, last = [_read_number(label) for label in labels]
    if any(head > 0xFF for head in heads) or last >> 8 * (4 - len(heads)):
        raise ValueError("a part is too large")
    value = last
    for index, head in enumerate(heads):
        value |= head << 8 * (3 - index)
    return value


def _read_number(label: str) -> int:
    if not _NUMBER.fullmatch(label):
        raise ValueError("not a number")
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8 if label.startswith("0") else 10)


def _is_name(host: str) -> bool:
    return len(host) <= 253 and _NAME.fullmatch(host) is not None


def _is_localhost(host: str) -> bool:
    # RFC 6761, section 6.3: these names always mean the machine itself.
    return host == "localhost" or host.endswith(".localhost")


def _bad(message: str) -> UrlFault:
    return UrlFault("bad_url", message)


def _blocked() -> UrlFault:
    return UrlFault("blocked_address", NOT_FETCHED)


_LOOPBACK = IPv4Address("127.0.0.1")
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})
_UNPRINTABLE_ASCII = re.compile(r"[\x00-\x20\x7f\\]")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}")
_METADATA_NAMES = frozenset(
    {
        "instance-data",
        "instance-data.ec2.internal",
        "metadata",
        "metadata.azure.internal",
        "metadata.goog",
        "metadata.google.internal",
        "metadata.tencentyun.com",
    }
)
"""Names under which clouds serve their machines' credentials."""
