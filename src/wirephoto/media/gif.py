"""The structure of GIF files: what is in one, without decoding; and writing one frame by frame.

All numbers are those of the specification (GIF89a, CompuServe 1990); pictures are left to Pillow,
whose own writer quantises each frame anew and so cannot leave out what did not change.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from PIL import Image

from wirephoto.errors import MediaRefused

DELAY_CS_MIN = 2
"""The shortest delay that is shown as written, in hundredths of a second."""
EDGE_MAX = 0xFFFF
"""The most pixels that a canvas may be wide or high."""
_DELAY_CS_MAX = 0xFFFF
_TRAILER = b";"
_EXTENSION, _IMAGE = 0x21, 0x2C
_CONTROL, _PLAIN_TEXT, _APPLICATION = 0xF9, 0x01, 0xFF
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_KEEP_BELOW = 0x04


class _Part(Enum):
    HEAD = auto()
    CONTROL = auto()
    IMAGE = auto()
    TEXT = auto()
    LOOP = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Outline:
    """What a GIF says of itself.

    `width` and `height` hold every frame, also one that is larger than the canvas claims to be.
    `repeats` is how often it starts again, 0 for ever, None when it is shown once.
    """

    width: int
    height: int
    frames: int
    repeats: int | None


def outline(body: bytes) -> Outline:
    """Return what a GIF says of itself, from its block structure alone.

    Raises:
        MediaRefused: `corrupt`, it ends within a block, has no picture, or is no GIF.
    """
    width, height = _short(body, 6), _short(body, 8)
    frames, repeats = 0, None
    for part, start, _ in _parts(body):
        if part is _Part.IMAGE:
            frames += 1
            width = max(width, _short(body, start + 1) + _short(body, start + 5))
            height = max(height, _short(body, start + 3) + _short(body, start + 7))
        elif part is _Part.LOOP:
            repeats = _short(body, start + 16)
    if not frames or not width or not height:
        raise _broken()
    return Outline(width, height, frames, repeats)


def count_frames(body: bytes, *, at_most: int) -> int:
    """Return how many pictures a GIF holds, one at least; counting ends at `at_most`.

    Phones show the whole frames of a GIF that breaks off.
    """
    frames = 0
    with contextlib.suppress(MediaRefused):
        for part, _, _ in _parts(body):
            frames += part is _Part.IMAGE
            if frames == at_most:
                break
    return max(frames, 1)


def strip(body: bytes) -> bytes:
    """Return a GIF without what no phone shows: comments, XMP, profiles, texts, a tail.

    Pictures stay as they are, bit by bit. A trailer that is missing is put there.

    Raises:
        MediaRefused: `corrupt`, as for `outline`.
    """
    kept: list[bytes] = []
    control = b""
    for part, start, end in _parts(body):
        if part is _Part.CONTROL:
            control = body[start:end]
            continue
        if part in (_Part.HEAD, _Part.LOOP):
            kept.append(body[start:end])
        elif part is _Part.IMAGE:
            kept += (control, body[start:end])
        if part in (_Part.IMAGE, _Part.TEXT):
            # A control block is about the one picture or text behind it.
            control = b""
    return b"".join((*kept, _TRAILER))


def _parts(body: bytes) -> Iterator[tuple[_Part, int, int]]:
    """Yield each part of a GIF with its place; what comes behind the trailer is none."""
    if body[:6] not in (b"GIF87a", b"GIF89a") or len(body) < 13:
        raise _broken()
    at = 13 + _table_bytes(body[10])
    if at > len(body):
        raise _broken()
    yield _Part.HEAD, 0, at
    while at < len(body) and body[at : at + 1] != _TRAILER:
        start = at
        if body[at] == _IMAGE and at + 10 < len(body):
            part, at = _Part.IMAGE, at + 11 + _table_bytes(body[at + 9])
        elif body[at] == _EXTENSION and at + 2 < len(body):
            part, at = _extension(body, at), at + 2
        else:
            raise _broken()
        at = _behind_blocks(body, at)
        yield part, start, at


def _extension(body: bytes, at: int) -> _Part:
    label = body[at + 1]
    if label == _CONTROL:
        return _Part.CONTROL
    if label == _PLAIN_TEXT:
        return _Part.TEXT
    # Some writers put a second block, a buffer size, behind the first: the loop is block 1.
    loops = label == _APPLICATION and body[at + 3 : at + 14] in _LOOPS
    return _Part.LOOP if loops and body[at + 14 : at + 16] == b"\x03\x01" else _Part.OTHER


def _behind_blocks(body: bytes, at: int) -> int:
    while at < len(body) and body[at]:
        at += 1 + body[at]
    if at >= len(body):
        raise _broken()
    return at + 1


def _table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _short(body: bytes, at: int) -> int:
    return int.from_bytes(body[at : at + 2], "little")


def _broken() -> MediaRefused:
    return MediaRefused("corrupt", "The GIF is broken or cut off: upload it again, whole.")


def compress(patch: Image.Image, see_through: int) -> bytes:
    """Return the picture data of a patch, whose pixels (mode L) are indexes of a palette.

    `see_through` is the index of its pixels that leave what is below them, the largest there is.
    """
    bits = _bits(see_through)
    return bytes((bits,)) + patch.tobytes("gif", "L", bits, 0) + b"\0"


def _bits(see_through: int) -> int:
    return max(2, see_through.bit_length())


class GifWriter:
    """Builds an animated GIF from patches that share one palette, in memory.

    A patch changes what it covers and leaves the rest of the canvas as it was. The index behind
    the last colour is the one that `compress` calls `see_through`.
    """

    def __init__(self, size: tuple[int, int], colours: bytes, repeats: int | None) -> None:
        self._see_through = len(colours) // 3
        bits = _bits(self._see_through)
        screen = bytes((0xF0 | bits - 1, 0, 0))
        self._parts = [b"GIF89a", _shorts(*size), screen, colours.ljust(3 << bits, b"\0")]
        if repeats is not None:
            loop = bytes((_EXTENSION, _APPLICATION, 11)) + _LOOPS[0] + b"\x03\x01"
            self._parts += (loop, _shorts(repeats), b"\0")
        self.size_bytes = sum(map(len, self._parts)) + len(_TRAILER)
        self.frames = 0

    def add(self, data: bytes, box: tuple[int, int, int, int], delay_cs: int) -> None:
        """Add what `compress` returned, to be shown at `box` for so many hundredths."""
        left, top, right, bottom = box
        delay_cs = min(max(delay_cs, DELAY_CS_MIN), _DELAY_CS_MAX)
        control = bytes((_EXTENSION, _CONTROL, 4, _KEEP_BELOW | 1)) + _shorts(delay_cs)
        control += bytes((self._see_through, 0))
        place = bytes((_IMAGE,)) + _shorts(left, top, right - left, bottom - top) + b"\0"
        self._parts += (control, place, data)
        self.size_bytes += len(control) + len(place) + len(data)
        self.frames += 1

    def body(self) -> bytes:
        """Return the GIF with all patches added so far."""
        return b"".join((*self._parts, _TRAILER))


def _shorts(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(2, "little") for number in numbers)
