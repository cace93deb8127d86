"""Encoders of JPEG: what they write."""

import io
import sys

import pytest
from PIL import Image

from tests.media import corpus
from tests.media.similarity import similarity
from wirephoto.media import jpeg
from wirephoto.media.jpeg import FULL_COLOUR, HALF_COLOUR, Coding, draft, mozjpeg, pillow

SCENE = corpus.scene(320, 240)


def opened(body: bytes) -> Image.Image:
    return Image.open(io.BytesIO(body))


@pytest.mark.parametrize("picture", [SCENE, SCENE.convert("L")], ids=["RGB", "L"])
@pytest.mark.parametrize("make", [draft, lambda p: pillow(p, Coding(HALF_COLOUR, True)), mozjpeg])
def test_each_encoder_writes_the_picture_that_it_was_given(make, picture):
    """Strange channel orders and interpretations would show as other colours."""
    shown = opened(make(picture)(90))

    assert (shown.mode, shown.size) == (picture.mode, picture.size)
    assert similarity(shown, picture) > 0.95
    assert not shown.getexif()
    assert "icc_profile" not in shown.info


def test_the_coding_is_obeyed():
    """All of the colour where bytes are plenty, several passes where they are few."""
    full = opened(pillow(SCENE, Coding(FULL_COLOUR, progressive=False))(80))
    half = opened(pillow(SCENE, Coding(HALF_COLOUR, progressive=True))(80))

    assert [layer[1:3] for layer in full.layer] == [(1, 1)] * 3
    assert [layer[1:3] for layer in half.layer] == [(2, 2), (1, 1), (1, 1)]
    assert ("progressive" in full.info, "progressive" in half.info) == (False, True)


def test_mozjpeg_is_smaller_at_the_same_likeness():
    """That is all it is for: it takes five times as long."""
    plain = pillow(SCENE, Coding(HALF_COLOUR, progressive=True))(70)
    sparing = mozjpeg(SCENE)(70)

    assert len(sparing) < len(plain)
    assert similarity(opened(sparing), SCENE) > similarity(opened(plain), SCENE) - 0.03


def test_without_the_extra_there_is_no_mozjpeg(monkeypatch):
    """The gateway works as installed: the extra only makes small pictures better."""
    monkeypatch.setitem(sys.modules, "pyvips", None)
    jpeg._vips.cache_clear()

    found = mozjpeg(SCENE)

    jpeg._vips.cache_clear()
    assert found is None
