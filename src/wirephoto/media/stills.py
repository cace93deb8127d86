"""Still pictures: whatever people have becomes a JPEG or PNG that phones show, within a budget.

A picture that is one already goes out untouched, or with nothing but its metadata taken out.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageColor

from wirephoto.domain.media import Form, MediaLimits, Target
from wirephoto.errors import MediaRefused
from wirephoto.media import colour
from wirephoto.media.fit import LADDER, Encoded, fit_jpeg, resized
from wirephoto.media.fitted import Fitted
from wirephoto.media.flat import FLAT_EDGE_MAX, SMALLER_EDGES, fit_flat, looks_flat
from wirephoto.media.probe import media_type_of, open_picture, orientation_of, read_within
from wirephoto.media.strip import stripped

EDGE_UNTOUCHED_MAX = 4096
"""A picture with a longer edge is made smaller even where its file is small: phones decode it."""
EDGE_SMALL = 1000
"""Below this many pixels on the longest edge people see that a picture was made smaller."""
QUALITY_COARSE = 60
"""Below this quality people see that a picture was compressed."""


@dataclass(frozen=True, slots=True)
class Still:
    """A picture on its way through `STEPS`, with what was done to it so far.

    `orientation` and `profile` are what its file says of the pixels as they were; `flat` art is
    worth other care than photographs.
    """

    picture: Image.Image
    background: str
    orientation: int = 1
    profile: bytes | None = None
    flat: bool = False
    done: tuple[str, ...] = ()

    def after(self, picture: Image.Image, what: str) -> "Still":
        """Return the still with another picture, and what was done to it noted."""
        return replace(self, picture=picture, done=(*self.done, what))


def fit_still(source: Path, target: Target, output: Path, limits: MediaLimits) -> Fitted:
    """Write what `source` shows, or its first frame, to `output` within the target's bytes.

    Where it may go out untouched, nothing is written.

    Raises:
        MediaRefused: it is no picture, is beyond the limits, or cannot be made so small.
    """
    body = read_within(source, limits)
    kept = _kept(body, target, limits)
    if kept is not None:
        steps = () if kept == body else ("metadata removed",)
        if steps:
            output.write_bytes(kept)
        with open_picture(kept, limits) as picture:
            return Fitted(_form(media_type_of(kept), len(kept), picture.size), steps, ())
    with open_picture(body, limits) as picture:
        original_edge = max(picture.size)
        still = Still(
            picture,
            target.background,
            orientation=orientation_of(picture, body),
            profile=picture.info.get("icc_profile"),
        )
        for step in STEPS:
            still = step(still)
    encoded = _encode(still, target.bytes_max)
    output.write_bytes(encoded.body)
    return _fitted(still, encoded, original_edge)


def decode(still: Still) -> Still:
    """Decode the picture; of a JPEG only as many pixels as can be needed."""
    picture = still.picture
    if picture.format in ("JPEG", "MPO"):
        _draft(picture, _scale(max(picture.size)))
    picture.load()
    return still


def to_eight_bit(still: Still) -> Still:
    """Bring 16-bit, integer and floating values to the 256 that phones show."""
    picture = colour.to_eight_bit(still.picture)
    return still if picture is still.picture else still.after(picture, "reduced to 8 bits")


def to_plain_mode(still: Still) -> Still:
    """Resolve palettes and single bits, which can be neither resized nor converted well."""
    return replace(still, picture=colour.to_plain_mode(still.picture))


def notice_flatness(still: Still) -> Still:
    """Find out whether it is flat art, while its pixels are still its own."""
    lossy = still.picture.format in ("JPEG", "MPO")
    return replace(still, flat=not lossy and looks_flat(still.picture))


def shrink(still: Still) -> Still:
    """Leave away pixels that cannot be sent, before each step has to carry them along."""
    edge_max = FLAT_EDGE_MAX if still.flat else LADDER[0][0]
    if max(still.picture.size) <= edge_max:
        return still
    return replace(still, picture=resized(still.picture, LADDER[0][0]))


def orient(still: Still) -> Still:
    """Turn the picture upright."""
    turn = _TURNS.get(still.orientation)
    return still if turn is None else still.after(still.picture.transpose(turn), "turned upright")


def to_srgb(still: Still) -> Still:
    """Bring colours to sRGB."""
    picture = colour.to_srgb(still.picture, still.profile)
    return still if picture is still.picture else still.after(picture, "colours converted to sRGB")


def flatten(still: Still) -> Still:
    """Lay what is transparent on the target's background."""
    picture = still.picture
    if picture.mode not in ("LA", "RGBA"):
        return still
    alpha = picture.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return replace(still, picture=picture.convert(picture.mode.removesuffix("A")))
    ground = Image.new("RGB", picture.size, ImageColor.getrgb(still.background))
    ground.paste(picture.convert("RGB"), mask=alpha)
    return still.after(ground, f"laid on {still.background}")


