"""Attachment in `check` mode: what may go out, what is refused, and what the caller is told."""

import struct

import pytest

from wirephoto.domain.media import Attachment, MediaKind
from wirephoto.egress import Fetched
from wirephoto.errors import EgressRefused, MediaRefused
from wirephoto.media.pipeline import FILE_BYTES_MAX, check, verify

URL = "https://example.com/cat.jpg"
JPEG = b"\xff\xd8\xff\xe0\x00\x04JF\xff\xda\x00\x04\x01\x02scan\xff\xd9"
PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 4, 3) + bytes(9) + b"IDAT..IEND...."
GIF = b"GIF89a" + struct.pack("<HH", 4, 3) + bytes(4) + b";"
BMP = b"BM" + struct.pack("<IIII", 62, 0, 54, 40) + bytes(44)
WEBP = b"RIFF" + struct.pack("<I", 28) + b"WEBP" + bytes(24)
HEIC = struct.pack(">I4s4sI4s", 20, b"ftyp", b"heic", 0, b"mif1")
MP4 = (
    struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)
    + struct.pack(">I4s2s", 10, b"mdat", b"xx")
    + struct.pack(">I4s", 8, b"moov")
)
MOV = MP4.replace(b"isom", b"qt  ")
MP3 = b"ID3\x04" + bytes(60)
VCARD = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ann\r\nEND:VCARD\r\n"
PDF = b"%PDF-1.7\n%%EOF"
HTML = b"<!doctype html><html>Sign in to see this picture</html>"


def fetched(body: bytes, content_type: str | None = "image/jpeg", **changes) -> Fetched:
    made = {"url": URL, "content_length": len(body), **changes}
    return Fetched(content_type=content_type, body=body, **made)


class OneAnswer:
    """An egress that gives one answer, or fails in one way, and notes what it was asked."""

    def __init__(self, answer: Fetched | EgressRefused) -> None:
        self.answer = answer
        self.asked: list[tuple[str, int]] = []

    async def fetch(self, url: str, *, body_bytes_max: int) -> Fetched:
        self.asked.append((url, body_bytes_max))
        if isinstance(self.answer, EgressRefused):
            raise self.answer
        return self.answer


TAKEN = [
    (MediaKind.IMAGE, JPEG, "image/jpeg", "image/jpeg"),
    (MediaKind.IMAGE, JPEG, "image/jpg", "image/jpeg"),
    (MediaKind.IMAGE, PNG, "image/png", "image/png"),
    (MediaKind.IMAGE, GIF, "image/gif", "image/gif"),
    (MediaKind.IMAGE, BMP, "image/x-ms-bmp", "image/bmp"),
    (MediaKind.VIDEO, MP4, "video/mp4", "video/mp4"),
    (MediaKind.AUDIO, MP3, "audio/mp3", "audio/mpeg"),
    (MediaKind.VCARD, VCARD, "text/x-vcard", "text/vcard"),
    (MediaKind.FILE, PDF, "application/pdf", "application/pdf"),
    (MediaKind.FILE, b"anything", "text/plain", "text/plain"),
]

REFUSED = [
    (MediaKind.IMAGE, b"", "image/jpeg", "corrupt", "empty"),
    (MediaKind.FILE, b"", "application/pdf", "corrupt", "empty"),
    (MediaKind.IMAGE, HTML, "text/html", "not_an_image", "web page"),
    (MediaKind.IMAGE, HTML, "image/jpeg", "not_an_image", "convert"),
    (MediaKind.IMAGE, PDF, "application/pdf", "not_an_image", "application/pdf"),
    (MediaKind.IMAGE, MP4, "video/mp4", "not_an_image", "video/mp4"),
    (MediaKind.IMAGE, WEBP, "image/webp", "type_mismatch", "convert it, best to JPEG"),
    (MediaKind.IMAGE, HEIC, "image/heic", "type_mismatch", "convert it, best to JPEG"),
    (MediaKind.IMAGE, JPEG, "image/png", "type_mismatch", "Content-Type"),
    (MediaKind.IMAGE, JPEG, "text/html", "type_mismatch", "Content-Type"),
    (MediaKind.IMAGE, JPEG[:-2], "image/jpeg", "corrupt", "cut-off"),
    (MediaKind.IMAGE, PNG[:20], "image/png", "corrupt", "cut-off"),
    (MediaKind.VIDEO, MOV, "video/quicktime", "type_mismatch", "best to MP4"),
    (MediaKind.VIDEO, JPEG, "image/jpeg", "type_mismatch", "best to MP4"),
    (MediaKind.VIDEO, MP4[:-8], "video/mp4", "corrupt", "cut-off"),
    (MediaKind.AUDIO, b"OggS" + bytes(20), "audio/ogg", "type_mismatch", "best to MP3"),
    (MediaKind.VCARD, HTML, "text/vcard", "type_mismatch", "vCard"),
    (MediaKind.VCARD, VCARD[:30], "text/vcard", "corrupt", "cut-off"),
]

