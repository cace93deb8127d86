"""Any picture fits: the corpus goes through the pipeline, and so do files made to break it."""

import io
from functools import cache

import pytest
from PIL import Image

from tests.media import broken, corpus
from tests.media.similarity import similarity
from wirephoto.domain.media import MediaKind, MediaLimits, Target
from wirephoto.errors import MediaRefused
from wirephoto.media.transform import transform

BUDGETS = (596_000, 146_000, 40_000)
METADATA = (
    b"Exif",
    b"eXIf",
    b"xmp",
    b"XMP",
    b"adobe.com",
    b"ICC_PROFILE",
    b"iCCP",
    b"tEXt",
    b"MPF",
)
NAMED = {"not_an_image", "too_many_pixels", "corrupt", "too_large"}


@cache
def specimens(number: int) -> tuple[corpus.Specimen, ...]:
    return tuple(corpus.CLASSES[number]())


@pytest.fixture
def fit(tmp_path):
    """Run a file through the pipeline: return the fitting, and the bytes that go out."""
    return fitter_in(tmp_path)


def fitter_in(folder):
    def run(body: bytes, bytes_max: int = 596_000, **changes):
        source, output = folder / "source", folder / "output"
        source.write_bytes(body)
        output.unlink(missing_ok=True)
        target = Target(MediaKind.IMAGE, bytes_max, **changes)
        fitting = transform(source, target, output, MediaLimits())
        return fitting, output.read_bytes() if fitting.steps else body

    return run


def shown(body: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(body), formats=["JPEG", "PNG", "GIF"])
    assert picture.getexif().get(0x0112, 1) == 1
    picture.load()
    return picture


@pytest.fixture(scope="module")
def corpus_fit(tmp_path_factory):
    """Give what comes of a class of the corpus for a budget: made once for all tests."""
    run = fitter_in(tmp_path_factory.mktemp("corpus"))

    @cache
    def made(number: int, bytes_max: int):
        return [(each, *run(each.body, bytes_max)) for each in specimens(number)]

    return made


@pytest.mark.parametrize("bytes_max", BUDGETS)
@pytest.mark.parametrize("number", range(len(corpus.CLASSES)))
def test_every_picture_of_the_corpus_fits_without_metadata(corpus_fit, number, bytes_max):
    """What people have goes out, within the budget, and never tells where they live."""
    for specimen, fitting, body in corpus_fit(number, bytes_max):
        assert len(body) <= bytes_max, specimen.name
        assert not [mark for mark in (*METADATA, corpus.PLACE) if mark in body], specimen.name
        picture = shown(body)
        assert picture.mode in ("1", "L", "P", "RGB"), specimen.name
        assert not picture.has_transparency_data, specimen.name
        sent = fitting.sent
        assert (sent.width, sent.height) == picture.size, specimen.name
        assert (sent.media_type, sent.size_bytes) == (picture.get_format_mimetype(), len(body))
        assert (fitting.original.width, fitting.original.height) == specimen.reference.size


@pytest.mark.parametrize("number", range(len(corpus.CLASSES)))
def test_every_class_of_the_corpus_keeps_its_colours_and_stands_upright(corpus_fit, number):
    """A sideways, mirrored or greenish picture is worse than none: it was sent, and looks wrong."""
    alike = {
        specimen.name: similarity(shown(body), specimen.reference)
        for specimen, _, body in corpus_fit(number, max(BUDGETS))
    }

    assert min(alike.values()) > 0.9, alike
    assert sum(alike.values()) / len(alike) > 0.95, alike


@pytest.mark.parametrize("name", broken.wholes())
def test_a_cut_off_file_is_refused_or_shown_as_far_as_it_goes(fit, name):
    """Uploads break off. Half a picture is never sent as if it were one."""
    for part in broken.cut_off(broken.wholes()[name]):
        assert_ends_well(fit, part)


@pytest.mark.parametrize("name", broken.wholes())
def test_a_file_with_wrong_bytes_ends_in_a_picture_or_a_named_refusal(fit, name):
    """Decoders raise anything at all; a message must end in a reason that somebody can read."""
    for changed in broken.mutated(broken.wholes()[name], seed=len(name)):
        assert_ends_well(fit, changed)


def assert_ends_well(fit, body: bytes) -> None:
    refused, sent = None, b""
    try:
        _, sent = fit(body, 40_000)
    except MediaRefused as refusal:
        refused = refusal

    if refused is not None:
        assert (refused.reason in NAMED, refused.retryable) == (True, False), refused
    else:
        assert len(sent) <= 40_000
        assert corpus.PLACE not in sent
        shown(sent)


BOMBS = {
    "PNG of 900 million pixels": (broken.png_that_claims(30_000, 30_000), "50 million pixels"),
    "PNG of all pixels": (broken.png_that_claims(2**31 - 1, 2**31 - 1), "50 million pixels"),
    "PNG above the limit": (broken.png_that_claims(8_000, 7_000), "8000 x 7000 pixels"),
    "JPEG of 3600 million pixels": (broken.jpeg_that_claims(60_000, 60_000), "million pixels"),
    "GIF of frames": (broken.gif_of_frames(1_001), "1,000 frames"),
    "GIF of large frames": (broken.gif_of_frames(300, 1_000, 1_000), "300 frames"),
}
STRANGERS = {
    "web page": (b"<!doctype html><html>Sign in</html>", "web page"),
    "drawing": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "XML"),
    "document": (b"%PDF-1.7 and so on", "application/pdf"),
    "Photoshop": (b"8BPS" + bytes(60), "no picture that is known"),
    "film": (b"\x00\x00\x00\x18ftypmp42" + bytes(60), "video/mp4"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_by_its_head(fit, name):
    """It costs a look at the first bytes, and the sentence says what to send instead."""
    body, words = BOMBS[name]

    with pytest.raises(MediaRefused, match=words) as caught:
        fit(body)

    assert (caught.value.reason, caught.value.retryable) == ("too_many_pixels", False)


@pytest.mark.parametrize("name", STRANGERS)
def test_what_is_no_picture_is_refused_by_what_it_is(fit, name):
    """Decoders that are not on the list are never asked, whatever the file's name says."""
    body, words = STRANGERS[name]

    with pytest.raises(MediaRefused, match=words) as caught:
        fit(body)

    assert (caught.value.reason, caught.value.retryable) == ("not_an_image", False)


def test_a_small_file_of_many_pixels_within_the_limit_is_made_smaller(fit):
    """A PNG of zeros may be small for us, and still be a bomb for the phone that gets it."""
    fitting, body = fit(broken.png_bomb(7_000, 7_000))

    assert fitting.original.width == 7_000
    assert max(shown(body).size) <= 4_096


def test_noise_is_refused_where_no_size_of_it_fits(fit):
    """The sentence tells what to do; a picture of some dots would help nobody."""
    body = corpus.saved(broken.noise(300, 300), "PNG")

    with pytest.raises(MediaRefused, match="fewer attachments") as caught:
        fit(body, 1_500)

    assert caught.value.reason == "too_large"
