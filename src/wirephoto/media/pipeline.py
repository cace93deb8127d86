"""Media in `check` mode: fetch it, verify that phones can show it, and leave it where it is.

The caller's own address is then sent, so what matters is what the provider will find there. It
fetches only after it took the message and tells of a bad file by a receipt (contract 1.7); here
the same file is refused beforehand, by name and with a remedy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from urllib.parse import urlsplit

from wirephoto.domain.media import Attachment, MediaKind
from wirephoto.egress import Egress, Fetched
from wirephoto.errors import EgressRefused, MediaRefused
from wirephoto.media.formats import FORMATS, REMEDIES
from wirephoto.media.sniff import Sniffed, is_cut_off, sniff

FILE_BYTES_MAX = 2_000_000
"""The provider's limit for image, audio and video, "2 MB" (contract 1.4); used for all kinds."""
FILE_BYTES_SAFE = 600_000
"""What every large US carrier delivers from a 10DLC number or a short code (facts 4.1)."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Media that may go out. `warnings` are sentences about what may still go wrong."""

    content_type: str
    size_bytes: int
    kind: MediaKind
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fetched file on its way through `STEPS`."""

    media: Attachment
    fetched: Fetched
    bytes_safe: int
    sniffed: Sniffed | None = None
    warnings: tuple[str, ...] = ()

    def warn(self, sentence: str) -> "Candidate":
        """Return the candidate with one warning more."""
        return replace(self, warnings=(*self.warnings, sentence))


async def check(
    media: Attachment,
    egress: Egress,
    *,
    bytes_max: int = FILE_BYTES_MAX,
    bytes_safe: int = FILE_BYTES_SAFE,
) -> Checked:
    """Fetch `media` and return what it is.

    A file over `bytes_max` bytes is refused, one over `bytes_safe` gets a warning.

    Raises:
        MediaRefused: it cannot be had, or it is not what the provider takes.
    """
    try:
        fetched = await egress.fetch(media.url, body_bytes_max=bytes_max)
    except EgressRefused as refused:
        raise _media_refused(refused) from refused
    return verify(media, fetched, bytes_safe=bytes_safe)


def verify(media: Attachment, fetched: Fetched, *, bytes_safe: int = FILE_BYTES_SAFE) -> Checked:
    """Run the steps over a fetched file and return what it is: pure.

    Raises:
        MediaRefused: it is not what the provider takes.
    """
    candidate = Candidate(media, fetched, bytes_safe)
    for step in STEPS:
        candidate = step(candidate)
    return Checked(
        content_type=_type_of(candidate),
        size_bytes=len(fetched.body),
        kind=media.kind,
        warnings=candidate.warnings,
    )


def refuse_empty(candidate: Candidate) -> Candidate:
    """Refuse a file without a byte."""
    if not candidate.fetched.body:
        raise _refused("corrupt", "The address holds an empty file: upload it again.")
    return candidate


def identify(candidate: Candidate) -> Candidate:
    """Find out from the bytes what the file is."""
    return replace(candidate, sniffed=sniff(candidate.fetched.body))


def match_kind(candidate: Candidate) -> Candidate:
    """Refuse a file of another kind than declared, or of a format that the provider lacks."""
    kind, sniffed = candidate.media.kind, candidate.sniffed
    formats = FORMATS.get(kind)
    if formats is None or (sniffed is not None and sniffed.media_type in formats):
        return candidate
    if kind is MediaKind.IMAGE and (sniffed is None or sniffed.kind is not kind):
        raise _refused("not_an_image", _what_is_wrong(candidate))
    raise _refused("type_mismatch", _what_is_wrong(candidate))


def match_header(candidate: Candidate) -> Candidate:
    """Refuse a picture whose server calls it something else; warn where it is another file.

    Providers and carriers go by the header (facts 4.2: it must match the bytes).
    """
    claimed, sniffed = candidate.fetched.content_type, candidate.sniffed
    if claimed is None or claimed in _VAGUE_TYPES:
        return candidate.warn("The server does not name the file's type: set its Content-Type.")
    if sniffed is None or claimed in _names_of(sniffed.media_type):
        return candidate
    sentence = (
        f"The server says {claimed}, but the file is {sniffed.media_type}: "
        "correct its Content-Type."
    )
    if candidate.media.kind is MediaKind.IMAGE:
        raise _refused("type_mismatch", sentence)
    return candidate.warn(sentence)


def refuse_cut_off(candidate: Candidate) -> Candidate:
    """Refuse a file that visibly lacks its head or its end."""
    sniffed = candidate.sniffed
    if sniffed is not None and is_cut_off(candidate.fetched.body, sniffed.media_type):
        raise _refused(
            "corrupt", f"The file is a cut-off {sniffed.media_type}: upload it again, whole."
        )
    return candidate


def warn_of_weight(candidate: Candidate) -> Candidate:
    """Warn of a file that some carriers will shrink or drop."""
    size_bytes = len(candidate.fetched.body)
    if size_bytes <= candidate.bytes_safe:
        return candidate
    return candidate.warn(
        f"The file has {size_bytes:,} bytes: above {candidate.bytes_safe:,} some carriers "
        "shrink it or do not deliver it."
    )


def warn_of_address(candidate: Candidate) -> Candidate:
    """Warn of what our client puts up with and the provider's may not (contract 4.5)."""
    if candidate.fetched.redirects:
        candidate = candidate.warn(
            "The address redirects, which the provider may not follow: give the final address."
        )
    if urlsplit(candidate.media.url).scheme.lower() != "https":
        candidate = candidate.warn(
            "The address is not https, which the provider may not accept: serve it over https."
        )
    if candidate.fetched.content_length is None:
        candidate = candidate.warn(
            "The server does not tell the file's size, which providers ask for: "
            "set its Content-Length."
        )
    return candidate