def strip(still: Still) -> Still:
    """Forget everything that the file said beside the pixels: encoders write what they are told."""
    still.picture.info.clear()
    return still.after(still.picture, "metadata removed")


STEPS: tuple[Callable[[Still], Still], ...] = (
    decode,
    to_eight_bit,
    to_plain_mode,
    notice_flatness,
    shrink,
    orient,
    to_srgb,
    flatten,
    strip,
)
"""What happens to a picture before it is encoded, in this order."""


def _kept(body: bytes, target: Target, limits: MediaLimits) -> bytes | None:
    """Return what may go out of a file without encoding it anew, or None."""
    media_type = media_type_of(body)
    kept = stripped(body, media_type)
    if kept is None or len(kept) > target.bytes_max:
        return None
    with open_picture(body, limits) as picture:
        plain = (
            max(picture.size) <= EDGE_UNTOUCHED_MAX
            and picture.mode in ("1", "L", "P", "RGB")
            and orientation_of(picture, body) == 1
            and not colour.has_alpha(picture)
            and (picture.format == "MPO" or getattr(picture, "n_frames", 1) == 1)
            and colour.is_srgb(picture.info.get("icc_profile"), picture.mode)
        )
        if not plain:
            return None
    with open_picture(kept, limits) as picture:
        # Nobody is sent what does not decode; a fraction of the pixels proves it.
        _draft(picture, 8)
        picture.load()
    return kept


def _encode(still: Still, bytes_max: int) -> Encoded:
    encoded = _drawn(still, bytes_max) if still.flat else fit_jpeg(still.picture, bytes_max)
    if encoded is None:
        raise MediaRefused(
            "too_large",
            f"The picture does not fit {bytes_max:,} bytes in any size worth sending: "
            "send fewer attachments with it.",
            retryable=False,
        )
    return encoded


def _drawn(still: Still, bytes_max: int) -> Encoded | None:
    """Encode flat art: as PNG, unless a JPEG shows more of it."""
    encoded = fit_flat(still.picture, bytes_max)
    if encoded is not None:
        return encoded
    encoded = fit_jpeg(still.picture, bytes_max)
    shown_edge = max(encoded.width, encoded.height) if encoded is not None else 0
    for edge in SMALLER_EDGES:
        if shown_edge < edge < max(still.picture.size):
            smaller = fit_flat(resized(still.picture, edge), bytes_max)
            if smaller is not None:
                return smaller
    return encoded


def _fitted(still: Still, encoded: Encoded, original_edge: int) -> Fitted:
    size = encoded.width, encoded.height
    steps = list(still.done)
    if max(size) < original_edge:
        steps.append(f"shrunk to {encoded.width} x {encoded.height}")
    warnings = []
    if max(size) < min(EDGE_SMALL, original_edge):
        warnings.append(
            f"The picture had to be shrunk to {encoded.width} x {encoded.height} pixels: "
            "send fewer or less detailed pictures in one message."
        )
    if encoded.quality is not None and encoded.quality < QUALITY_COARSE:
        warnings.append(
            f"The picture had to be compressed to quality {encoded.quality} of 100: "
            "send fewer or less detailed pictures in one message."
        )
    form = _form(encoded.media_type, len(encoded.body), size)
    return Fitted(form, (*steps, encoded.how), tuple(warnings))


def _form(media_type: str, size_bytes: int, size: tuple[int, int]) -> Form:
    return Form(media_type, size_bytes, width=size[0], height=size[1], frames=1)


def _draft(picture: Image.Image, scale: int) -> None:
    """Ask a JPEG's decoder for a fraction of the pixels; other decoders know no such thing."""
    picture.draft(None, (max(1, picture.width // scale), max(1, picture.height // scale)))


def _scale(edge: int) -> int:
    """Return by what to divide a JPEG's edge while decoding it, which costs nothing.

    A size between the ladder's first two edges is as good as the first, and saves the resize that
    would lead there; failing that, the picture is decoded larger and resized.
    """
    largest, next_edge = LADDER[0][0], LADDER[1][0]
    for scale in (2, 4, 8):
        if next_edge <= edge / scale <= largest:
            return scale
    return max(scale for scale in (1, 2, 4, 8) if scale == 1 or edge / scale >= largest)


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How to turn a picture upright, by its orientation (Exif 2.32, section 4.6.4, tag 274)."""
