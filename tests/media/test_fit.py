"""The search for the best JPEG within a number of bytes."""

import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.media import broken, corpus
from wirephoto.media.fit import LADDER, fit_jpeg, quality_within, resized, search

SCENE = corpus.scene(1200, 900, seed=5)


class Encoder:
    """An encoder whose files have a size that a formula gives; it counts what it is asked."""

    def __init__(self, size_at_50: float, power: float) -> None:
        self.size_at_50, self.power, self.asked = size_at_50, power, []

    def size(self, quality: int) -> int:
        scale = 2 - quality / 50 if quality >= 50 else 50 / quality
        return round(self.size_at_50 / max(scale, 0.01) ** self.power)

    def __call__(self, quality: int) -> bytes:
        self.asked.append(quality)
        return bytes(self.size(quality))


@given(
    st.floats(100, 50_000),
    st.floats(0.3, 1.3),
    st.integers(100, 50_000),
    st.integers(1, 95),
    st.floats(-100, 200),
)
def test_the_search_ends_at_the_best_quality_or_close_to_the_budget(
    size_at_50, power, bytes_max, floor, guess
):
    """Whatever the picture, the winner fits; a better one would not, or would hardly be larger."""
    encoder = Encoder(size_at_50, power)

    found = search(encoder, bytes_max, floor=floor, guess=guess)

    best = max((q for q in range(floor, 96) if encoder.size(q) <= bytes_max), default=None)
    assert (found is None) == (best is None)
    if found is not None:
        quality, body = found
        assert floor <= quality <= best
        assert len(body) == encoder.size(quality) <= bytes_max
        assert len(encoder.asked) == len(set(encoder.asked))


@pytest.mark.parametrize("bytes_max", [3_000, 5_000, 9_000])
def test_a_search_takes_few_encodes(bytes_max):
    """Encodes are what a picture costs: a blind bisection takes six or seven."""
    encoder = Encoder(3_000, 0.75)

    found = search(encoder, bytes_max, floor=40, guess=quality_within(bytes_max, 50, 3_000))

    assert found is not None
    assert len(encoder.asked) <= 3


@pytest.mark.parametrize("bytes_max", [300_000, 120_000, 60_000, 25_000, 10_000])
def test_what_goes_out_fits_and_uses_what_there_is(bytes_max):
    """A byte too many is a message that never arrives; half a budget unused is a worse picture."""
    encoded = fit_jpeg(SCENE, bytes_max)

    assert encoded is not None
    assert bytes_max * 0.6 < len(encoded.body) <= bytes_max
    picture = Image.open(io.BytesIO(encoded.body))
    assert picture.size == (encoded.width, encoded.height)
    assert math.isclose(encoded.width / encoded.height, 4 / 3, rel_tol=0.02)


def test_pixels_go_before_quality_does():
    """Coarse blocks look worse than a smaller picture."""
    wanted = dict(LADDER)

    for bytes_max in (200_000, 80_000, 40_000, 20_000):
        encoded = fit_jpeg(SCENE, bytes_max)

        assert encoded is not None
        assert encoded.quality is not None
        assert encoded.quality >= wanted.get(encoded.width, wanted[1280]) - 3


def test_less_room_never_gives_a_larger_picture():
    """The search is greedy: it must still be in order."""
    edges = [fit_jpeg(SCENE, bytes_max).width for bytes_max in (300_000, 100_000, 50_000, 20_000)]

    assert edges == sorted(edges, reverse=True)


def test_a_small_picture_is_never_enlarged_and_keeps_all_its_colour():
    """There is nothing to gain from more pixels than there are."""
    encoded = fit_jpeg(corpus.scene(100, 70), 500_000)

    assert (encoded.width, encoded.height) == (100, 70)
    assert encoded.how == "saved as JPEG, quality 95, 4:4:4"


def test_what_cannot_be_made_so_small_is_given_up():
    """Noise at the smallest size and the worst quality still has its bytes."""
    assert fit_jpeg(broken.noise(400, 300), 1_000) is None


def test_grey_stays_grey():
    """Colour channels of nothing would only take bytes."""
    encoded = fit_jpeg(SCENE.convert("L"), 40_000)

    assert Image.open(io.BytesIO(encoded.body)).mode == "L"


@pytest.mark.parametrize(
    ("size", "fitted"),
    [((4000, 3000), (1600, 1200)), ((3000, 4000), (1200, 1600)), ((9000, 2), (1600, 1))],
)
def test_the_longest_edge_is_brought_down(size, fitted):
    """A line of one pixel keeps that pixel."""
    assert resized(Image.new("L", size), 1600).size == fitted
