"""An animation frame by frame: what is seen, for how long, and what is refused beforehand."""

import pytest
from PIL import Image

from tests.media.moving import animated, ball, noise
from wirephoto.domain.media import MediaLimits
from wirephoto.errors import MediaRefused
from wirephoto.media.reel import open_reel, schedule

LIMITS = MediaLimits()


@pytest.fixture
def written(tmp_path):
    def write(body: bytes):
        path = tmp_path / "source"
        path.write_bytes(body)
        return path

    return write


@pytest.mark.parametrize(
    ("form", "media_type", "options"),
    [
        ("GIF", "image/gif", {}),
        ("WEBP", "image/webp", {"lossless": True}),
        ("PNG", "image/png", {}),
        ("PNG", "image/png", {"default_image": True}),
        ("AVIF", "image/avif", {}),
    ],
)
def test_every_format_that_moves_is_played(written, form, media_type, options):
    """People have more than GIF; phones do not."""
    reel = open_reel(written(animated(ball(4), form, **options)), LIMITS)

    frames = list(reel.play("#ffffff"))

    shown = 3 if options.get("default_image") else 4
    assert (reel.media_type, reel.size, reel.frames) == (media_type, (320, 240), shown)
    assert [frame.duration_ms for frame in frames] == [60] * shown
    assert {frame.picture.mode for frame in frames} == {"RGB"}
    assert len({frame.picture.tobytes() for frame in frames}) == shown


@pytest.mark.parametrize(
    ("form", "loop", "repeats"),
    [
        ("GIF", 0, 0),
        ("GIF", 2, 2),
        ("GIF", None, None),
        ("WEBP", 0, 0),
        ("WEBP", 1, None),
        ("WEBP", 3, 2),
        ("PNG", 1, None),
    ],
)
def test_how_often_it_plays_is_kept(written, form, loop, repeats):
    """GIF counts how often it plays again, the others how often it plays."""
    assert open_reel(written(animated(ball(2), form, loop=loop)), LIMITS).repeats == repeats


@pytest.mark.parametrize(("delay_ms", "shown_ms"), [(0, 100), (10, 100), (20, 20), (500, 500)])
def test_a_delay_that_no_screen_keeps_is_read_as_browsers_do(written, delay_ms, shown_ms):
    """Old animations say 0 and mean a tenth of a second."""
    reel = open_reel(written(animated(ball(2), duration=delay_ms)), LIMITS)

    assert [frame.duration_ms for frame in reel.play("#ffffff")] == [shown_ms] * 2


@pytest.mark.parametrize("disposal", [0, 1, 2, 3])
def test_what_is_transparent_shows_the_background_under_each_disposal(written, disposal):
    """What a frame leaves behind depends on how it is taken away."""
    dots = []
    for left in (0, 20, 40):
        dot = Image.new("RGBA", (60, 20))
        dot.paste((200, 0, 0, 255), (left, 0, left + 20, 20))
        dots.append(dot)
    reel = open_reel(written(animated(dots, disposal=disposal)), LIMITS)

    frames = list(reel.play("#00ff00"))

    last = frames[-1].picture
    trail = (0, 255, 0) if disposal in (2, 3) else (200, 0, 0)
    assert all(frame.was_see_through for frame in frames[:2])
    assert last.getpixel((50, 10)) == (200, 0, 0)
    assert last.getpixel((30, 10)) == trail


@pytest.mark.parametrize(
    ("limits", "frames"),
    [
        (MediaLimits(frames_max=9), 10),
        (MediaLimits(pixels_max=320 * 240 - 1), 2),
        (MediaLimits(animation_pixels_max=320 * 240 * 10 - 1), 10),
    ],
)
@pytest.mark.parametrize("form", ["GIF", "WEBP"])
def test_too_much_is_refused_before_anything_is_decoded(written, limits, frames, form):
    """A small file may hold hundreds of megapixels (facts 4.4)."""
    source = written(animated(ball(frames), form))

    with pytest.raises(MediaRefused, match="smaller or shorter") as caught:
        open_reel(source, limits)

    assert caught.value.reason == "too_many_pixels"


def test_a_bomb_is_refused(written):
    """250 frames of a megapixel each are half a megabyte on disk and a gigabyte in memory."""
    plain = [Image.new("P", (1024, 1024), number % 2) for number in range(250)]
    source = written(animated(plain))

    with pytest.raises(MediaRefused) as caught:
        open_reel(source, LIMITS)

    assert source.stat().st_size < 1_000_000
    assert caught.value.reason == "too_many_pixels"


@pytest.mark.parametrize("body", [b"", b"no picture", b"\xff\xd8\xff\xe0 a still picture"])
def test_what_does_not_move_is_refused(written, body):
    """Only formats that can move have frames."""
    with pytest.raises(MediaRefused) as caught:
        open_reel(written(body), LIMITS)

    assert caught.value.reason == "type_mismatch"


def test_one_frame_is_held_at_a_time(written):
    """Frames that are all kept at once are what exhausts a worker's memory."""
    frames = open_reel(written(animated(noise(3))), LIMITS).play("#ffffff")

    assert next(frames).picture.tobytes() != next(frames).picture.tobytes()
    frames.close()


@pytest.mark.parametrize(
    ("starts_ms", "step", "places"),
    [
        ([0, 60, 120, 180], 1, [0, 1, 2, 3]),
        ([0, 60, 120, 180, 240], 2, [0, 2, 4]),
        ([0, 15, 30, 45, 60], 1, [0, 2, 4]),
        ([0, 5, 10, 15, 19], 1, [0]),
        ([0], 4, [0]),
    ],
)
def test_frames_are_thinned_out_in_time(starts_ms, step, places):
    """Two hundredths of a second is the shortest that GIF can say and phones show."""
    assert schedule(starts_ms, step) == places