STEPS: tuple[Callable[[Candidate], Candidate], ...] = (
    refuse_empty,
    identify,
    match_kind,
    match_header,
    refuse_cut_off,
    warn_of_weight,
    warn_of_address,
)
"""What happens to a fetched file, in this order."""


def _media_refused(refused: EgressRefused) -> MediaRefused:
    # A caller cares whether the file can be had, not at which layer it could not.
    reason = "unreachable" if refused.reason == "bad_status" else refused.reason
    return MediaRefused(reason, str(refused), retryable=refused.retryable)


def _refused(reason: str, message: str) -> MediaRefused:
    return MediaRefused(reason, message, retryable=False)


def _what_is_wrong(candidate: Candidate) -> str:
    sniffed = candidate.sniffed
    if sniffed is None and candidate.fetched.content_type in _WEB_PAGES:
        return "The address shows a web page: give the address of the file itself."
    known = f"is {sniffed.media_type}" if sniffed is not None else "has no type that is known here"
    return f"The file {known}. {REMEDIES[candidate.media.kind]}"


def _type_of(candidate: Candidate) -> str:
    if candidate.sniffed is not None:
        return candidate.sniffed.media_type
    return candidate.fetched.content_type or "application/octet-stream"


def _names_of(media_type: str) -> frozenset[str]:
    return _OTHER_NAMES.get(media_type, frozenset()) | {media_type}


_OTHER_NAMES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "image/jpeg": frozenset({"image/jpg", "image/pjpeg"}),
        "image/png": frozenset({"image/x-png", "image/apng", "image/vnd.mozilla.apng"}),
        "image/bmp": frozenset({"image/x-bmp", "image/x-ms-bmp", "image/x-windows-bmp"}),
        "video/mp4": frozenset({"video/x-m4v", "application/mp4", "audio/mp4"}),
        "video/3gpp": frozenset({"video/3gp", "audio/3gpp"}),
        "video/x-msvideo": frozenset({"video/avi", "video/msvideo", "video/vnd.avi"}),
        "video/mpeg": frozenset({"video/mpg", "video/x-mpeg"}),
        "audio/mpeg": frozenset({"audio/mp3", "audio/x-mp3", "audio/mpeg3", "audio/x-mpeg"}),
        "audio/amr": frozenset({"audio/3gpp"}),
        "audio/midi": frozenset({"audio/mid", "audio/x-midi", "audio/x-mid"}),
        "audio/wav": frozenset({"audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/x-pn-wav"}),
        "audio/ac3": frozenset({"audio/x-ac3", "audio/vnd.dolby.dd-raw"}),
        "text/vcard": frozenset({"text/x-vcard", "text/directory"}),
    }
)
_VAGUE_TYPES = frozenset({"application/octet-stream", "binary/octet-stream"})
_WEB_PAGES = frozenset({"text/html", "application/xhtml+xml"})
