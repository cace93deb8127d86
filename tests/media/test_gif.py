"""GIF's structure: what a file says of itself, what is taken out of it, and how one is written."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.media.moving import animated, ball
from wirephoto.errors import MediaRefused
from wirephoto.media.gif import GifWriter, Outline, compress, outline, strip

HEAD = b"GIF89a" + b"\x04\x00\x03\x00" + b"\x80\x00\x00" + bytes(6)
CONTROL = b"\x21\xf9\x04\x04\x05\x00\x00\x00"
PICTURE = b"\x2c" + bytes(4) + b"\x04\x00\x03\x00\x00" + b"\x02\x02\x84\x51\x00"
LOOP = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x07\x00\x00"
COMMENT = b"\x21\xfe\x06secret\x00"
XMP = b"\x21\xff\x0bXMP DataXMP\x04<x/>\x00"
TEXT = b"\x21\x01\x0c" + bytes(12) + b"\x02hi\x00"
BARE = HEAD + LOOP + CONTROL + PICTURE + CONTROL + PICTURE + b";"


def test_a_gif_is_known_without_decoding_it():
    """Frames and canvas are judged before a decoder sees them."""
    assert outline(BARE) == Outline(width=4, height=3, frames=2, repeats=7)


def test_a_frame_that_is_larger_than_its_canvas_counts():
    """A decoder widens the canvas for it, to 65,535 pixels a side."""
    large = b"\x2c\x01\x00\x02\x00\xff\x00\x10\x00\x00" + b"\x02\x02\x84\x51\x00"

    drawn = outline(HEAD + PICTURE + large)

    assert (drawn.width, drawn.height, drawn.repeats) == (256, 18, None)


@pytest.mark.parametrize(
    "body",
    [
        HEAD + COMMENT + LOOP + CONTROL + PICTURE + CONTROL + PICTURE + b";",
        HEAD + LOOP + CONTROL + PICTURE + XMP + CONTROL + PICTURE + b";",
        HEAD + LOOP + CONTROL + PICTURE + CONTROL + TEXT + CONTROL + PICTURE + b";",
        BARE + b"a tail with a position in it",
        BARE[:-1],
    ],
    ids=["comment", "xmp", "text", "tail", "no trailer"],
)
def test_what_no_phone_shows_is_taken_out(body):
    """Comments and XMP tell who made a picture, and where."""
    assert strip(body) == BARE


@pytest.mark.parametrize("end", [5, 12, 16, len(BARE) - 2, len(BARE) - 10])
def test_a_gif_that_ends_within_a_block_is_refused(end):
    """Half an animation is paid for like a whole one."""
    with pytest.raises(MediaRefused) as caught:
        outline(BARE[:end])

    assert caught.value.reason == "corrupt"


@pytest.mark.parametrize("body", [b"", b"GIF89a", HEAD + b";", HEAD + b"?", HEAD[:6] + bytes(20)])
def test_what_is_no_gif_is_refused(body):
    """A file from a stranger is anything."""
    with pytest.raises(MediaRefused) as caught:
        outline(body)

    assert caught.value.reason == "corrupt"


@given(st.integers(0, len(BARE)), st.binary(max_size=40))
def test_no_bytes_break_the_reader(length, tail):
    """It runs before any decoder, on everything."""
    try:
        bare = strip(BARE[:length] + tail)
    except MediaRefused:
        return

    assert strip(bare) == bare


def test_a_stripped_gif_plays_the_same():
    """Only what is not seen may go."""
    body = animated(ball(3), comment=b"at home")

    bare = strip(body)

    assert b"at home" not in bare
    with Image.open(BytesIO(body)) as before, Image.open(BytesIO(bare)) as after:
        for number in range(3):
            before.seek(number)
            after.seek(number)
            assert after.convert("RGB").tobytes() == before.convert("RGB").tobytes()


@pytest.mark.parametrize("colours", [1, 3, 4, 15, 16, 128, 255])
def test_patches_of_any_number_of_colours_are_read_back(colours):
    """The width of codes depends on the colours, and a decoder gets it from one byte."""
    palette = bytes(value for index in range(colours) for value in (index, 255 - index, 7))
    first = Image.new("L", (9, 5))
    first.putdata([number % colours for number in range(45)])
    writer = GifWriter((9, 5), palette, repeats=3)
    writer.add(compress(first, colours), (0, 0, 9, 5), delay_cs=7)
    holes = Image.new("L", (2, 1), colours)
    holes.putpixel((1, 0), colours - 1)
    writer.add(compress(holes, colours), (4, 2, 6, 3), delay_cs=1)

    body = writer.body()

    assert len(body) == writer.size_bytes
    assert outline(body) == Outline(9, 5, 2, 3)
    with Image.open(BytesIO(body)) as picture:
        assert (picture.info["duration"], picture.info["loop"]) == (70, 3)
        before = picture.convert("RGB")
        picture.seek(1)
        after = picture.convert("RGB")
        assert picture.info["duration"] == 20
    before.putpixel((5, 2), (colours - 1, 256 - colours, 7))
    assert after.tobytes() == before.tobytes()
