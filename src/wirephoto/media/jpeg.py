"""Encoders of JPEG: each is a function from quality to bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from types import ModuleType

from PIL import Image

Encode = Callable[[int], bytes]

FULL_COLOUR = "4:4:4"
"""A colour for each pixel: where bytes are plenty it looks better (facts 4.3)."""
HALF_COLOUR = "4:2:0"
"""One colour for four pixels: where bytes are few it leaves more of them to what eyes see best."""


@dataclass(frozen=True, slots=True)
class Coding:
    """How an encoder writes: how much of the colour, and in one pass or in several.

    Several passes take three times as long and make a file about 4 % smaller.
    """

    colour: str
    progressive: bool


def draft(picture: Image.Image) -> Encode:
    """Return the fastest encoder there is, to learn how well a picture compresses."""
    return lambda quality: _saved(picture, quality=quality, subsampling=HALF_COLOUR)


def pillow(picture: Image.Image, coding: Coding) -> Encode:
    """Return libjpeg's encoder."""
    return lambda quality: _saved(
        picture,
        quality=quality,
        subsampling=coding.colour,
        progressive=coding.progressive,
        optimize=True,
    )


def mozjpeg(picture: Image.Image) -> Encode | None:
    """Return mozjpeg's encoder, or None without the extra `fast-jpeg`.

    It takes five times as long as libjpeg, and looks better where bytes are few.
    """
    vips = _vips()
    if vips is None:
        return None
    image = vips.Image.new_from_memory(
        picture.tobytes(), picture.width, picture.height, len(picture.getbands()), "uchar"
    ).copy(interpretation="b-w" if picture.mode == "L" else "srgb")

    def encode(quality: int) -> bytes:
        body = image.jpegsave_buffer(
            Q=quality,
            subsample_mode="on",
            optimize_coding=True,
            interlace=True,
            trellis_quant=True,
            overshoot_deringing=True,
            optimize_scans=True,
            quant_table=3,
            keep="none",
        )
        return bytes(body)

    return encode


def _saved(picture: Image.Image, **options: int | str | bool) -> bytes:
    target = BytesIO()
    picture.save(target, "JPEG", **options)
    return target.getvalue()


@cache
def _vips() -> ModuleType | None:
    try:
        import pyvips
    except (ImportError, OSError):  # not installed, or without its library
        return None
    # One job at a time, each with another picture: threads and a cache would only take memory.
    pyvips.cache_set_max(0)
    module: ModuleType = pyvips
    return module