WARNED = [
    (MediaKind.IMAGE, fetched(JPEG, None), "Content-Type"),
    (MediaKind.IMAGE, fetched(JPEG, "application/octet-stream"), "Content-Type"),
    (MediaKind.AUDIO, fetched(MP3, "video/mp4"), "Content-Type"),
    (MediaKind.IMAGE, fetched(JPEG, content_length=None), "Content-Length"),
    (MediaKind.IMAGE, fetched(JPEG, redirects=1), "redirects"),
    (MediaKind.IMAGE, fetched(JPEG + bytes(600_000)), "some carriers"),
]


@pytest.mark.parametrize(("kind", "body", "claimed", "content_type"), TAKEN)
async def test_a_good_file_passes_without_a_word(kind, body, claimed, content_type):
    """The formats of contract 1.4, under the names that servers give them."""
    egress = OneAnswer(fetched(body, claimed))

    checked = await check(Attachment(URL, kind), egress)

    assert (checked.content_type, checked.size_bytes) == (content_type, len(body))
    assert (checked.kind, checked.warnings) == (kind, ())


@pytest.mark.parametrize(("kind", "body", "claimed", "reason", "words"), REFUSED)
async def test_what_the_provider_would_refuse_is_refused_with_a_remedy(
    kind, body, claimed, reason, words
):
    """The provider tells only after it took the message, and by a number."""
    with pytest.raises(MediaRefused, match=words) as caught:
        await check(Attachment(URL, kind), OneAnswer(fetched(body, claimed)))

    assert (caught.value.reason, caught.value.retryable) == (reason, False)


@pytest.mark.parametrize(("kind", "answer", "words"), WARNED)
def test_what_may_go_wrong_is_said_and_goes_out(kind, answer, words):
    """A doubt is no reason to keep a picture back, and none to keep silent."""
    [warning] = verify(Attachment(URL, kind), answer).warnings

    assert words in warning


def test_exactly_the_safe_size_gets_no_warning():
    """600,000 bytes are within the budget, not above it."""
    body = JPEG + bytes(600_000 - len(JPEG))

    assert verify(Attachment(URL), fetched(body)).warnings == ()


def test_an_address_without_tls_gets_a_warning():
    """The provider may insist on https (contract 4.5)."""
    media = Attachment("http://example.com/cat.jpg")

    [warning] = verify(media, fetched(JPEG)).warnings

    assert "https" in warning


async def test_the_providers_limit_bounds_the_fetch():
    """More is never read than could be sent (contract 1.4: 2 MB)."""
    egress = OneAnswer(fetched(JPEG))

    await check(Attachment(URL), egress)

    assert egress.asked == [(URL, FILE_BYTES_MAX)]


@pytest.mark.parametrize(
    ("egress_reason", "reason", "retryable"),
    [
        ("bad_url", "bad_url", False),
        ("blocked_address", "blocked_address", False),
        ("redirect_refused", "redirect_refused", False),
        ("too_large", "too_large", False),
        ("unreachable", "unreachable", True),
        ("bad_status", "unreachable", False),
        ("bad_status", "unreachable", True),
    ],
)
async def test_a_failed_fetch_keeps_its_reason_and_whether_to_try_again(
    egress_reason, reason, retryable
):
    """A picture that cannot be had now is retried; one that never will be fails at once."""
    failure = EgressRefused(egress_reason, "a sentence", retryable=retryable)

    with pytest.raises(MediaRefused, match="a sentence") as caught:
        await check(Attachment(URL), OneAnswer(failure))

    assert (caught.value.reason, caught.value.retryable) == (reason, retryable)
