"""What a picture is, found out before it is decoded, so that what is not fit to decode never is.

An 86 KB PNG may hold 88 million pixels and a 460 KB GIF 250 frames of a megapixel (facts 4.4), so
size and frames are judged by the file's head. Only decoders on the list are ever asked.
"""

import struct
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

import pi_heif
from PIL import ExifTags, Image

from wirephoto.domain.media import Form, MediaKind, MediaLimits
from wirephoto.errors import MediaRefused
from wirephoto.media.gif import count_frames
from wirephoto.media.sniff import is_cut_off, sniff


def probe(source: Path, limits: MediaLimits) -> Form:
    """Return what the picture in `source` is; its size is upright.

    Raises:
        MediaRefused: `not_an_image`, `too_large`, `too_many_pixels` or `corrupt`.
    """
    body = read_within(source, limits)
    with decoding(), open_picture(body, limits) as picture:
        width, height = picture.size
        if is_sideways(orientation_of(picture, body)):
            width, height = height, width
        return Form(
            media_type=media_type_of(body),
            size_bytes=len(body),
            width=width,
            height=height,
            frames=_frames(picture, body, limits),
        )


def read_within(source: Path, limits: MediaLimits) -> bytes:
    """Return the bytes of `source`.

    Raises:
        MediaRefused: `too_large`, by its size on disk.
    """
    size_bytes = source.stat().st_size
    if size_bytes > limits.source_bytes_max:
        raise _refused(
            "too_large",
            f"The picture has {size_bytes:,} bytes: send one of at most "
            f"{limits.source_bytes_max:,}.",
        )
    return source.read_bytes()


def media_type_of(body: bytes) -> str:
    """Return a picture's type by its first bytes.

    Raises:
        MediaRefused: `not_an_image`, with what it is instead, or `corrupt` when it is cut off.
    """
    if not body:
        raise _refused("corrupt", "The file is empty: upload it again.")
    sniffed = sniff(body)
    if sniffed is None:
        raise _refused("not_an_image", f"The file {_looks(body)}. {_REMEDY}")
    if sniffed.kind is not MediaKind.IMAGE or sniffed.media_type not in _DECODERS:
        raise _refused("not_an_image", f"The file is {sniffed.media_type}. {_REMEDY}")
    if is_cut_off(body, sniffed.media_type):
        raise _refused(
            "corrupt", f"The file is a cut-off {sniffed.media_type}: upload it again, whole."
        )
    return sniffed.media_type


def open_picture(body: bytes, limits: MediaLimits) -> Image.Image:
    """Return the picture in `body`, its head read and nothing decoded.

    Raises:
        MediaRefused: as `probe` does.
    """
    _register_heif()
    try:
        picture = Image.open(BytesIO(body), formats=_DECODERS[media_type_of(body)])
    except Image.DecompressionBombError as error:
        raise _too_many_pixels("hundreds of millions of pixels", limits.pixels_max) from error
    width, height = picture.size
    if width * height > limits.pixels_max:
        raise _too_many_pixels(f"{width} x {height} pixels", limits.pixels_max)
    frames = _frames(picture, body, limits)
    if frames > limits.frames_max:
        raise _refused(
            "too_many_pixels",
            f"The animation has more than {limits.frames_max:,} frames: send a shorter one.",
        )
    if width * height * frames > limits.animation_pixels_max:
        raise _too_many_pixels(
            f"{frames} frames of {width} x {height} pixels", limits.animation_pixels_max
        )
    return picture


@contextmanager
def decoding() -> Iterator[None]:
    """Turn whatever a decoder raises inside the block into a refusal, and silence its warnings.

    Broken files raise anything: OSError, SyntaxError, ValueError, KeyError, errors of `struct`
    and of `zlib` (facts 4.4). Memory or a disk that ran out is told apart, for the file may be
    sound.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except (MediaRefused, MemoryError):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk's word: decoders have no number for theirs
            raise _refused(
                "corrupt", "The picture cannot be decoded: save it anew, best as JPEG."
            ) from error


def orientation_of(picture: Image.Image, body: bytes) -> int:
    """Return how `picture` must be turned, as EXIF counts it: 1 is upright, 8 the highest.

    TIFF's decoder turns pictures itself, and tells their upright size beforehand. PNG may say it
    behind its pixels, for which the decoder would decode them: so it is asked only where there is
    something to say. Of a broken EXIF block nothing is believed.
    """
    if picture.format == "TIFF":
        return 1
    if picture.format == "PNG" and not any(name in body for name in _PNG_EXIF):
        return 1
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error):
        return 1
    return orientation if orientation in range(1, 9) else 1


def is_sideways(orientation: int) -> bool:
    """Tell whether width and height change places when the picture is turned upright."""
    return orientation in range(5, 9)


@cache
def _register_heif() -> None:
    # Threads of the decoder would count against the worker's address space.
    pi_heif.register_heif_opener(thumbnails=False, decode_threads=1)


def _frames(picture: Image.Image, body: bytes, limits: MediaLimits) -> int:
    """Return how many pictures are shown one after the other.

    Further pages of a TIFF, further pictures of an MPO or HEIF are not shown, so these have one.
    """
    if picture.format == "GIF":
        return count_frames(body, at_most=limits.frames_max + 1)
    if picture.format in ("PNG", "WEBP", "AVIF"):
        return int(getattr(picture, "n_frames", 1))
    return 1


def _looks(body: bytes) -> str:
    start = body[:256].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "is a web page"
    if start.startswith((b"<svg", b"<?xml")):
        return "is a drawing or text in XML"
    return "is no picture that is known here"


def _too_many_pixels(what: str, limit: int) -> MediaRefused:
    return _refused(
        "too_many_pixels",
        f"The picture has {what}: send one of at most {limit / 1_000_000:g} million pixels.",
    )


def _refused(reason: str, message: str) -> MediaRefused:
    return MediaRefused(reason, message, retryable=False)


_PNG_EXIF = (b"eXIf", b"Raw profile type", b"com.adobe.xmp")
_REMEDY = "Send a picture: JPEG, PNG, GIF, WebP, HEIC, AVIF, TIFF or BMP."
_DECODERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "image/jpeg": ("JPEG", "MPO"),
        "image/png": ("PNG",),
        "image/gif": ("GIF",),
        "image/webp": ("WEBP",),
        "image/avif": ("AVIF",),
        "image/heic": ("HEIF",),
        "image/tiff": ("TIFF",),
        "image/bmp": ("BMP",),
    }
)
"""Which decoders may read a type; no other is ever tried."""
