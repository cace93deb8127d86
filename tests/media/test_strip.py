"""Taking metadata out of files without touching their pixels."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops

from tests.media import broken, corpus
from wirephoto.media.gif import count_frames
from wirephoto.media.strip import stripped

SCENE = corpus.scene(64, 48)
FLAT = corpus.drawing(320, 240).quantize(32)
NOTED = {
    "exif": corpus.exif(),
    "xmp": corpus.xmp(),
    "comment": corpus.PLACE,
    "icc_profile": b"profile " + corpus.PLACE,
}
CASES = {
    "JPEG": ("image/jpeg", corpus.saved(SCENE, "JPEG", **NOTED)),
    "progressive JPEG": ("image/jpeg", corpus.saved(SCENE, "JPEG", progressive=True, **NOTED)),
    "grey JPEG": ("image/jpeg", corpus.saved(SCENE.convert("L"), "JPEG", **NOTED)),
    "JPEG with a tail": ("image/jpeg", corpus.saved(SCENE, "JPEG") + corpus.PLACE),
    "JPEG with fill bytes": (
        "image/jpeg",
        corpus.saved(SCENE, "JPEG", **NOTED).replace(b"\xff\xdb", b"\xff\xff\xff\xdb", 1),
    ),
    "MPO": ("image/jpeg", corpus.saved(SCENE, "MPO", save_all=True, append_images=[SCENE])),
    "PNG": ("image/png", corpus.saved(SCENE, "PNG", exif=corpus.exif())),
    "PNG with a tail": ("image/png", corpus.saved(SCENE, "PNG") + corpus.PLACE),
    "GIF": ("image/gif", corpus.saved(FLAT, "GIF", comment=corpus.PLACE)),
    "GIF with a tail": ("image/gif", corpus.saved(FLAT, "GIF") + corpus.PLACE),
}


def pixels(body: bytes) -> Image.Image:
    return Image.open(io.BytesIO(body)).convert("RGB")


@pytest.mark.parametrize("name", CASES)
def test_the_picture_stays_bit_by_bit_and_all_else_goes(name):
    """Where somebody lives stands in EXIF, in XMP, in comments, and behind the picture's end."""
    media_type, body = CASES[name]

    kept = stripped(body, media_type)

    assert kept is not None
    assert corpus.PLACE not in kept
    assert len(kept) < len(body)
    assert ImageChops.difference(pixels(kept), pixels(body)).getbbox() is None
    assert pixels(kept).info.keys() <= {"jfif", "jfif_version", "jfif_density", "jfif_unit"} | {
        "progressive",
        "progression",
        "dpi",
        "version",
        "background",
    }


@pytest.mark.parametrize("name", CASES)
def test_what_has_no_metadata_stays_as_it_is(name):
    """The same bytes mean that the original may go out untouched."""
    media_type, body = CASES[name]
    kept = stripped(body, media_type)

    assert stripped(kept, media_type) == kept


def test_a_thumbnail_in_the_head_goes():
    """JFIF may hold a small picture, and a cropped photograph shows there what was cut away."""
    body = CASES["JPEG"][1]
    thumbnail = b"\xff\xe0\x00\x13JFIF\0\x01\x01\x00\x00\x01\x00\x01\x01\x01abc"
    at = body.index(b"\xff\xe0")

    kept = stripped(body[:at] + thumbnail + body[at + 18 :], "image/jpeg")

    assert kept == stripped(body, "image/jpeg")


def test_what_few_phones_decode_is_not_kept():
    """Arithmetic coding and 16 bits a channel are valid, and blank on many phones."""
    arithmetic = CASES["JPEG"][1].replace(b"\xff\xc0\x00\x11", b"\xff\xc9\x00\x11")
    deep = Image.frombytes("I;16", (2, 2), bytes(8))

    assert stripped(arithmetic, "image/jpeg") is None
    assert stripped(corpus.saved(deep, "PNG"), "image/png") is None
    assert stripped(corpus.saved(SCENE, "BMP"), "image/bmp") is None


@pytest.mark.parametrize("name", CASES)
def test_a_file_that_breaks_off_is_not_kept_or_kept_without_its_notes(name):
    """The walk ends at the end of the file, wherever that is."""
    media_type, body = CASES[name]

    for part in broken.cut_off(body, 60):
        assert corpus.PLACE not in (stripped(part, media_type) or b"")


@given(st.binary(max_size=200), st.sampled_from(["image/jpeg", "image/png", "image/gif"]))
def test_any_bytes_are_walked_to_an_end(junk, media_type):
    """The walk runs over files from strangers."""
    heads = {"image/jpeg": b"\xff\xd8", "image/png": bytes(8), "image/gif": b"GIF89a"}

    stripped(heads[media_type] + junk, media_type)
    count_frames(heads["image/gif"] + junk, at_most=5)


def test_frames_are_counted_without_decoding_and_only_so_far():
    """A file of 25 MB may hold a million frames: counting them all would be a bomb by itself."""
    assert count_frames(broken.gif_of_frames(7), at_most=100) == 7
    assert count_frames(broken.gif_of_frames(700), at_most=100) == 100
    assert count_frames(broken.gif_of_frames(7)[:-3], at_most=100) == 6
