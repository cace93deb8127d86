"""API keys: how they are made, checked before any look-up, stored and shown.

`wp_live_` or `wp_test_`, then 30 base62 characters of randomness (about 178 bits; OWASP ASVS
11.5.1 asks for 128), then the CRC-32 of all that in 6 base62 characters: a typing error, a cut-off
copy or a changed mode costs no database look-up. The underscores let a double click select the
whole key, and secret scanners find it by its prefix. Source: facts 6, "API keys".
"""

import hashlib
import re
from collections.abc import Callable, Collection
from enum import StrEnum
from zlib import crc32

from wirephoto.domain.message import Category

RANDOM_CHARS = 30
"""Base62 characters of randomness."""
CHECKSUM_CHARS = 6
"""Base62 characters of checksum: the fewest that hold 32 bits."""

SAFE_CATEGORIES = frozenset(Category) - {Category.EMERGENCY}
"""What a key may send unless somebody decided otherwise: nothing that no quiet hours hold."""
NAME_CHARS_MAX = 200
ROTATION_LIVE_MAX = 2
"""Keys of one family that may live at a time: the one that is replaced, and its successor."""


class KeyMode(StrEnum):
    """What a key is for."""

    LIVE = "live"
    TEST = "test"


class Scope(StrEnum):
    """What a key may do."""

    SEND = "send"
    READ = "read"
    MANAGE = "manage"
    ADMIN = "admin"
    """Everything, the other scopes included."""


def make_key(mode: KeyMode, random_bytes: Callable[[int], bytes]) -> str:
    """Return a new key; `random_bytes(count)` must come from a cryptographic source.

    Raises:
        ValueError: the source hardly gives a byte below 248, so it is not random.
    """
    body = f"wp_{mode}_{_random_base62(random_bytes)}"
    return body + _checksum(body)


def is_well_formed(key: str) -> bool:
    """Tell whether prefix, length, alphabet and checksum are right; says nothing of who owns it."""
    return mode_of(key) is not None


def mode_of(key: str) -> KeyMode | None:
    """Return what a well-formed key is for, or None for anything else."""
    match = _KEY(key)
    if match is None or _checksum(key[:-CHECKSUM_CHARS]) != key[-CHECKSUM_CHARS:]:
        return None
    return KeyMode(match[1])


def key_hash(key: str) -> str:
    """Return what is stored in place of the key: SHA-256 in hexadecimal.

    So much randomness cannot be guessed, so no slow hash is needed (facts 6, "Key storage").
    """
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def key_hint(key: str) -> str:
    """Return what lists may show: prefix and four random characters (`wp_live_AbCd…`).

    That leaves 155 bits unknown. Of a key that is not well-formed nothing is shown.
    """
    return key[:_HINT_CHARS] + "…" if is_well_formed(key) else "…"


def allows(granted: Collection[Scope], needed: Scope) -> bool:
    """Tell whether a key with the scopes `granted` may do what needs `needed`."""
    return needed in granted or Scope.ADMIN in granted


def _random_base62(random_bytes: Callable[[int], bytes]) -> str:
    chars = ""
    for _ in range(_DRAWS_MAX):
        # 248 is four times 62: the eight values above it would favour the first characters.
        fair = [byte for byte in random_bytes(RANDOM_CHARS) if byte < _FAIR_BYTES]
        chars += "".join([_BASE62[byte % 62] for byte in fair])
        if len(chars) >= RANDOM_CHARS:
            return chars[:RANDOM_CHARS]
    raise ValueError("random_bytes gives no random bytes")


def _checksum(body: str) -> str:
    value = crc32(body.encode("ascii"))
    digits = ""
    for _ in range(CHECKSUM_CHARS):
        value, digit = divmod(value, 62)
        digits = _BASE62[digit] + digits
    return digits


_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FAIR_BYTES = 248
_DRAWS_MAX = 16
_HINT_CHARS = len("wp_live_") + 4
_KEY = re.compile(rf"wp_(live|test)_[0-9A-Za-z]{{{RANDOM_CHARS + CHECKSUM_CHARS}}}").fullmatch
