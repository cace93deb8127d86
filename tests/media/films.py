"""Films and sounds, built of the bytes that their formats ask for; nothing in them plays."""

import struct

PLACE = b"+40.7128-074.0060/"


def box(name: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return struct.pack(">I4s", 8 + len(content), name) + content


def movie_header(duration_s: float, *, version: int = 0) -> bytes:
    times = struct.pack(">QQIQ" if version else ">IIII", 0, 0, 1000, round(duration_s * 1000))
    return box(b"mvhd", bytes((version, 0, 0, 0)), times, bytes(80))


def track(width: int, height: int, *, quarter_turn: bool = False, of: bytes = b"vide") -> bytes:
    corner = (0, 0x10000, 0, 0x10000, 0) if quarter_turn else (0x10000, 0, 0, 0, 0x10000)
    matrix = struct.pack(">9I", *corner, 0, 0, 0, 0x40000000)
    header = box(b"tkhd", bytes(40), matrix, struct.pack(">II", width << 16, height << 16))
    return box(b"trak", header, box(b"mdia", box(b"hdlr", bytes(8), of, bytes(13))))


def film(
    *parts: bytes, brand: bytes = b"isom", duration_s: float = 8.0, bytes_more: int = 0
) -> bytes:
    """An MP4 (or, by its brand, 3GP or QuickTime) with pictures and these parts in its index."""
    index = box(b"moov", movie_header(duration_s), track(640, 360), *parts)
    return box(b"ftyp", brand, bytes(4)) + index + box(b"mdat", bytes(16 + bytes_more))


def element(name: bytes, content: bytes) -> bytes:
    return name + struct.pack(">Q", 1 << 56 | len(content)) + content


def webm(*, units: float | None = 8000.0, scale_ns: int | None = None) -> bytes:
    """A WebM whose index points at the general information before it comes."""
    head = element(b"\x1a\x45\xdf\xa3", b"\x42\x82\x84webm")
    parts = b""
    if scale_ns is not None:
        parts += element(b"\x2a\xd7\xb1", scale_ns.to_bytes(4, "big"))
    if units is not None:
        parts += element(b"\x44\x89", struct.pack(">d", units))
    index = element(b"\x11\x4d\x9b\x74", b"\x53\xab\x84\x15\x49\xa9\x66")
    segment = index + element(b"\x15\x49\xa9\x66", parts) + bytes(40)
    return head + b"\x18\x53\x80\x67\x01" + b"\xff" * 7 + segment


def avi(frames: int = 240, frame_us: int = 33_333) -> bytes:
    header = struct.pack("<14I", frame_us, 0, 0, 0, frames, *[0] * 9)
    lists = b"LIST" + struct.pack("<I", 68) + b"hdrlavih" + struct.pack("<I", 56) + header
    return b"RIFF" + struct.pack("<I", 4 + len(lists)) + b"AVI " + lists


def wav(seconds: float, rate: int = 8_000) -> bytes:
    data = bytes(round(seconds * rate))
    form = struct.pack("<HHIIHH", 1, 1, rate, rate, 1, 8)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + form
    chunks += b"LIST" + struct.pack("<I", 3) + b"abc\0" + b"data" + struct.pack("<I", len(data))
    return b"RIFF" + struct.pack("<I", len(chunks) + len(data)) + chunks + data
