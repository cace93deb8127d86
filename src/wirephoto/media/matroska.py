"""How long a WebM or Matroska film is (RFC 9559); pure, nothing is decoded."""

import math
import struct
from collections.abc import Iterator

_SEGMENT, _INFO = b"\x18\x53\x80\x67", b"\x15\x49\xa9\x66"
_SCALE, _DURATION = b"\x2a\xd7\xb1", b"\x44\x89"
_SCALE_BY_DEFAULT_NS = 1_000_000
_ELEMENTS_MAX = 1_000
"""Writers put the general information near the front, before the first pictures."""


def duration_s(body: bytes) -> float | None:
    """Return how long a film is, in seconds, or None where it does not say, as from browsers."""
    span = (0, len(body))
    for name in (_SEGMENT, _INFO):
        found = next((place for key, *place in _elements(body, *span) if key == name), None)
        if found is None:
            return None
        span = (found[0], found[1])
    scale_ns, units = _SCALE_BY_DEFAULT_NS, math.nan
    for name, start, end in _elements(body, *span):
        if name == _SCALE:
            scale_ns = int.from_bytes(body[start:end], "big")
        elif name == _DURATION and end - start in (4, 8):
            [units] = struct.unpack(">f" if end - start == 4 else ">d", body[start:end])
    seconds = units * scale_ns / 1e9
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _elements(body: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of the contents of the elements that lie side by side."""
    for _ in range(_ELEMENTS_MAX):
        start = at + _length(body, at)
        content = start + _length(body, start)
        if content > end:
            return
        size = int.from_bytes(body[start:content], "big")
        # The first bit that is set ends the number's length; all ones mean an unknown size.
        size &= (1 << 7 * (content - start)) - 1
        unknown = size == (1 << 7 * (content - start)) - 1
        behind = end if unknown else min(content + size, end)
        yield body[at:start], content, behind
        at = behind


def _length(body: bytes, at: int) -> int:
    """Return the length of a number, from the leading zeros of its first byte (RFC 8794, 4)."""
    return 9 - (body[at] if at < len(body) else 0).bit_length()
