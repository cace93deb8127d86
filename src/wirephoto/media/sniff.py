"""What a file is by its first bytes, and whether it is visibly cut off: pure, nothing is decoded.

Whatever its name or its server says: the provider refuses by content (contract 3, code 1382), and
only after it took the message.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wirephoto.domain.media import MediaKind


@dataclass(frozen=True, slots=True)
class Sniffed:
    """A file's type as its bytes show it."""

    media_type: str
    kind: MediaKind


def sniff(body: bytes) -> Sniffed | None:
    """Return what `body` is, or None when its first bytes are none that we know."""
    for magic, media_type in _MAGIC:
        if body.startswith(magic):
            return _sniffed(media_type)
    for recognise in (_riff, _iso_media, _ebml, _bmp, _mpeg_audio, _ac3, _vcard):
        recognised = recognise(body)
        if recognised is not None:
            return _sniffed(recognised)
    return None


def is_cut_off(body: bytes, media_type: str) -> bool:
    """Tell whether a file visibly lacks its head or its end.

    Only what is cheap to see: a file that passes may still be broken. An end that many programs
    leave out and every phone does without (GIF's trailer) is not asked for.
    """
    check = _WHOLE.get(media_type)
    return check is not None and not check(body)


def _sniffed(media_type: str) -> Sniffed:
    if media_type in ("text/vcard", "application/pdf"):
        return Sniffed(media_type, _DOCUMENTS[media_type])
    return Sniffed(media_type, MediaKind(media_type.partition("/")[0]))


def _riff(body: bytes) -> str | None:
    if not body.startswith(b"RIFF"):
        return None
    return _RIFF_FORMS.get(body[8:12])


def _iso_media(body: bytes) -> str | None:
    """Read the brands of the `ftyp` box (ISO/IEC 14496-12, section 4.3)."""
    if body[4:8] != b"ftyp":
        return None
    major = body[8:12]
    if major in (b"mif1", b"msf1"):
        # These name the container only: a compatible brand tells AVIF from HEIC.
        end = min(int.from_bytes(body[:4], "big"), _FTYP_BYTES_MAX)
        compatible = [body[at : at + 4] for at in range(16, end, 4)]
        return "image/avif" if b"avif" in compatible else "image/heic"
    if major.startswith(b"3g"):
        return "video/3gpp2" if major.startswith(b"3g2") else "video/3gpp"
    return _MAJOR_BRANDS.get(major, "video/mp4")


def _ebml(body: bytes) -> str | None:
    """Read the document type, which writers put among the first elements (RFC 8794, 11.2.4)."""
    if not body.startswith(b"\x1a\x45\xdf\xa3"):
        return None
    head = body[:_EBML_HEAD_BYTES]
    if b"\x42\x82\x84webm" in head:
        return "video/webm"
    return "video/x-matroska" if b"\x42\x82\x88matroska" in head else None


def _bmp(body: bytes) -> str | None:
    # Two letters prove little, so the size of the second header must be one that exists.
    header_bytes = int.from_bytes(body[14:18], "little")
    return "image/bmp" if body[:2] == b"BM" and header_bytes in _BMP_HEADER_BYTES else None


def _mpeg_audio(body: bytes) -> str | None:
    """Read a bare MPEG audio frame header, layer III (ISO/IEC 11172-3, section 2.4.1.3)."""
    if len(body) < 4 or body[0] != 0xFF or body[1] & 0xE6 != 0xE2 or body[1] & 0x18 == 0x08:
        return None
    bitrate, sample_rate = body[2] >> 4, body[2] >> 2 & 3
    return "audio/mpeg" if bitrate not in (0, 15) and sample_rate != 3 else None


def _ac3(body: bytes) -> str | None:
    # ATSC A/52, section 5.3: sync word, then sample rate, frame size and version that exist.
    if len(body) < 6 or body[:2] != b"\x0b\x77":
        return None
    exists = body[4] >> 6 != 3 and body[4] & 0x3F < 38 and body[5] >> 3 <= 10
    return "audio/ac3" if exists else None


def _vcard(body: bytes) -> str | None:
    start = body[:64].removeprefix(b"\xef\xbb\xbf").lstrip().upper()
    return "text/vcard" if start.startswith(b"BEGIN:VCARD") else None


