"""What a screen shows of a GIF, and the smallest patch that turns it into the next frame."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from math import isqrt
from typing import cast

from PIL import Image, ImageChops

from wirephoto.media.gif import compress

Box = tuple[int, int, int, int]
Colour = tuple[int, int, int]

_SAMPLE_PIXELS = 60_000
"""Out of so many pixels a palette is chosen; more makes it slower and hardly better."""
_SHADE_BITS = 3
"""Where there are many colours, those that differ in their lowest bits only are one shade."""
_COLOURS_MANY = 10_000
_MOSTLY = 128
"""Above this mean of a mask most of its pixels are set."""
_ANY = [0, *[255] * 255]


class Palette:
    """The colours that all frames share. `see_through` is the index behind the last of them."""

    def __init__(self, colours: bytes) -> None:
        self.colours = colours
        self.see_through = len(colours) // 3
        self._picture = Image.new("P", (1, 1))
        self._picture.putpalette(colours)

    def match(self, picture: Image.Image) -> Image.Image:
        """Return a picture in these colours, without dithering: its noise never compresses."""
        return picture.quantize(palette=self._picture, dither=Image.Dither.NONE)


def choose_palette(pictures: Sequence[Image.Image], colours: int) -> Palette:
    """Return the palette that suits all pictures: exactly theirs, when they have that few."""
    each = _SAMPLE_PIXELS // len(pictures)
    counts: Counter[Colour] = Counter()
    for picture in pictures:
        for count, colour in _thinned(picture, each).getcolors(4 * each) or ():
            counts[cast("Colour", colour)] += count
    if len(counts) <= colours:
        return Palette(b"".join(bytes(colour) for colour in counts))
    pixels = _weighed(counts)
    line = Image.frombytes("RGB", (len(pixels) // 3, 1), pixels)
    chosen = line.quantize(colours, Image.Quantize.MAXCOVERAGE, kmeans=1).getpalette() or []
    return Palette(bytes(chosen[: 3 * colours]))


def _weighed(counts: Counter[Colour]) -> bytes:
    """Return pixels in which a shade counts by the root of its area.

    So a small thing keeps its colour before a wide sky.
    """
    bits = _SHADE_BITS if len(counts) > _COLOURS_MANY else 0
    shades: defaultdict[Colour, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for (red, green, blue), count in counts.items():
        shade = shades[red >> bits, green >> bits, blue >> bits]
        shade[0] += count
        shade[1] += count * red
        shade[2] += count * green
        shade[3] += count * blue
    return b"".join(
        bytes((red // count, green // count, blue // count)) * isqrt(count)
        for count, red, green, blue in shades.values()
    )


def _thinned(picture: Image.Image, pixels: int) -> Image.Image:
    share = (pixels / (picture.width * picture.height)) ** 0.5
    if share >= 1:
        return picture
    size = (max(1, int(picture.width * share)), max(1, int(picture.height * share)))
    return picture.resize(size, Image.Resampling.NEAREST)


class Canvas:
    """What the screen shows after each patch.

    A pixel is left as it is while no channel of it is off by more than `tolerance`. It is
    compared with what is shown, so errors do not add up.
    """

    def __init__(self, palette: Palette, tolerance: int) -> None:
        self._palette = palette
        self._off = [*[0] * (tolerance + 1), *[255] * (255 - tolerance)] * 3
        self._indexes: Image.Image | None = None
        self._shown: Image.Image | None = None

    def draw(self, picture: Image.Image) -> tuple[bytes, Box] | None:
        """Show `picture`: return the compressed patch and its place, or None if none is needed."""
        matched = self._palette.match(picture)
        # The same bytes as numbers: Pillow computes with those, not with palette indexes.
        indexes = Image.frombytes("L", matched.size, matched.tobytes())
        if self._indexes is None or self._shown is None:
            self._indexes, self._shown = indexes, matched.convert("RGB")
            return compress(indexes, self._palette.see_through), (0, 0, *indexes.size)
        changed = self._changed(picture, indexes)
        box = changed.getbbox()
        if box is None:
            return None
        return self._patch(matched, indexes, changed.crop(box), box), box

    def _changed(self, picture: Image.Image, indexes: Image.Image) -> Image.Image:
        assert self._shown is not None
        assert self._indexes is not None
        off = ImageChops.difference(picture, self._shown).point(self._off).convert("L")
        other = ImageChops.difference(indexes, self._indexes)
        return ImageChops.darker(off.point(_ANY), other.point(_ANY))

    def _patch(
        self, matched: Image.Image, indexes: Image.Image, mask: Image.Image, box: Box
    ) -> bytes:
        """Return the shorter of two patches: what changed alone, or all of the rectangle.

        Where most of it changes, holes cost more than they save.
        """
        assert self._shown is not None
        assert self._indexes is not None
        last = self._palette.see_through
        whole = indexes.crop(box)
        holes = Image.new("L", whole.size, last)
        holes.paste(whole, mask=mask)
        data = compress(holes, last)
        kept: Image.Image | None = mask
        if sum(n * v for v, n in enumerate(mask.histogram())) > _MOSTLY * mask.width * mask.height:
            data, kept = min(
                ((data, kept), (compress(whole, last), None)), key=lambda made: len(made[0])
            )
        self._indexes.paste(whole, box, kept)
        self._shown.paste(matched.convert("RGB").crop(box), box, kept)
        return data
