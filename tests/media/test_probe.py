"""What a picture is, before anything of it is decoded."""

import pytest
from PIL import Image

from tests.media import broken, corpus
from wirephoto.domain.media import Form, MediaLimits
from wirephoto.errors import MediaRefused
from wirephoto.media.probe import decoding, probe

LIMITS = MediaLimits()


@pytest.fixture
def probed(tmp_path):
    def run(body: bytes, limits: MediaLimits = LIMITS) -> Form:
        (tmp_path / "picture").write_bytes(body)
        return probe(tmp_path / "picture", limits)

    return run


@pytest.mark.parametrize("name", broken.wholes())
def test_a_picture_is_known_by_its_bytes(probed, name):
    """Names and headers lie; what is stored of the original must not."""
    body = broken.wholes()[name]

    form = probed(body)

    assert form.media_type.removeprefix("image/") in name.lower().replace("mpo", "jpeg")
    assert (form.size_bytes, form.frames, form.duration_s) == (len(body), 1, None)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_size_is_told_upright(probed, kind, orientation):
    """People know their picture as it stands, not as the camera stored it."""
    body = corpus.saved(corpus.scene(60, 40), kind, exif=corpus.exif(orientation))

    form = probed(body)

    assert (form.width, form.height) == ((40, 60) if orientation >= 6 else (60, 40))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_an_animation_is_known_by_its_frames(probed, kind):
    """It is fitted in another way than a still picture."""
    frames = [corpus.scene(40, 30, seed=seed) for seed in range(3)]

    form = probed(corpus.saved(frames[0], kind, save_all=True, append_images=frames[1:]))

    assert form.frames == 3


@pytest.mark.parametrize("kind", ["TIFF", "MPO"])
def test_pages_are_no_animation(probed, kind):
    """The first page of a fax and the left eye of a stereo picture are what there is to see."""
    frames = [corpus.scene(40, 30, seed=seed) for seed in range(3)]

    form = probed(corpus.saved(frames[0], kind, save_all=True, append_images=frames[1:]))

    assert form.frames == 1


def test_the_limits_are_exact(probed):
    """A picture of just as many pixels as are allowed is fine; one row more is not."""
    body = corpus.saved(Image.new("L", (100, 80)), "PNG")

    assert probed(body, MediaLimits(pixels_max=8_000)).width == 100
    with pytest.raises(MediaRefused, match="100 x 80 pixels") as caught:
        probed(body, MediaLimits(pixels_max=7_999))
    assert caught.value.reason == "too_many_pixels"


def test_frames_are_limited_by_number_and_by_pixels(probed):
    """Each frame is decoded on the whole canvas, however little of it it changes."""
    body = broken.gif_of_frames(10)

    assert probed(body, MediaLimits(frames_max=10, animation_pixels_max=2_560)).frames == 10
    with pytest.raises(MediaRefused, match="more than 9 frames"):
        probed(body, MediaLimits(frames_max=9))
    with pytest.raises(MediaRefused, match="10 frames of 16 x 16 pixels"):
        probed(body, MediaLimits(animation_pixels_max=2_559))


def test_a_file_over_the_limit_is_not_even_read(probed):
    """What is read is held in memory."""
    with pytest.raises(MediaRefused, match="at most 99") as caught:
        probed(bytes(100), MediaLimits(source_bytes_max=99))

    assert caught.value.reason == "too_large"


def test_a_broken_exif_block_turns_nothing(probed):
    """Editors damage EXIF; the picture below it is sound."""
    body = corpus.saved(corpus.scene(60, 40), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f junk")

    assert (probed(body).width, probed(body).height) == (60, 40)


def test_memory_that_ran_out_is_no_fault_of_the_file():
    """The worker's limit may be too small: the picture is not called broken for that."""
    with pytest.raises(MemoryError), decoding():
        raise MemoryError


@pytest.mark.parametrize("error", [OSError, SyntaxError, KeyError, ZeroDivisionError, EOFError])
def test_whatever_a_decoder_raises_is_a_refusal(error):
    """Decoders raise anything on broken files (facts 4.4), and the cause is kept for logs."""
    with pytest.raises(MediaRefused, match="save it anew") as caught, decoding():
        raise error

    assert caught.value.reason == "corrupt"
    assert isinstance(caught.value.__cause__, error)
