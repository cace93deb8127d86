"""Writes HEIC files, as phones take them: an HEVC picture whose blocks are stored as they are.

HEVC lets a block of pixels stand in the stream uncompressed (ITU-T H.265, section 7.3.8.7), so a
valid picture needs no encoder worth the name: per block one coded decision, "not divided", and its
samples. Numbers in brackets are sections of H.265 and of ISO/IEC 14496-12 and 23008-12.
"""

import struct

import numpy as np
from PIL import Image

BLOCK = 16
"""Luma samples of a coding block's edge; it is not divided and its samples are stored."""


def heic(picture: Image.Image, *, quarter_turns: int = 0, exif: bytes = b"") -> bytes:
    """Return `picture` as HEIC, to be turned counter-clockwise when shown."""
    width, height = picture.size
    coded, sets = _coded_picture(picture), _parameter_sets(width, height)
    properties = [
        _box(b"hvcC", _configuration(sets)),
        _full_box(b"ispe", 0, struct.pack(">II", width, height)),
        _box(b"colr", b"nclx" + struct.pack(">HHHB", 1, 13, 6, 0x80)),
        _box(b"irot", bytes([quarter_turns])),
    ]
    items = [(b"hvc1", struct.pack(">I", len(coded)) + coded)]
    if exif:
        items.append((b"Exif", struct.pack(">I", 6) + exif))
    head = _box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    offset = len(head) + len(_meta(items, properties, 0)) + 8
    content = b"".join(body for _, body in items)
    return head + _meta(items, properties, offset) + _box(b"mdat", content)


def _meta(items: list[tuple[bytes, bytes]], properties: list[bytes], offset: int) -> bytes:
    places, entries = b"", b""
    for number, (kind, body) in enumerate(items, start=1):
        places += struct.pack(">HHHII", number, 0, 1, offset, len(body))
        entries += _full_box(b"infe", 2 << 24, struct.pack(">HH4sx", number, 0, kind))
        offset += len(body)
    uses = bytes([len(properties)]) + bytes(0x80 | n + 1 for n in range(len(properties)))
    boxes = [
        _full_box(b"hdlr", 0, bytes(4) + b"pict" + bytes(13)),
        _full_box(b"pitm", 0, struct.pack(">H", 1)),
        _full_box(b"iloc", 0, struct.pack(">BBH", 0x44, 0, len(items)) + places),
        _full_box(b"iinf", 0, struct.pack(">H", len(items)) + entries),
        _box(
            b"iprp",
            _box(b"ipco", b"".join(properties))
            + _full_box(b"ipma", 0, struct.pack(">IH", 1, 1) + uses),
        ),
    ]
    if len(items) > 1:
        described = _box(b"cdsc", struct.pack(">HHH", 2, 1, 1))
        boxes.append(_full_box(b"iref", 0, described))
    return _full_box(b"meta", 0, b"".join(boxes))


def _configuration(sets: list[tuple[int, bytes]]) -> bytes:
    """The decoder's configuration record (ISO/IEC 14496-15, section 8.3.3.1)."""
    head = bytes([1, 3]) + struct.pack(">I", 0x70000000) + bytes([0x90, 0, 0, 0, 0, 0, 93])
    head += struct.pack(">HBBBBHB", 0xF000, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0x0F)
    body = bytes([len(sets)])
    for kind, unit in sets:
        body += struct.pack(">BHH", 0x80 | kind, 1, len(unit)) + unit
    return head + body


def _parameter_sets(width: int, height: int) -> list[tuple[int, bytes]]:
    return [(32, _video_set()), (33, _sequence_set(width, height)), (34, _picture_set())]


def _video_set() -> bytes:
    """VPS (7.3.2.1)."""
    bits = _Bits()
    bits.write((0, 4), (3, 2), (0, 6), (0, 3), (1, 1), (0xFFFF, 16))
    _profile_tier_level(bits)
    bits.write((1, 1)).ue(0, 0, 0)
    bits.write((0, 6)).ue(0).write((0, 1), (0, 1))
    return _unit(32, bits.close().written())


