"""Pictures that compress like photographs, drawn from a seed."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT = 4000, 3000


def photograph(seed: int, detail: float) -> bytes:
    """Return a 12-megapixel JPEG as a phone would write it; `detail` is how busy its scene is.

    Light falls off over the scene; structure has the power spectrum of natural scenes, some areas
    have fine texture, things have sharp edges, and the sensor adds noise.
    """
    rng = np.random.default_rng(seed)
    light = np.linspace(165, 85, HEIGHT, dtype=np.float32)[:, None]
    for octave in range(10):
        light = light + _layer(rng, 1024 / 2**octave) * np.float32(27 * 0.68**octave)
    textured = np.clip(_layer(rng, 700) * 0.9 + 0.3 * detail, 0, 1)
    light += (_layer(rng, 6) * 14 + _layer(rng, 3) * 12) * textured * np.float32(detail)
    warm = _layer(rng, 900) * 22 + _layer(rng, 60) * 5
    cool = _layer(rng, 800) * 22 + _layer(rng, 90) * 5
    pixels = np.stack([light + warm, light, light + cool], axis=-1) + _things(rng)
    pixels += rng.standard_normal((HEIGHT, WIDTH, 1), dtype=np.float32) * 3
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=93, subsampling="4:2:0")
    return target.getvalue()


def _layer(rng: np.random.Generator, cell_px: float) -> np.ndarray:
    """Return smooth noise whose hills are so many pixels apart."""
    shape = max(2, round(HEIGHT / cell_px)), max(2, round(WIDTH / cell_px))
    noise = Image.fromarray(rng.standard_normal(shape, dtype=np.float32))
    return np.asarray(noise.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))


def _things(rng: np.random.Generator) -> np.ndarray:
    canvas = Image.new("RGB", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(canvas)
    for _ in range(60):
        x, y = int(rng.integers(0, WIDTH)), int(rng.integers(0, HEIGHT))
        reach = int(rng.integers(50, 450))
        box = (x - reach, y - reach // 2, x + reach, y + reach)
        colour = tuple(int(value) for value in rng.integers(0, 110, 3))
        match rng.integers(0, 3):
            case 0:
                draw.ellipse(box, fill=colour)
            case 1:
                draw.rectangle(box, fill=colour)
            case _:
                draw.line(box, fill=colour, width=int(rng.integers(3, 24)))
    blurred = canvas.filter(ImageFilter.GaussianBlur(1.3))
    return (np.asarray(blurred, dtype=np.float32) - 25) * np.float32(0.8)
