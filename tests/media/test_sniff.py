"""What a file is by its first bytes, and whether it is visibly cut off."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wirephoto.domain.media import MediaKind
from wirephoto.media.sniff import is_cut_off, sniff


def box(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    return box(b"ftyp", major + bytes(4) + b"".join(compatible))


def riff(form: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 28) + form + bytes(24)


JPEG = b"\xff\xd8\xff\xe0\x00\x04JF\xff\xda\x00\x04\x01\x02scan\xff\xd9"
PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 4, 3) + bytes(9) + b"IDAT..IEND...."
GIF = b"GIF89a" + struct.pack("<HH", 4, 3) + bytes(4) + b";"
BMP = b"BM" + struct.pack("<IIII", 62, 0, 54, 40) + bytes(44)
MP4 = ftyp(b"isom", b"mp41") + box(b"mdat", b"xx") + box(b"moov", b"yy")
MIDI = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 96) + b"MTrk" + bytes(8)
EBML = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01"
VCARD = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ann\r\nEND:VCARD\r\n"

KNOWN = [
    (JPEG, "image/jpeg", MediaKind.IMAGE),
    (PNG, "image/png", MediaKind.IMAGE),
    (GIF, "image/gif", MediaKind.IMAGE),
    (b"GIF87a" + GIF[6:], "image/gif", MediaKind.IMAGE),
    (BMP, "image/bmp", MediaKind.IMAGE),
    (riff(b"WEBP"), "image/webp", MediaKind.IMAGE),
    (ftyp(b"heic", b"mif1"), "image/heic", MediaKind.IMAGE),
    (ftyp(b"mif1", b"heic"), "image/heic", MediaKind.IMAGE),
    (ftyp(b"mif1", b"miaf", b"avif"), "image/avif", MediaKind.IMAGE),
    (ftyp(b"avif"), "image/avif", MediaKind.IMAGE),
    (b"II*\x00" + bytes(8), "image/tiff", MediaKind.IMAGE),
    (b"MM\x00*" + bytes(8), "image/tiff", MediaKind.IMAGE),
    (MP4, "video/mp4", MediaKind.VIDEO),
    (ftyp(b"M4V ", b"M4A ", b"mp42"), "video/mp4", MediaKind.VIDEO),
    (ftyp(b"3gp4"), "video/3gpp", MediaKind.VIDEO),
    (ftyp(b"3g2a"), "video/3gpp2", MediaKind.VIDEO),
    (ftyp(b"qt  "), "video/quicktime", MediaKind.VIDEO),
    (ftyp(b"M4A "), "audio/mp4", MediaKind.AUDIO),
    (EBML + b"\x42\x82\x84webm" + bytes(8), "video/webm", MediaKind.VIDEO),
    (EBML + b"\x42\x82\x88matroska" + bytes(8), "video/x-matroska", MediaKind.VIDEO),
    (riff(b"AVI "), "video/x-msvideo", MediaKind.VIDEO),
    (b"\x00\x00\x01\xba" + bytes(8), "video/mpeg", MediaKind.VIDEO),
    (b"\x00\x00\x01\xb3" + bytes(8), "video/mpeg", MediaKind.VIDEO),
    (b"ID3\x04" + bytes(8), "audio/mpeg", MediaKind.AUDIO),
    (b"\xff\xfb\x90\x64" + bytes(8), "audio/mpeg", MediaKind.AUDIO),
    (b"#!AMR\n\x3c", "audio/amr", MediaKind.AUDIO),
    (b"#!AMR-WB\n\x3c", "audio/amr-wb", MediaKind.AUDIO),
    (MIDI, "audio/midi", MediaKind.AUDIO),
    (riff(b"WAVE"), "audio/wav", MediaKind.AUDIO),
    (b"\x0b\x77\x00\x00\x14\x40" + bytes(8), "audio/ac3", MediaKind.AUDIO),
    (VCARD, "text/vcard", MediaKind.VCARD),
    (b"\xef\xbb\xbf\r\nbegin:vcard\r\n", "text/vcard", MediaKind.VCARD),
    (b"%PDF-1.7\n", "application/pdf", MediaKind.FILE),
]

UNKNOWN = [
    b"",
    b"\xff",
    b"\xff\xd8",
    b"<!doctype html><html>",
    b"BM is how this letter begins, and it is no picture at all",
    b"RIFF\x00\x00\x00\x00JUNK",
    b"\xff\xfe\x48\x00",  # a UTF-16 text
    b"\xff\xf1\x50\x80",  # AAC, which shares MP3's first bits
    b"\xff\xea\x90\x64",  # a version of MPEG that does not exist
    b"\x0b\x77\xff\xff\xff\xff",
    EBML + b"\x42\x82\x84mkvx",
    b"PK\x03\x04" + bytes(20),
    b"MZ" + bytes(20),
    b"%!PS-Adobe-3.0 EPSF-3.0",
    b"8BPS" + bytes(20),
    b"<svg xmlns='http://www.w3.org/2000/svg'/>",
]

WHOLE = [
    (JPEG, "image/jpeg"),
    (b"\xff\xd8\xff" + JPEG[2:], "image/jpeg"),
    (JPEG + b"a maker's trailer", "image/jpeg"),
    (PNG, "image/png"),
    (GIF, "image/gif"),
    (BMP, "image/bmp"),
    (MP4, "video/mp4"),
    (ftyp(b"isom") + box(b"moov") + struct.pack(">I4sQ", 1, b"mdat", 18) + b"xx", "video/mp4"),
    (ftyp(b"isom") + box(b"moov") + struct.pack(">I4s", 0, b"mdat") + b"to the end", "video/mp4"),
    (riff(b"WAVE"), "audio/wav"),
    (b"RIFF\xff\xff\xff\xffWAVE" + bytes(24), "audio/wav"),
    (MIDI, "audio/midi"),
    (VCARD, "text/vcard"),
    (b"%PDF-1.7", "application/pdf"),
]

CUT_OFF = [
    (JPEG[:3], "image/jpeg"),
    (JPEG[:-2], "image/jpeg"),
    # A thumbnail's end inside a segment is not the picture's end.
    (b"\xff\xd8\xff\xe1\x00\x08..\xff\xd9..\xff\xda\x00\x02scan", "image/jpeg"),
    (b"\xff\xd8\xff\xe1\x00\x00" * 4, "image/jpeg"),
    (PNG[:8], "image/png"),
    (PNG[:30], "image/png"),
    (PNG[:-8], "image/png"),
    (PNG.replace(b"\x00\x00\x00\x04", bytes(4)), "image/png"),
    (GIF[:10], "image/gif"),
    (b"GIF89a" + bytes(20), "image/gif"),
    (BMP[:40], "image/bmp"),
    (MP4[:-1], "video/mp4"),
    (MP4[:-1].replace(b"isom", b"qt  "), "video/quicktime"),
    (ftyp(b"isom") + box(b"mdat", b"xx"), "video/mp4"),
    (ftyp(b"isom") + struct.pack(">I4s", 3, b"moov") + bytes(20), "video/mp4"),
    (riff(b"WAVE")[:-1], "audio/wav"),
    (riff(b"AVI ")[:12], "video/x-msvideo"),
    (MIDI[:14], "audio/midi"),
    (VCARD[:30], "text/vcard"),
]


@pytest.mark.parametrize(("body", "media_type", "kind"), KNOWN)
def test_a_file_is_known_by_its_first_bytes(body, media_type, kind):
    """Names and headers are wrong too often to go by."""
    sniffed = sniff(body)

    assert (sniffed.media_type, sniffed.kind) == (media_type, kind)


@pytest.mark.parametrize("body", UNKNOWN)
def test_what_only_looks_alike_stays_unknown(body):
    """A guess would send a text or a program as a picture."""
    assert sniff(body) is None


@pytest.mark.parametrize(("body", "media_type"), WHOLE)
def test_a_whole_file_is_not_called_cut_off(body, media_type):
    """Refusing a good file is worse than missing a broken one."""
    assert not is_cut_off(body, media_type)


@pytest.mark.parametrize(("body", "media_type"), CUT_OFF)
def test_a_file_without_its_head_or_end_is_found(body, media_type):
    """Half a picture is paid for like a whole one."""
    assert is_cut_off(body, media_type)


@given(
    st.sampled_from([body for body, *_ in KNOWN]),
    st.integers(min_value=0, max_value=80),
    st.binary(max_size=40),
)
def test_no_bytes_break_the_reader(body, length, tail):
    """Files come from strangers."""
    mixed = body[:length] + tail

    sniffed = sniff(mixed)

    assert sniffed is None or is_cut_off(mixed, sniffed.media_type) in (True, False)