def _whole_jpeg(body: bytes) -> bool:
    """Walk the segments to the first scan; behind it 0xFFD9 can only be the end of the image.

    Before it the same bytes may belong to a thumbnail (ITU-T T.81, annex B).
    """
    at = 2
    while at + 4 <= len(body) and body[at] == 0xFF:
        marker = body[at + 1]
        if marker == _START_OF_SCAN:
            return body.rfind(b"\xff\xd9", at) >= 0
        at += 1 if marker == 0xFF else 2 + int.from_bytes(body[at + 2 : at + 4], "big")
    return False


def _whole_png(body: bytes) -> bool:
    has_size = body[12:16] == b"IHDR" and any(body[16:20]) and any(body[20:24])
    return has_size and b"IDAT" in body and b"IEND" in body[-_PNG_TAIL_BYTES:]


def _whole_gif(body: bytes) -> bool:
    return len(body) > 13 and any(body[6:8]) and any(body[8:10])


def _whole_bmp(body: bytes) -> bool:
    return 0 < int.from_bytes(body[10:14], "little") < len(body)


def _whole_riff(body: bytes) -> bool:
    # A recorder that cannot seek back leaves 0 or all ones.
    claimed = int.from_bytes(body[4:8], "little")
    return len(body) > 20 and (claimed == 0xFFFF_FFFF or claimed + 8 <= len(body))


def _whole_iso_media(body: bytes) -> bool:
    """Walk the outermost boxes: the index and the first media data must lie inside the file."""
    at, seen = 0, set[bytes]()
    while at + 8 <= len(body):
        size = int.from_bytes(body[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(body[at + 8 : at + 16], "big")
        elif size == 0:
            size = len(body) - at
        if size < 8 or at + size > len(body):
            break
        seen.add(body[at + 4 : at + 8])
        at += size
    return b"mdat" in seen and not seen.isdisjoint((b"moov", b"moof"))


def _whole_midi(body: bytes) -> bool:
    return body[14:18] == b"MTrk"


def _whole_vcard(body: bytes) -> bool:
    return b"END:VCARD" in body[-_VCARD_TAIL_BYTES:].upper()


# What needs more than fixed bytes has a function above.
_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"II+\x00", "image/tiff"),
    (b"MM\x00+", "image/tiff"),
    (b"\x00\x00\x01\xba", "video/mpeg"),
    (b"\x00\x00\x01\xb3", "video/mpeg"),
    (b"ID3", "audio/mpeg"),
    (b"#!AMR\n", "audio/amr"),
    (b"#!AMR-WB\n", "audio/amr-wb"),
    (b"MThd\x00\x00\x00\x06", "audio/midi"),
    (b"%PDF-", "application/pdf"),
)
_DOCUMENTS = MappingProxyType(
    {"text/vcard": MediaKind.VCARD, "application/pdf": MediaKind.FILE},
)
_RIFF_FORMS = MappingProxyType(
    {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
)
_MAJOR_BRANDS = MappingProxyType(
    {
        **dict.fromkeys((b"avif", b"avis"), "image/avif"),
        **dict.fromkeys(
            (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "image/heic"
        ),
        b"qt  ": "video/quicktime",
        b"M4A ": "audio/mp4",
        b"M4B ": "audio/mp4",
    }
)
_FTYP_BYTES_MAX = 256
_EBML_HEAD_BYTES = 128
_BMP_HEADER_BYTES = frozenset({12, 40, 52, 56, 64, 108, 124})
_START_OF_SCAN = 0xDA
_PNG_TAIL_BYTES = 65_536
_VCARD_TAIL_BYTES = 4096
_WHOLE: Mapping[str, Callable[[bytes], bool]] = MappingProxyType(
    {
        "image/jpeg": _whole_jpeg,
        "image/png": _whole_png,
        "image/gif": _whole_gif,
        "image/bmp": _whole_bmp,
        "audio/wav": _whole_riff,
        "video/x-msvideo": _whole_riff,
        "video/mp4": _whole_iso_media,
        "video/3gpp": _whole_iso_media,
        "video/3gpp2": _whole_iso_media,
        "video/quicktime": _whole_iso_media,
        "audio/midi": _whole_midi,
        "text/vcard": _whole_vcard,
    }
)
