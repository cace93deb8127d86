"""What a screen shows of a GIF: patches, colours, and how far a pixel may be off."""

import numpy as np
import pytest
from PIL import Image

from tests.media.moving import ball, noise, scenery
from wirephoto.media.canvas import Canvas, choose_palette


def drawing(*corners: tuple[int, int]) -> Image.Image:
    picture = Image.new("RGB", (64, 48), "white")
    for left, top in corners:
        picture.paste((200, 0, 0), (left, top, left + 8, top + 8))
    return picture


def test_few_colours_are_kept_exactly():
    """Drawings must not change their colours."""
    palette = choose_palette([drawing((0, 0)), drawing((8, 8))], 255)

    assert palette.see_through == 2
    assert palette.match(drawing((8, 8))).convert("RGB").tobytes() == drawing((8, 8)).tobytes()


def test_a_small_thing_keeps_its_colour():
    """A logo of a few pixels before a wide sky is what people look at."""
    picture = scenery()
    picture.paste((255, 0, 255), (100, 100, 106, 106))

    shown = choose_palette([picture], 64).match(picture).convert("RGB")

    assert np.abs(np.subtract(shown.getpixel((103, 103)), (255, 0, 255))).max() < 40


@pytest.mark.parametrize("colours", [32, 64, 128, 255])
def test_a_palette_never_has_more_colours_than_asked_for(colours):
    """One index is kept for what stays as it was."""
    assert choose_palette(noise(3), colours).see_through <= colours


def test_only_what_changed_is_drawn():
    """The rest of the canvas costs nothing."""
    canvas = Canvas(choose_palette([drawing((0, 0), (16, 16))], 255), tolerance=0)
    canvas.draw(drawing((0, 0)))

    drawn = canvas.draw(drawing((0, 0), (16, 16)))

    assert drawn is not None
    assert drawn[1] == (16, 16, 24, 24)


def test_nothing_is_drawn_where_nothing_changed():
    """A duplicate makes the frame before it longer, no more."""
    canvas = Canvas(choose_palette(ball(2), 128), tolerance=0)
    canvas.draw(ball(2)[1])

    assert canvas.draw(ball(2)[1]) is None


def test_small_errors_are_left_but_do_not_add_up():
    """A slow fade would otherwise never be seen."""
    fade = [Image.new("RGB", (16, 16), (level, level, level)) for level in range(0, 41, 4)]
    canvas = Canvas(choose_palette(fade, 255), tolerance=16)
    canvas.draw(fade[0])

    drawn = [canvas.draw(picture) is not None for picture in fade[1:]]

    assert drawn == [False, False, False, False, True, False, False, False, False, True]
