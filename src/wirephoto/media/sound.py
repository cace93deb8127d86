"""How long a sound is, where its format tells cheaply; pure, nothing is decoded."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

_CHUNKS_MAX = 1_000
_AMR_FRAME_BYTES = (13, 14, 16, 18, 20, 21, 27, 32, 6, 1, 1, 1, 1, 1, 1, 1)
"""By mode, with the head's byte (RFC 4867, section 5.3); each is 20 ms."""
_MP3_KBITS = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
"""Layer III, MPEG 1 and MPEG 2 (ISO/IEC 11172-3, section 2.4.2.3, and 13818-3)."""
_MP3_RATES = (44_100, 48_000, 32_000)
_MP3_SEARCH_BYTES = 4_096


def duration_s(body: bytes, media_type: str) -> float | None:
    """Return how long a sound is, in seconds, or None where that is not cheap to know."""
    reader = _READERS.get(media_type)
    return reader(body) if reader is not None else None


def _wav(body: bytes) -> float | None:
    at, rate = 12, 0
    for _ in range(_CHUNKS_MAX):
        name, size = body[at : at + 4], int.from_bytes(body[at + 4 : at + 8], "little")
        if name == b"fmt ":
            rate = int.from_bytes(body[at + 16 : at + 20], "little")
        elif name == b"data":
            return min(size, len(body) - at - 8) / rate if rate else None
        elif len(name) < 4:
            return None
        at += 8 + size + size % 2
    return None


def _amr(body: bytes) -> float:
    at, frames = len(b"#!AMR\n"), 0
    while at < len(body):
        at += _AMR_FRAME_BYTES[body[at] >> 3 & 15]
        frames += 1
    return frames * 0.02


def _mp3(body: bytes) -> float | None:
    """Read the first frame: its count of frames where there is one, else a steady bit rate."""
    start = _behind_tag(body)
    for at in range(start, min(start + _MP3_SEARCH_BYTES, len(body) - 4)):
        head = int.from_bytes(body[at : at + 4], "big")
        bitrate, rate = head >> 12 & 15, head >> 10 & 3
        if head >> 21 == 0x7FF and head >> 17 & 3 == 1 and bitrate not in (0, 15) and rate != 3:
            break
    else:
        return None
    version = head >> 19 & 3
    first = version == 3
    hertz = _MP3_RATES[rate] >> (0 if first else 1 if version == 2 else 2)
    for tag in (b"Xing", b"Info"):
        found = body.find(tag, at, at + 48)
        if found >= 0 and body[found + 7] & 1:
            count = int.from_bytes(body[found + 8 : found + 12], "big")
            return count * (1152 if first else 576) / hertz
    return (len(body) - at) * 8 / (_MP3_KBITS[0 if first else 1][bitrate] * 1000)


def _behind_tag(body: bytes) -> int:
    if body[:3] != b"ID3" or len(body) < 10:
        return 0
    # ID3v2 writes its size in four bytes of seven bits.
    size = 0
    for byte in body[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size


_READERS: Mapping[str, Callable[[bytes], float | None]] = MappingProxyType(
    {"audio/wav": _wav, "audio/amr": _amr, "audio/mpeg": _mp3}
)
