"""Identifiers: a typed prefix and a UUIDv7, so that they sort by the time they were made."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base32, lower case
_TO_DIGITS = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_PREFIX_CHARS = len("msg_")
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ID_CHARS = 26
"""Characters that 128 bits take in base32."""


class Ids:
    """Makes identifiers; the source of randomness is handed in so that a seed can replay a run."""

    def __init__(self, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._random_bytes = random_bytes

    def new(self, prefix: str, now: datetime) -> str:
        """Return `prefix_` and 26 characters: a UUIDv7 (RFC 9562, section 5.7) in base32."""
        millis = (now - _EPOCH) // _MILLISECOND
        random = int.from_bytes(self._random_bytes(10), "big")
        value = (
            millis << 80
            | 0x7 << 76
            | (random >> 64 & 0xFFF) << 64
            | 0b10 << 62
            | random & 0x3FFF_FFFF_FFFF_FFFF
        )
        return f"{prefix}_{_base32(value)}"

    def client_ref(self) -> str:
        """Return 26 characters of 128 random bits: an attempt's own name at the provider.

        The provider's documents disagree whether 40 or 100 characters are allowed (contract 1.3);
        26 is safe under both.
        """
        return _base32(int.from_bytes(self._random_bytes(16), "big"))

    def random_bytes(self, count: int) -> bytes:
        """Return `count` random bytes from the same source."""
        return self._random_bytes(count)


def made_at(id_: str) -> datetime:
    """Return when an identifier of `Ids.new` was made, to the millisecond."""
    return _EPOCH + made_ms(id_) * _MILLISECOND


def made_ms(id_: str) -> int:
    """Return the same as milliseconds since 1970."""
    # Ten digits of base32 hold the 48 bits of the time: 26 hold two bits more than the 128.
    return int(id_[_PREFIX_CHARS : _PREFIX_CHARS + 10].translate(_TO_DIGITS), 32)


def uuid_of(id_: str) -> int:
    """Return the UUID within an identifier of `Ids.new`."""
    return int(id_[_PREFIX_CHARS:].translate(_TO_DIGITS), 32)


def _base32(value: int) -> str:
    return "".join([_PAIRS[value >> shift & 0x3FF] for shift in range(120, -1, -10)])


_MILLISECOND = timedelta(milliseconds=1)