def _sequence_set(width: int, height: int) -> bytes:
    """SPS (7.3.2.2): whole blocks, the surplus cropped away; stored blocks allowed."""
    bits = _Bits()
    bits.write((0, 4), (0, 3), (1, 1))
    _profile_tier_level(bits)
    columns, rows = -(-width // BLOCK), -(-height // BLOCK)
    bits.ue(0, 1, columns * BLOCK, rows * BLOCK).write((1, 1))
    bits.ue(0, (columns * BLOCK - width) // 2, 0, (rows * BLOCK - height) // 2)
    bits.ue(0, 0, 4).write((1, 1)).ue(0, 0, 0)
    # Blocks of 8 to 16 samples, transforms of 4 to 16.
    bits.ue(0, 1, 0, 2, 0, 0).write((0, 1), (0, 1), (0, 1))
    # Stored blocks: 8 bits for luma and chroma, of 16 samples, unfiltered.
    bits.write((1, 1), (7, 4), (7, 4)).ue(1, 0).write((1, 1))
    bits.ue(0).write((0, 1), (0, 1), (0, 1), (0, 1), (0, 1))
    return _unit(33, bits.close().written())


def _picture_set() -> bytes:
    """PPS (7.3.2.3)."""
    bits = _Bits()
    bits.ue(0, 0).write((0, 1), (0, 1), (0, 3), (0, 1), (0, 1)).ue(0, 0, 0)
    bits.write((0, 1), (0, 1), (0, 1)).ue(0, 0)
    bits.write((0, 1), (0, 1), (0, 1), (0, 1), (0, 1), (0, 1), (0, 1))
    # Deblocking is switched off.
    bits.write((1, 1), (0, 1), (1, 1), (0, 1), (0, 1)).ue(0).write((0, 1), (0, 1))
    return _unit(34, bits.close().written())


def _profile_tier_level(bits: "_Bits") -> None:
    """Main still picture, level 3.1 (7.3.3)."""
    bits.write((0, 2), (0, 1), (3, 5), (0x7000_0000, 32), (0x9, 4), (0, 44), (93, 8))


def _coded_picture(picture: Image.Image) -> bytes:
    """One slice of an IDR picture (7.3.6, 7.3.8)."""
    bits = _Bits()
    bits.write((1, 1), (0, 1)).ue(0, 2, 0)
    bits.close()
    state = _initial_state()
    for number, samples in enumerate(_blocks(picture)):
        # The decoder starts anew behind stored samples, with an interval of 510; that the slice
        # ends is denied there (2), that the block is divided too, and that it is stored affirmed.
        width = (510 if number == 0 else 508) - _LEAST_PROBABLE[state]
        bits.write((width - 2 | 1, 9)).align()
        bits.write_bytes(samples)
        state = min(state + 1, 62)
    # The slice ends; the last bit is the one that closes a unit, too.
    bits.write((510 - 2 | 1, 9)).align()
    return _unit(19, bits.written())


def _blocks(picture: Image.Image):
    """Yield the samples of each block: luma, then both chromas at half the size."""
    width, height = picture.size
    full = np.asarray(picture.convert("YCbCr"))
    full = np.pad(full, ((0, -height % BLOCK), (0, -width % BLOCK), (0, 0)), mode="edge")
    rows, columns = full.shape[:2]
    halves = full.reshape(rows // 2, 2, columns // 2, 2, 3).mean(axis=(1, 3)).round()
    half = BLOCK // 2
    for y in range(0, rows, BLOCK):
        for x in range(0, columns, BLOCK):
            luma = full[y : y + BLOCK, x : x + BLOCK, 0]
            chroma = halves[y // 2 : y // 2 + half, x // 2 : x // 2 + half, 1:].astype(np.uint8)
            yield luma.tobytes() + chroma[..., 0].tobytes() + chroma[..., 1].tobytes()


def _initial_state() -> int:
    """Return the context of `split_cu_flag` at the start (9.3.2.2: initValue 139, QP 26)."""
    slope, offset = (139 >> 4) * 5 - 45, ((139 & 15) << 3) - 16
    level = min(max(((slope * 26) >> 4) + offset, 1), 126)
    assert level <= 63, "the likely value must be 0: not divided"
    return 63 - level


def _unit(kind: int, payload: bytes) -> bytes:
    """A NAL unit (7.3.1): no three bytes in it may look like a start code."""
    escaped, zeros = bytearray(), 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            escaped.append(3)
            zeros = 0
        escaped.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return struct.pack(">BB", kind << 1, 1) + bytes(escaped)


def _box(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def _full_box(name: bytes, version_and_flags: int, content: bytes) -> bytes:
    return _box(name, struct.pack(">I", version_and_flags) + content)


class _Bits:
    """A stream of bits; all numbers are written with their highest bit first."""

    def __init__(self) -> None:
        self._bytes, self._open = bytearray(), ""

    def write(self, *numbers: tuple[int, int]) -> "_Bits":
        """Write numbers, each in so many bits."""
        for value, count in numbers:
            self._open += f"{value:0{count}b}"
        whole = len(self._open) // 8 * 8
        self._bytes += bytes(int(self._open[at : at + 8], 2) for at in range(0, whole, 8))
        self._open = self._open[whole:]
        return self

    def ue(self, *values: int) -> "_Bits":
        """Write numbers as Exp-Golomb codes (9.2)."""
        for value in values:
            self.write((value + 1, 2 * (value + 1).bit_length() - 1))
        return self

    def align(self) -> "_Bits":
        """Fill up a byte with zeros."""
        return self.write((0, -len(self._open) % 8)) if self._open else self

    def close(self) -> "_Bits":
        """Write the bit that ends a header or a unit (7.3.2.11, 7.3.2.12)."""
        return self.write((1, 1)).align()

    def write_bytes(self, content: bytes) -> None:
        """Write whole bytes."""
        assert not self._open
        self._bytes += content

    def written(self) -> bytes:
        """Return what was written."""
        assert not self._open
        return bytes(self._bytes)


# The widths of the least probable value's part of a wide interval, by state (table 9-52, the last
# column).
_LEAST_PROBABLE = (
    *(240, 227, 216, 205, 195, 185, 175, 166, 158, 150, 142, 135, 128, 122, 116, 110),
    *(104, 99, 94, 89, 85, 80, 76, 72, 69, 65, 62, 59, 56, 53, 50, 48),
    *(45, 43, 41, 39, 37, 35, 33, 31, 30, 28, 27, 25, 24, 23, 22, 21),
    *(20, 19, 18, 17, 16, 15, 14, 14, 13, 12, 12, 11, 11, 10, 9, 2),
)
