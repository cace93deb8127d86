"""Bring any picture to eight bits of sRGB: what phones assume of a picture that says nothing.

A Display-P3 picture whose profile is merely dropped looks dull, a CMYK one wrong (facts 4.4).
"""

from functools import cache
from io import BytesIO

from PIL import Image, ImageChops, ImageCms


def to_eight_bit(picture: Image.Image) -> Image.Image:
    """Return a picture of deeper values (I;16, I, F) in mode L; any other as it is."""
    if not picture.mode.startswith(("I", "F")):
        return picture
    values = picture.convert("F")
    low, high = values.getextrema()
    assert isinstance(low, float)
    assert isinstance(high, float)
    white = 65_535.0 if picture.mode.startswith("I;16") else _white(high)
    eight = values.point(lambda value: value * (255 / white) + 0.5).convert("L")
    # A colour key of sixteen bits would mean another grey here.
    eight.info.pop("transparency", None)
    return eight


def to_plain_mode(picture: Image.Image) -> Image.Image:
    """Return a picture of palettes, single bits or rare modes as L, LA, RGB, RGBA, CMYK or LAB."""
    if picture.mode in _PLAIN and "transparency" not in picture.info:
        return picture
    if has_alpha(picture):
        return picture.convert("RGBA")
    return picture.convert("L" if picture.mode == "1" else "RGB")


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a picture of a plain mode in sRGB: mode L, LA, RGB or RGBA.

    A profile that is broken, or belongs to another mode, is not believed.
    """
    if picture.mode == "LAB":
        return _converted(picture, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "RGB")
    known = _read(profile, picture.mode)
    if known is not None and (picture.mode == "CMYK" or not _changes_nothing(known, picture.mode)):
        return _through(picture, known)
    return picture.convert("RGB") if picture.mode == "CMYK" else picture


def is_srgb(profile: bytes | None, mode: str) -> bool:
    """Tell whether a picture looks the same without its profile: it is sRGB, grey, or broken."""
    known = _read(profile, mode)
    return known is None or _changes_nothing(known, mode)


def has_alpha(picture: Image.Image) -> bool:
    """Tell whether anything of `picture` may be transparent."""
    return picture.has_transparency_data


def _white(highest: float) -> float:
    """Return which value is meant by white, where the mode leaves it open."""
    return next((white for white in (1.0, 255.0, 65_535.0) if highest <= white), highest)


def _read(profile: bytes | None, mode: str) -> ImageCms.ImageCmsProfile | None:
    if not profile:
        return None
    try:
        known = ImageCms.ImageCmsProfile(BytesIO(profile))
    except (OSError, ImageCms.PyCMSError):
        return None
    return known if known.profile.xcolor_space == _SPACES.get(mode) else None


def _changes_nothing(profile: ImageCms.ImageCmsProfile, mode: str) -> bool:
    """Tell by some colours: many programs write sRGB under names and numbers of their own."""
    grey = mode in ("L", "LA")
    sample = Image.linear_gradient("L")
    if not grey:
        red, green = sample, sample.rotate(90)
        sample = Image.merge("RGB", (red, green, ImageChops.invert(red)))
    try:
        shown = _converted(sample, profile, "RGB")
    except ImageCms.PyCMSError:
        return True
    extrema = ImageChops.difference(shown, sample.convert("RGB")).convert("L").getextrema()
    return int(str(extrema[1])) <= _SAME_WITHIN


def _through(picture: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    alpha = picture.getchannel("A") if picture.mode in ("LA", "RGBA") else None
    solid = picture if alpha is None else picture.convert(picture.mode.removesuffix("A"))
    try:
        shown = _converted(solid, profile, "RGB")
    except ImageCms.PyCMSError:
        shown = solid.convert("RGB")
    if alpha is not None:
        shown.putalpha(alpha)
    return shown


def _converted(picture: Image.Image, profile: ImageCms.ImageCmsProfile, mode: str) -> Image.Image:
    transform = ImageCms.buildTransform(
        profile, _srgb(), picture.mode, mode, ImageCms.Intent.PERCEPTUAL
    )
    converted = ImageCms.applyTransform(picture, transform)
    assert converted is not None
    return converted


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


_PLAIN = frozenset({"L", "LA", "RGB", "RGBA", "CMYK", "LAB"})
_SPACES = {"L": "GRAY", "LA": "GRAY", "RGB": "RGB ", "RGBA": "RGB ", "CMYK": "CMYK"}
_SAME_WITHIN = 3
"""Out of 255: no eye sees it, and JPEG adds more."""
