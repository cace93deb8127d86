"""Take everything out of a picture file that is not the picture, without decoding it: pure.

What is left decodes to the same pixels, so nothing is lost, and it costs a walk over the file
instead of an encode. Place, time and camera go; so do thumbnails, comments, colour profiles, and
whatever follows the picture's end (the film of a motion photo, the gain map of an HDR one).
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from wirephoto.errors import MediaRefused
from wirephoto.media import gif


def stripped(body: bytes, media_type: str) -> bytes | None:
    """Return `body` without metadata, or None where that cannot be done without decoding.

    The same bytes come back from a file without metadata. Colour profiles are taken out too: the
    caller must know that they change nothing.
    """
    strip = _STRIP.get(media_type)
    if strip is None:
        return None
    try:
        return strip(body)
    except (IndexError, MediaRefused):
        return None


def _strip_jpeg(body: bytes) -> bytes | None:
    """Keep the segments that the pixels depend on, up to the first image's end (ITU-T T.81, B)."""
    kept, at = [body[:2]], 2
    while True:
        marker = body[at + 1]
        if body[at] != 0xFF:
            return None
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker == _END_OF_IMAGE:
            return b"".join([*kept, body[at : at + 2]])
        else:
            end = at + 2 + int.from_bytes(body[at + 2 : at + 4], "big")
            if marker == _START_OF_SCAN:
                found = _AFTER_SCAN.search(body, end)
                if found is None:
                    return None
                end = found.start()
            elif _FRAME_FIRST <= marker <= _FRAME_LAST and marker not in _PLAIN_FRAMES:
                return None
            kept.append(_kept_segment(marker, body[at:end]))
            at = end


def _kept_segment(marker: int, segment: bytes) -> bytes:
    if marker == _APP0:
        return _JFIF_HEAD + segment[9:16] + b"\0\0" if segment[4:9] == b"JFIF\0" else b""
    if _APP0 < marker <= _APP15:
        # Adobe's segment tells how colours are coded.
        return segment if marker == _APP14 and segment[4:9] == b"Adobe" else b""
    return b"" if marker == _COMMENT else segment


def _strip_png(body: bytes) -> bytes | None:
    """Keep the chunks that the pixels depend on (PNG, third edition, section 11)."""
    if body[_PNG_DEPTH_AT] > 8:
        return None  # not every phone shows it
    kept, at = [body[:8]], 8
    while True:
        end = at + 12 + int.from_bytes(body[at : at + 4], "big")
        name = body[at + 4 : at + 8]
        if len(name) < 4 or end > len(body):
            return None
        if name in _PNG_KEPT:
            kept.append(body[at:end])
        at = end
        if name == b"IEND":
            return b"".join(kept)


_APP0, _APP14, _APP15, _COMMENT = 0xE0, 0xEE, 0xEF, 0xFE
_END_OF_IMAGE, _START_OF_SCAN = 0xD9, 0xDA
_FRAME_FIRST, _FRAME_LAST = 0xC0, 0xCF
_PLAIN_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC4})
"""Baseline, extended and progressive frames, and Huffman tables: what every phone decodes."""
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_JFIF_HEAD = b"\xff\xe0\x00\x10JFIF\0"
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"sRGB"})
_PNG_DEPTH_AT = 24
_STRIP: Mapping[str, Callable[[bytes], bytes | None]] = MappingProxyType(
    {"image/jpeg": _strip_jpeg, "image/png": _strip_png, "image/gif": gif.strip}
)
