"""Bring a picture within a number of bytes: size and quality searched together (facts 4.3).

A picture loses less by fewer pixels than by coarse ones, up to a point: for each edge of a ladder
there is a quality below which the next smaller edge looks better. Encodes are what costs, so one
fast encode predicts how the others would end, and the search starts where it will end.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from wirephoto.media.jpeg import FULL_COLOUR, HALF_COLOUR, Coding, Encode, draft, mozjpeg, pillow

LADDER = (
    (2048, 85),
    (1600, 78),
    (1280, 70),
    (1138, 68),
    (960, 66),
    (720, 60),
    (480, 55),
    (320, 50),
    (240, 50),
    (160, 40),
)
"""Longest edges in pixels, and for each the quality below which the next one looks better."""
QUALITY_MAX = 95
"""Above it a JPEG only grows."""
MOZJPEG_BYTES_MAX = 350_000
"""Where mozjpeg gains (facts 4.3); with more room libjpeg is as good and much faster."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded picture. `how` is a few words; `quality` is None where it has none."""

    body: bytes
    media_type: str
    width: int
    height: int
    how: str
    quality: int | None = None


@dataclass(frozen=True, slots=True)
class Rung:
    """A size on the way down: its picture, the quality wanted, and how large that should be."""

    picture: Image.Image
    wanted: int
    bytes_foretold: float

    def quality(self, bytes_max: int, *, cost: float = 1.0) -> float:
        """Return the quality that should fit, for an encoder whose files are `cost` as large."""
        return quality_within(bytes_max, self.wanted, self.bytes_foretold * cost)


def fit_jpeg(picture: Image.Image, bytes_max: int) -> Encoded | None:
    """Return `picture` (L or RGB) as the best JPEG within `bytes_max`, or None; never enlarged."""
    for rung in _rungs(picture, bytes_max):
        for colour, encode, floor, guess in _ways(rung, bytes_max):
            found = search(encode, bytes_max, floor=floor, guess=guess)
            if found is not None:
                quality, body = found
                width, height = rung.picture.size
                how = f"saved as JPEG, quality {quality}, {colour}"
                return Encoded(body, "image/jpeg", width, height, how, quality)
    return None


def search(encode: Encode, bytes_max: int, *, floor: int, guess: float) -> tuple[int, bytes] | None:
    """Return the best quality from `floor` on that fits, and its encode; None when none does.

    A guess that is right costs one encode. The next try is where the last one points to.
    """
    fits, too_large = floor - 1, QUALITY_MAX + 1
    best = None
    while too_large - fits > 1:
        quality = min(max(int(guess), fits + 1), too_large - 1)
        body = encode(quality)
        guess = quality_within(bytes_max, quality, len(body))
        if len(body) > bytes_max:
            too_large = quality
            continue
        best, fits = (quality, body), quality
        if len(body) >= bytes_max * _FULL_ENOUGH or guess < quality + 1:
            break
    return best


def _rungs(picture: Image.Image, bytes_max: int) -> Iterator[Rung]:
    """Yield the sizes at which what is wanted should fit, the largest first."""
    last: _Foretold | None = None
    for edge, wanted in _ladder(max(picture.size)):
        width, height = _size_within(picture.size, edge)
        pixels = width * height
        if last is not None and last.size_bytes_of(pixels, wanted) > bytes_max * _HOPELESS:
            continue
        smaller = resized(picture, edge)
        last = _Foretold(pixels, wanted, len(draft(smaller)(wanted)) * _OPTIMIZED)
        if last.size_bytes <= bytes_max * _HOPE:
            yield Rung(smaller, wanted, last.size_bytes)


def _ladder(longest: int) -> list[tuple[int, int]]:
    """Return the edge on which a picture of this size stands, and all below it."""
    standing = sum(edge >= longest for edge, _ in LADDER) - 1
    return list(LADDER[max(standing, 0) :])


@dataclass(frozen=True, slots=True)
class _Foretold:
    """What a fast encode says of the size of others."""

    pixels: int
    quality: int
    size_bytes: float

    def size_bytes_of(self, pixels: int, quality: int) -> float:
        """Return how large a smaller or coarser encode should be.

        Only roughly: scenes have more detail for each pixel when they are made smaller, noise has
        less.
        """
        coarser: float = (_scale(self.quality) / _scale(quality)) ** _POWER
        return self.size_bytes * coarser * pixels / self.pixels


def _ways(rung: Rung, bytes_max: int) -> Iterator[tuple[str, Encode, int, float]]:
    """Yield how to encode one size, best first: colour, encoder, worst quality, likely quality."""
    full_quality = rung.quality(bytes_max, cost=_FULL_COLOUR_COST)
    if rung.picture.mode != "L" and full_quality >= _GOOD:
        coding = Coding(FULL_COLOUR, progressive=False)
        yield FULL_COLOUR, pillow(rung.picture, coding), _GOOD, full_quality
    floor, quality = rung.wanted - _TOLERANCE, rung.quality(bytes_max)
    if quality < _GOOD and bytes_max <= MOZJPEG_BYTES_MAX:
        encode = mozjpeg(rung.picture)
        if encode is not None:
            likely = rung.quality(bytes_max, cost=_MOZJPEG_COST)
            yield HALF_COLOUR, encode, floor, likely
    coding = Coding(HALF_COLOUR, progressive=quality < _GOOD)
    yield HALF_COLOUR, pillow(rung.picture, coding), floor, quality


def resized(picture: Image.Image, edge: int) -> Image.Image:
    """Return `picture` with its longest edge brought down to `edge`; the same if it is shorter."""
    size = _size_within(picture.size, edge)
    if size == picture.size:
        return picture
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)


def _size_within(size: tuple[int, int], edge: int) -> tuple[int, int]:
    longest = max(size)
    if longest <= edge:
        return size
    width, height = (max(1, round(side * edge / longest)) for side in size)
    return width, height


def quality_within(bytes_max: int, quality: int, size_bytes: float) -> float:
    """Return the quality at which an encode should have `bytes_max`, by one that was made."""
    scale: float = _scale(quality) * (size_bytes / bytes_max) ** (1 / _POWER)
    return 100 - scale * 50.0 if scale <= 1 else 50 / scale


def _scale(quality: int) -> float:
    """Return by what libjpeg multiplies its quantisers at a quality from 1 to 99."""
    return 2 - quality / 50 if quality >= 50 else 50 / quality


_GOOD = 85
"""The quality from which on coarse pixels are hard to see: bytes then go into colour."""
_TOLERANCE = 3
"""How far below what is wanted a size is still taken, as what is foretold is not exact."""
_HOPE = 1.1
"""By how much a fast encode may be too large for its size to be tried."""
_HOPELESS = 1.6
"""By how much a size may seem too large, judged by a larger one, to be looked at."""
_FULL_ENOUGH = 0.96
"""What part of the budget is used well enough not to try a better quality."""
_OPTIMIZED = 0.95
"""How large a file with tables of its own is, beside a fast encode: measured, as the next two."""
_FULL_COLOUR_COST = 1.2
_MOZJPEG_COST = 0.82
_POWER = 0.68
"""Bytes fall by this power of the quantisers' scale: measured."""
_REDUCING_GAP = 3.0
