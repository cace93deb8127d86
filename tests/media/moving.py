"""Pictures that move, drawn for the tests, and how they look when they are played back."""

import math
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from wirephoto.media.canvas import choose_palette
from wirephoto.media.gif import GifWriter, compress

SIZE = (320, 240)


def scenery(size: tuple[int, int] = SIZE) -> Image.Image:
    """A smooth background in many colours."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    channels = (x * 255 // size[0], y * 255 // size[1], (x + y) * 255 // sum(size))
    return Image.fromarray(np.dstack(channels).astype("uint8"))


def ball(count: int, size: tuple[int, int] = SIZE) -> list[Image.Image]:
    """A red ball that flies across a scenery which stands still."""
    frames, background = [], scenery(size)
    for number in range(count):
        frame = background.copy()
        left = number * (size[0] - 40) // count
        top = round(size[1] * (0.5 + 0.3 * math.sin(number / 8)))
        ImageDraw.Draw(frame).ellipse((left, top, left + 40, top + 40), fill=(220, 30, 40))
        frames.append(frame)
    return frames


def noise(count: int, size: tuple[int, int] = SIZE) -> list[Image.Image]:
    """Nothing repeats: what compresses worst."""
    source = np.random.default_rng(7)
    shape = (size[1], size[0], 3)
    return [Image.fromarray(source.integers(0, 255, shape, dtype="uint8")) for _ in range(count)]


def animated(frames: Sequence[Image.Image], form: str = "GIF", **options: object) -> bytes:
    """Written plainly, as most programs do; 60 ms a frame, for ever."""
    body = BytesIO()
    chosen = {"duration": 60, "loop": 0, **options}
    frames[0].save(body, form, save_all=True, append_images=frames[1:], **chosen)
    return body.getvalue()


def repetitive(frames: Sequence[Image.Image], times: int) -> bytes:
    """Each frame several times in full, as recorders write it and Pillow does not; 60 ms each."""
    palette = choose_palette(frames, 255)
    writer = GifWriter(frames[0].size, palette.colours, repeats=0)
    for frame in frames:
        indexes = Image.frombytes("L", frame.size, palette.match(frame).tobytes())
        for _ in range(times):
            writer.add(compress(indexes, palette.see_through), (0, 0, *frame.size), delay_cs=6)
    return writer.body()


def played(path: Path) -> Iterator[tuple[int, Image.Image]]:
    """Yield when each frame begins, in milliseconds, and what is then seen; at last the end."""
    begin = 0
    with Image.open(path) as picture:
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            yield begin, picture.convert("RGB")
            begin += picture.info["duration"]
        yield begin, picture.convert("RGB")


def worst_difference(path: Path, frames: Sequence[Image.Image], frame_ms: int) -> float:
    """Return by how much pixels are off on average, of 255, in the worst of the frames."""
    spans = list(played(path))
    worst = 0.0
    for number, frame in enumerate(frames):
        seen = [picture for begin, picture in spans[:-1] if begin <= number * frame_ms][-1]
        same = np.asarray(seen.resize(frame.size)).astype(int) - np.asarray(frame)
        worst = max(worst, float(np.abs(same).mean()))
    return worst
