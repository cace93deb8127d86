"""The boxes of MP4, 3GP and QuickTime files (ISO/IEC 14496-12): measures and metadata; pure."""

from collections.abc import Iterator
from dataclasses import dataclass

_BOXES_MAX = 10_000
"""Real files have a few hundred; a crafted one must not keep us busy."""
_PARENTS = frozenset({b"moov", b"trak", b"mdia"})
_PERSONAL = frozenset({b"udta", b"meta", b"uuid"})
"""User data (the place, as `\\xa9xyz`, and the maker), tags, and what others put there, as XMP."""


@dataclass(frozen=True, slots=True)
class Measures:
    """How long a film is and how large it is shown, as far as it says so.

    `has_timed_metadata` tells of a track that is neither picture nor sound, as of positions.
    """

    duration_s: float | None
    width: int | None
    height: int | None
    has_timed_metadata: bool


@dataclass(frozen=True, slots=True)
class _Box:
    name: bytes
    start: int
    content: int
    end: int


def measure(body: bytes) -> Measures:
    """Return what the index of a film says."""
    duration_s: float | None = None
    size: tuple[int, int] | None = None
    timed = False
    for box in _walk(body):
        content = body[box.content : box.end]
        if box.name == b"mvhd":
            duration_s = _duration_s(content)
        elif box.name == b"tkhd" and size is None:
            size = _shown_size(content)
        elif box.name == b"hdlr":
            timed |= content[8:12] in (b"meta", b"mett", b"gpmd")
    width, height = size or (None, None)
    return Measures(duration_s, width, height, timed)


def without_metadata(body: bytes) -> bytes:
    """Return a film of the same length in which boxes of personal content are free space, zeroed.

    Nothing moves, so no offset in the index changes.
    """
    blank = bytearray(body)
    for box in _walk(body):
        if box.name in _PERSONAL:
            blank[box.start + 4 : box.start + 8] = b"free"
            blank[box.content : box.end] = bytes(box.end - box.content)
    return bytes(blank)


def _walk(body: bytes) -> Iterator[_Box]:
    """Yield the boxes of a film and of its index and tracks, outermost first."""
    spans, seen = [(0, len(body))], 0
    while spans:
        at, end = spans.pop()
        while at + 8 <= end and seen < _BOXES_MAX:
            box = _box(body, at, end)
            if box is None:
                break
            seen += 1
            yield box
            if box.name in _PARENTS:
                spans.append((box.content, box.end))
            at = box.end


def _box(body: bytes, at: int, end: int) -> _Box | None:
    size, head = int.from_bytes(body[at : at + 4], "big"), 8
    if size == 1:
        size, head = int.from_bytes(body[at + 8 : at + 16], "big"), 16
    elif size == 0:
        size = end - at
    if size < head or at + size > end:
        return None
    return _Box(body[at + 4 : at + 8], at, at + head, at + size)


def _duration_s(content: bytes) -> float | None:
    # Version 1 has 64-bit times; all ones mean that nobody knows.
    places = (20, 24, 32) if content[:1] == b"\x01" else (12, 16, 20)
    scale = int.from_bytes(content[places[0] : places[1]], "big")
    units = content[places[1] : places[2]]
    if not scale or not units.strip(b"\xff"):
        return None
    return int.from_bytes(units, "big") / scale


def _shown_size(content: bytes) -> tuple[int, int] | None:
    """Return width and height of a track header, turned as its matrix says; None for sound."""
    at = 52 if content[:1] == b"\x01" else 40
    matrix, sizes = content[at : at + 36], content[at + 36 : at + 44]
    width, height = int.from_bytes(sizes[:2], "big"), int.from_bytes(sizes[4:6], "big")
    if not width or not height:
        return None
    # A quarter turn has nothing in the first place of the matrix.
    return (height, width) if not any(matrix[:4]) else (width, height)
