"""Flat art goes out as PNG, sharp; photographs do not."""

import io

import pytest
from PIL import Image, ImageChops, ImageDraw

from tests.media import broken, corpus
from wirephoto.media.flat import fit_flat, looks_flat

SCREENSHOT = corpus.drawing(1170, 900)


def softened() -> Image.Image:
    """Return a drawing with soft edges, as screens draw: more colours than a palette has."""
    large = corpus.drawing(1200, 900)
    ImageDraw.Draw(large).ellipse((300, 300, 800, 800), fill=(10, 200, 120))
    return large.resize((600, 450), Image.Resampling.LANCZOS)


@pytest.mark.parametrize("picture", [SCREENSHOT, softened(), Image.new("L", (1, 9000))])
def test_drawings_look_flat(picture):
    """Text that JPEG smeared is what people notice first."""
    assert looks_flat(picture)


@pytest.mark.parametrize(
    "picture", [corpus.scene(), corpus.scene(1600, 1200), corpus.scene().convert("L")]
)
def test_photographs_do_not(picture):
    """As PNG they would be ten times as large."""
    assert not looks_flat(picture)


def test_flat_art_loses_nothing():
    """A code must be read by a scanner, a text by people."""
    encoded = fit_flat(SCREENSHOT, 100_000)

    shown = Image.open(io.BytesIO(encoded.body)).convert("RGB")
    assert ImageChops.difference(shown, SCREENSHOT).getbbox() is None
    assert (encoded.media_type, encoded.how) == ("image/png", "saved as PNG with a palette")


def test_soft_edges_lose_what_nobody_sees():
    """The mean error is below what eyes tell apart, and the file is far smaller."""
    picture = softened()

    encoded = fit_flat(picture, 100_000)

    shown = Image.open(io.BytesIO(encoded.body)).convert("RGB")
    assert max(high for _, high in ImageChops.difference(shown, picture).getextrema()) < 60
    assert len(encoded.body) < len(corpus.saved(picture, "PNG", optimize=True))


def test_what_does_not_fit_is_left_to_jpeg():
    """A PNG has no quality to give up."""
    assert fit_flat(SCREENSHOT, 500) is None
    assert fit_flat(broken.noise(64, 64), 5_000) is None
