"""Still pictures: what goes out untouched, what is done to the others, and what people are told."""

import io

import pytest
from PIL import Image

from tests.media import broken, corpus
from tests.media.similarity import similarity
from wirephoto.domain.media import MediaKind, MediaLimits, Target
from wirephoto.media.stills import fit_still

SCENE = corpus.scene(1500, 1100)
COARSE_BYTES = 5_000
"""Little enough for noise to need a quality below 60."""


@pytest.fixture
def fit(tmp_path):
    """Fit a file: return what was done, and the file that was written, if one was."""

    def run(body: bytes, bytes_max: int = 596_000, **changes):
        source, output = tmp_path / "source", tmp_path / "output"
        source.write_bytes(body)
        target = Target(MediaKind.IMAGE, bytes_max, **changes)
        fitted = fit_still(source, target, output, MediaLimits())
        return fitted, output.read_bytes() if output.exists() else None

    return run


@pytest.mark.parametrize(
    "body",
    [
        corpus.saved(SCENE, "JPEG", quality=80),
        corpus.saved(SCENE.convert("L"), "JPEG", quality=80, progressive=True),
        corpus.saved(corpus.drawing(), "PNG"),
        corpus.saved(corpus.drawing().quantize(16), "GIF"),
    ],
    ids=["JPEG", "grey JPEG", "PNG", "GIF"],
)
def test_what_phones_show_as_it_is_goes_out_untouched(fit, body):
    """No encode is as good as none."""
    fitted, written = fit(body)

    assert (fitted.steps, fitted.warnings, written) == ((), (), None)
    assert fitted.form.size_bytes == len(body)


def test_metadata_goes_without_an_encode(fit):
    """Most photographs that fit need no more: their pixels stay bit by bit."""
    plain = corpus.saved(SCENE, "JPEG", quality=80)
    noted = corpus.saved(SCENE, "JPEG", quality=80, exif=corpus.exif(), comment=b"Ann")

    fitted, written = fit(noted)

    assert fitted.steps == ("metadata removed",)
    assert Image.open(io.BytesIO(written)).tobytes() == Image.open(io.BytesIO(plain)).tobytes()


def test_metadata_counts_as_what_can_be_saved(fit):
    """A thumbnail and maker notes of 60 KB must not cost the picture its quality."""
    plain = corpus.saved(SCENE, "JPEG", quality=80)
    heavy = corpus.saved(SCENE, "JPEG", quality=80, comment=bytes(60_000))

    fitted, _ = fit(heavy, len(plain) + 100)

    assert fitted.steps == ("metadata removed",)


def test_steps_say_what_was_done_in_order(fit):
    """Who wonders why a picture looks different reads it in the message."""
    wide = corpus.sheer(corpus.scene(2600, 1300).transpose(Image.Transpose.ROTATE_90))

    fitted, _ = fit(corpus.saved(wide, "PNG", exif=corpus.exif(6)), background="#102030")

    assert fitted.steps[:4] == (
        "turned upright",
        "laid on #102030",
        "metadata removed",
        "shrunk to 2048 x 1024",
    )
    assert fitted.steps[4].startswith("saved as JPEG, quality ")


def test_what_is_transparent_shows_the_colour_that_was_chosen(fit):
    """A black logo on a phone's black background is not to be seen."""
    _, written = fit(corpus.saved(Image.new("RGBA", (90, 90)), "PNG"), background="#ff8000")

    assert Image.open(io.BytesIO(written)).convert("RGB").getpixel((5, 5)) == (255, 128, 0)


def test_transparency_of_nothing_is_no_transparency(fit):
    """Many programs store it for every pixel though none is transparent."""
    solid = SCENE.copy()
    solid.putalpha(255)

    fitted, _ = fit(corpus.saved(solid, "PNG"))

    assert "laid on #ffffff" not in fitted.steps


def test_a_visible_loss_is_said(fit):
    """A sender who reads it sends one picture instead of four."""
    body = corpus.saved(SCENE, "JPEG", quality=90)

    assert fit(body, 200_000)[0].warnings == ()
    [sentence] = fit(body, 25_000)[0].warnings
    assert "had to be shrunk to" in sentence
    assert "fewer" in sentence


def test_coarse_compression_is_said(fit):
    """Blocks are seen even where the picture kept its size."""
    body = corpus.saved(broken.noise(130, 100), "PNG")

    [sentence] = fit(body, COARSE_BYTES)[0].warnings

    assert "had to be compressed to quality" in sentence


def test_of_an_animation_the_first_frame_is_what_is_seen(fit):
    """That is what a customer allows who allows a still picture."""
    frames = [corpus.scene(200, 150, seed=seed).quantize(64) for seed in range(3)]
    body = corpus.saved(frames[0], "GIF", save_all=True, append_images=frames[1:])

    fitted, written = fit(body)

    assert fitted.form.frames == 1
    assert similarity(Image.open(io.BytesIO(written)), frames[0].convert("RGB")) > 0.95


def test_a_large_drawing_keeps_its_size_and_its_edges(fit):
    """A screenshot of a tall phone is read, not looked at."""
    tall = corpus.drawing(1440, 3200)
    tall.putalpha(255)

    fitted, written = fit(corpus.saved(tall, "PNG"))

    assert (fitted.form.width, fitted.form.height) == (1440, 3200)
    shown = Image.open(io.BytesIO(written)).convert("RGB")
    assert shown.tobytes() == corpus.drawing(1440, 3200).tobytes()


def test_a_drawing_that_does_not_fit_is_shrunk_before_it_is_smeared(fit):
    """Sharp and smaller is read more easily; as JPEG it would be smaller still."""
    large = corpus.saved(corpus.drawing(3500, 3500), "TIFF", compression="tiff_lzw")

    fitted, _ = fit(large, 40_000)

    assert (fitted.form.media_type, fitted.form.width) == ("image/png", 2_048)


def test_a_picture_too_large_for_phones_is_shrunk_though_its_file_is_small(fit):
    """Phones decode every pixel, whatever the file's size."""
    fitted, _ = fit(corpus.saved(Image.new("L", (5_000, 1_000), 200), "PNG"))

    assert fitted.form.width == 2_048
