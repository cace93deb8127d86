"""Animations kept moving within a byte budget, and what is left of how they look."""

import time

import pytest
from PIL import Image

from tests.media.moving import animated, ball, noise, played, repetitive, scenery, worst_difference
from wirephoto.domain.media import MediaKind, MediaLimits, Target
from wirephoto.errors import MediaRefused
from wirephoto.media.animation import fit_animation
from wirephoto.media.gif import outline

LIMITS = MediaLimits()


@pytest.fixture
def fit(tmp_path):
    """Fit a file's bytes into a budget: return what was made of it, and where it lies."""

    def fit(body: bytes, bytes_max: int, **changes):
        source, output = tmp_path / "source", tmp_path / "output"
        source.write_bytes(body)
        target = Target(MediaKind.IMAGE, bytes_max, **changes)
        return fit_animation(source, target, output, LIMITS), output

    return fit


def test_what_fits_and_is_clean_goes_out_untouched(fit):
    """Encoding again only loses."""
    body = animated(ball(5))

    fitted, output = fit(body, len(body))

    assert (fitted.steps, fitted.warnings, output.exists()) == ((), (), False)
    assert (fitted.form.size_bytes, fitted.form.frames, fitted.form.duration_s) == (
        len(body),
        5,
        0.3,
    )


def test_comments_are_taken_out_and_nothing_else(fit):
    """What a program notes in a file is nobody's business; the pictures are not touched."""
    body = animated(ball(5), comment=b"taken at home")

    fitted, output = fit(body, len(body))

    assert fitted.steps == ("metadata removed",)
    assert b"at home" not in output.read_bytes()
    assert worst_difference(output, ball(5), 60) < 6


@pytest.fixture(scope="module")
def flight():
    """Give an animation's frames, and its bytes."""
    frames = ball(40)
    return frames, animated(frames)


@pytest.mark.parametrize(("share", "worst"), [(0.9, 6), (0.5, 6), (0.25, 8), (0.1, 10)])
def test_a_thing_that_moves_before_a_still_background_keeps_its_looks(fit, flight, share, worst):
    """The commonest animation: most of it stands still, and that costs nothing."""
    frames, body = flight

    fitted, output = fit(body, int(len(body) * share))

    assert output.stat().st_size == fitted.form.size_bytes <= len(body) * share
    assert fitted.form.duration_s == pytest.approx(2.4)
    assert "crop to what changes" in fitted.steps
    assert worst_difference(output, frames, 60) < worst


def test_duplicates_become_longer_frames(fit):
    """Screen recordings stand still most of the time."""
    body = repetitive(ball(6), times=5)

    fitted, output = fit(body, len(body) // 4)

    assert "drop 24 duplicate frames" in fitted.steps
    assert outline(output.read_bytes()).frames == fitted.form.frames == 6
    assert [begin for begin, _ in played(output)] == [0, 300, 600, 900, 1200, 1500, 1800]


@pytest.mark.parametrize("budget", [300_000, 75_000])
def test_even_noise_keeps_moving(fit, budget):
    """Where nothing repeats, canvas, colours and rate have to give."""
    frames = noise(30, (240, 160))

    fitted, output = fit(animated(frames), budget)

    *begins, end = [begin for begin, _ in played(output)]
    assert output.stat().st_size <= budget
    assert len(begins) == fitted.form.frames >= 7
    assert end == pytest.approx(1_800, rel=0.02)
    assert len(fitted.warnings) == 1


def test_what_cannot_fit_is_refused_with_the_remedy(fit):
    """A still picture in place of an animation is for its sender to decide."""
    with pytest.raises(MediaRefused, match="still picture") as caught:
        fit(animated(noise(30)), 10_000)

    assert (caught.value.reason, caught.value.retryable) == ("animation_too_large", False)


@pytest.mark.parametrize("disposal", [0, 1, 2, 3])
def test_what_was_transparent_lies_on_the_background(fit, disposal):
    """Phones show what is transparent in any colour (facts 4.2)."""
    dots = []
    for left in range(0, 100, 20):
        dot = Image.new("RGBA", (100, 60))
        dot.paste((200, 0, 0, 255), (left, 20, left + 20, 40))
        dots.append(dot)

    fitted, output = fit(animated(dots, disposal=disposal), 100_000, background="#0000ff")

    trail = (0, 0, 255) if disposal in (2, 3) else (200, 0, 0)
    *shown, _ = (picture for _, picture in played(output))
    assert "flatten" in fitted.steps
    assert len(shown) == 5
    assert (shown[0].getpixel((5, 5)), shown[0].getpixel((10, 30))) == ((0, 0, 255), (200, 0, 0))
    assert shown[4].getpixel((10, 30)) == trail
    assert shown[4].getpixel((90, 30)) == (200, 0, 0)


@pytest.mark.parametrize("form", ["WEBP", "PNG", "AVIF"])
def test_what_phones_do_not_play_becomes_a_gif(fit, form):
    """They show WebP, APNG and AVIF as a still picture, or not at all."""
    frames = ball(8)

    fitted, output = fit(animated(frames, form), 600_000)

    assert fitted.form.media_type == "image/gif"
    assert fitted.steps[0].endswith("to GIF")
    assert outline(output.read_bytes()).repeats == 0
    assert worst_difference(output, frames, 60) < 6


def test_one_frame_is_no_trouble(fit):
    """Files that could move do not always."""
    fitted, output = fit(animated([scenery()], "WEBP"), 100_000)

    assert (fitted.form.frames, outline(output.read_bytes()).frames) == (1, 1)


def test_frames_faster_than_any_screen_keep_their_time(fit):
    """At 15 ms each, one in two is shown, and the whole takes as long as before."""
    fitted, output = fit(animated(ball(20), "WEBP", duration=15), 600_000)

    *_, (end, _) = played(output)
    assert end == 300
    assert fitted.form.duration_s == 0.3


def test_an_animation_that_is_cut_off_is_refused(fit):
    """Half of it is paid for like the whole."""
    body = animated(ball(5))

    with pytest.raises(MediaRefused, match="upload it again") as caught:
        fit(body[: len(body) * 2 // 3], 600_000)

    assert caught.value.reason == "corrupt"


@pytest.mark.parametrize("budget", [600_000, 150_000])
def test_a_hundred_frames_are_fitted_in_seconds(fit, budget):
    """A worker has half a minute for anything (`MediaLimits.cpu_s`)."""
    body = repetitive([frame.resize((640, 480)) for frame in ball(100, (160, 120))], times=1)
    started = time.process_time()

    fit(body, min(budget, len(body) // 2))

    assert time.process_time() - started < 10
