"""Any picture's colours, as a phone will show them."""

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.media import corpus, profiles
from wirephoto.media.colour import is_srgb, to_eight_bit, to_plain_mode, to_srgb

SCENE = corpus.scene(120, 90)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
P3 = profiles.rgb_profile(profiles.DISPLAY_P3)


def distance(shown: Image.Image, reference: Image.Image) -> float:
    """Return how far the worst channel is off, on average."""
    apart = np.abs(np.asarray(shown, np.float64) - np.asarray(reference, np.float64))
    return float(apart.mean(axis=(0, 1)).max())


def test_a_wide_colour_space_keeps_its_colours():
    """Every iPhone writes Display P3: with its profile merely dropped, skin looks dull."""
    stored = Image.fromarray(profiles.in_space(np.asarray(SCENE), profiles.DISPLAY_P3))

    assert distance(to_srgb(stored, P3), SCENE) < 1
    assert distance(stored, SCENE) > 3


def test_transparency_survives_the_conversion():
    """It is flattened later, on a colour that is given in sRGB."""
    stored = Image.fromarray(profiles.in_space(np.asarray(SCENE), profiles.DISPLAY_P3))
    stored.putalpha(77)

    shown = to_srgb(stored, P3)

    assert shown.mode == "RGBA"
    assert shown.getchannel("A").getextrema() == (77, 77)
    assert distance(shown.convert("RGB"), SCENE) < 1


@pytest.mark.parametrize("profile", [None, b"", b"junk" * 100, SRGB, profiles.grey_profile()])
def test_a_profile_that_changes_nothing_costs_nothing(profile):
    """Absent, broken, sRGB under another name, or of another mode: the pixels stay."""
    assert to_srgb(SCENE, profile) is SCENE
    assert is_srgb(profile, "RGB")


def test_a_profile_that_changes_something_is_noticed():
    """Such a picture must not go out with its profile stripped."""
    assert not is_srgb(P3, "RGB")
    assert not is_srgb(profiles.grey_profile(), "L")


def test_inks_and_lab_become_light():
    """Printers' files arrive as CMYK and Lab; phones know neither."""
    lab = ImageCms.profileToProfile(
        SCENE, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )

    assert distance(to_srgb(corpus.inks(SCENE), None), SCENE) < 1
    assert distance(to_srgb(lab, None), SCENE) < 2


@pytest.mark.parametrize(
    ("dtype", "white"),
    [("uint16", 65_535), ("int32", 65_535), ("int32", 255), ("float32", 1), ("float32", 200_000)],
)
def test_deep_values_keep_their_brightness(dtype, white):
    """Where the mode leaves white open, the highest value tells."""
    ramp = np.tile(np.arange(256, dtype=np.float64) / 255, (4, 1))

    shown = to_eight_bit(Image.fromarray((ramp * white).astype(dtype)))

    assert shown.mode == "L"
    assert np.abs(np.asarray(shown, np.float64) - ramp * 255).max() <= 1


@pytest.mark.parametrize(
    ("picture", "mode"),
    [
        (Image.new("1", (2, 2)), "L"),
        (Image.new("P", (2, 2)), "RGB"),
        (Image.new("PA", (2, 2)), "RGBA"),
        (Image.new("YCbCr", (2, 2)), "RGB"),
        (Image.new("HSV", (2, 2)), "RGB"),
        (Image.new("LA", (2, 2)), "LA"),
        (Image.new("CMYK", (2, 2)), "CMYK"),
    ],
)
def test_modes_that_cannot_be_resized_are_resolved(picture, mode):
    """Numbers of a palette cannot be averaged."""
    assert to_plain_mode(picture).mode == mode


def test_a_colour_that_means_transparent_becomes_so():
    """PNG may name one colour instead of storing transparency for each pixel."""
    picture = Image.new("RGB", (2, 1), (1, 2, 3))
    picture.putpixel((0, 0), (9, 9, 9))
    picture.info["transparency"] = (9, 9, 9)

    assert list(to_plain_mode(picture).getchannel("A").tobytes()) == [0, 255]
