"""An animation frame by frame, whatever its format, and when each frame is shown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageFile

from wirephoto.domain.media import MediaLimits
from wirephoto.errors import MediaRefused
from wirephoto.media.gif import outline
from wirephoto.media.sniff import sniff

SHORTEST_MS = 20
"""Frames that come faster are not shown as written by any phone."""
_HURRIED_MS, _UNHURRIED_MS = 10, 100
"""Browsers show a frame that asks for 10 ms or less, which no screen kept up with, for 100 ms."""
_DECODERS = {
    "image/gif": ("GIF",),
    "image/webp": ("WEBP",),
    "image/png": ("PNG",),
    "image/avif": ("AVIF",),
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What is shown from one moment to the next: RGB, with nothing transparent left."""

    picture: Image.Image
    duration_ms: int
    was_see_through: bool


@dataclass(frozen=True, slots=True)
class Reel:
    """An animation that has been looked at, not decoded.

    `repeats` is how often it starts again, 0 for ever, None when it is shown once.
    """

    source: Path
    media_type: str
    size: tuple[int, int]
    frames: int
    repeats: int | None

    def play(self, background: str) -> Iterator[Frame]:
        """Decode one frame after another; what is transparent shows the background's colour.

        Raises:
            MediaRefused: `corrupt`, it ends before its last frame.
        """
        with Image.open(self.source, formats=_DECODERS[self.media_type]) as picture:
            first = 1 if getattr(picture, "default_image", False) else 0
            for number in range(first, first + self.frames):
                try:
                    picture.seek(number)
                except EOFError as error:
                    raise _cut_off(self.media_type) from error
                picture.load()
                flat, see_through = _flatten(picture, background)
                yield Frame(flat, _duration_ms(picture), see_through)


def open_reel(source: Path, limits: MediaLimits) -> Reel:
    """Return what an animation is, within limits that hold for all its frames together.

    Raises:
        MediaRefused: `type_mismatch`, it is of no format that moves; `too_many_pixels`;
            `corrupt`.
    """
    body = source.read_bytes()
    sniffed = sniff(body)
    if sniffed is None or sniffed.media_type not in _DECODERS:
        raise MediaRefused(
            "type_mismatch", "The file is no animation: send a GIF, WebP, APNG or AVIF."
        )
    if sniffed.media_type == "image/gif":
        # Pillow lets a frame widen the canvas as it decodes, so its own size comes too late.
        drawn = outline(body)
        size, frames, repeats = (drawn.width, drawn.height), drawn.frames, drawn.repeats
    else:
        with Image.open(source, formats=_DECODERS[sniffed.media_type]) as picture:
            size, frames, repeats = picture.size, _frames(picture), _repeats(picture)
    _refuse_too_much(size, frames, limits)
    return Reel(source, sniffed.media_type, size, frames, repeats)


def schedule(starts_ms: Sequence[int], step: int) -> list[int]:
    """Return which of the frames that start so many milliseconds in are shown: their places.

    Every `step`-th, and none sooner than `SHORTEST_MS` after the one before.
    """
    shown: list[int] = []
    for place in range(0, len(starts_ms), step):
        if not shown or starts_ms[place] - starts_ms[shown[-1]] >= SHORTEST_MS:
            shown.append(place)
    return shown


def _refuse_too_much(size: tuple[int, int], frames: int, limits: MediaLimits) -> None:
    pixels = size[0] * size[1]
    if (
        pixels > limits.pixels_max
        or frames > limits.frames_max
        or pixels * frames > limits.animation_pixels_max
    ):
        raise MediaRefused(
            "too_many_pixels",
            f"The animation has {frames:,} frames of {size[0]} x {size[1]} pixels, more than is "
            "decoded here: make it smaller or shorter.",
        )


def _frames(picture: ImageFile.ImageFile) -> int:
    frames: int = getattr(picture, "n_frames", 1)
    return frames - 1 if getattr(picture, "default_image", False) else frames


def _repeats(picture: ImageFile.ImageFile) -> int | None:
    # APNG and WebP count how often it plays, GIF how often it plays again.
    plays: int = picture.info.get("loop", 0)
    return None if plays == 1 else max(plays - 1, 0)


def _duration_ms(picture: ImageFile.ImageFile) -> int:
    duration = round(picture.info.get("duration", 0))
    return duration if duration > _HURRIED_MS else _UNHURRIED_MS


def _flatten(picture: ImageFile.ImageFile, background: str) -> tuple[Image.Image, bool]:
    # Behind its first frame Pillow tells of GIF's transparency by the mode alone.
    clear = picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
    if not clear or (picture.format == "GIF" and picture.mode == "RGB"):
        return picture.convert("RGB"), False
    drawn = picture.convert("RGBA")
    if drawn.getchannel("A").getextrema()[0] == 255:
        return drawn.convert("RGB"), False
    flat = Image.new("RGB", drawn.size, background)
    flat.paste(drawn, mask=drawn.getchannel("A"))
    return flat, True


def _cut_off(media_type: str) -> MediaRefused:
    return MediaRefused(
        "corrupt", f"The {media_type} ends before its last frame: upload it again, whole."
    )
