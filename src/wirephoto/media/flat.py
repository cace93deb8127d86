"""Flat art: screenshots, drawings and codes, whose edges JPEG would smear, as PNG."""

from functools import reduce
from io import BytesIO

from PIL import Image, ImageChops, ImageStat

from wirephoto.media.fit import Encoded

FLAT_EDGE_MAX = 4096
"""The longest edge of flat art that keeps its size: shrinking would blur what is sharp."""
SMALLER_EDGES = (2048, 1280)
"""What it is shrunk to where that shows more than a JPEG would."""


def looks_flat(picture: Image.Image) -> bool:
    """Tell whether `picture` is drawn: most of its pixels then are like their neighbours.

    In a photograph hardly one is, for sensors are noisy. Some rows are looked at; an icon, which
    has too few pixels to tell, counts as drawn.
    """
    if picture.width * picture.height <= _ICON_PIXELS:
        return True
    width, height = picture.width, min(picture.height, _ROWS)
    rows = picture.resize((width, height), Image.Resampling.NEAREST)
    steps = ImageChops.difference(
        rows.crop((0, 0, width - 1, height)), rows.crop((1, 0, width, height))
    )
    largest = reduce(ImageChops.lighter, steps.split())
    return largest.histogram()[0] >= _ALIKE * largest.width * largest.height


def fit_flat(picture: Image.Image, bytes_max: int) -> Encoded | None:
    """Return `picture` (L or RGB) as a PNG within `bytes_max` that looks the same, or None."""
    rgb = picture.convert("RGB")
    palette = rgb.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    lost = max(ImageStat.Stat(ImageChops.difference(rgb, palette.convert("RGB"))).rms)
    if lost > _LOSS_MAX:
        return _png(rgb, "saved as PNG", bytes_max)
    how = "saved as PNG with a palette"
    return _png(palette, how if lost == 0 else f"{how} of 256 colours", bytes_max)


def _png(picture: Image.Image, how: str, bytes_max: int) -> Encoded | None:
    target = BytesIO()
    picture.save(target, "PNG", optimize=True)
    body = target.getvalue()
    if len(body) > bytes_max:
        return None
    return Encoded(body, "image/png", picture.width, picture.height, how)


_ICON_PIXELS = 64 * 64
_ROWS = 256
_ALIKE = 0.6
"""What part of the pixels must be like their neighbours."""
_LOSS_MAX = 2.0
"""Mean error of the worst channel, out of 255, that nobody sees."""
