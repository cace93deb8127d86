"""Films that ffmpeg makes small enough: what it is told to do, and what is made of its answer.

A stand-in takes ffmpeg's place on the path: what is tested is ours, and needs no real one.
"""

import json
import stat
import sys
from pathlib import Path

import pytest

from tests.media.films import avi, film, webm
from wirephoto.domain.media import MediaKind, MediaLimits, Target
from wirephoto.errors import MediaRefused
from wirephoto.media.video import (
    Recipe,
    can_fit,
    command,
    duration_of,
    fit_video,
    plan,
    seconds_max,
)

LIMITS = MediaLimits()
STAND_IN = """#!{python}
import json, pathlib, sys, time
here = pathlib.Path(__file__).parent
runs = here / "runs.json"
before = json.loads(runs.read_text()) if runs.exists() else []
runs.write_text(json.dumps([*before, sys.argv[1:]]))
behaviour = json.loads((here / "behaviour.json").read_text())
time.sleep(behaviour["seconds"])
sizes = behaviour["sizes"]
if len(before) < len(sizes):
    film = pathlib.Path(here / "film").read_bytes()
    output = pathlib.Path(sys.argv[-1].removeprefix("file:"))
    output.write_bytes(film[:-4] + bytes(sizes[len(before)] - len(film) + 4))
sys.exit(behaviour["status"])
"""


class StandIn:
    """An ffmpeg that notes what it is told, and writes films of given sizes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        program = folder / "ffmpeg"
        program.write_text(STAND_IN.format(python=sys.executable))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def behave(self, *sizes: int, status: int = 0, seconds: float = 0.0, made: bytes = b"") -> None:
        if not made and sizes:
            made = film(duration_s=7.9)
        (self._folder / "film").write_bytes(made)
        behaviour = {"sizes": sizes, "status": status, "seconds": seconds}
        (self._folder / "behaviour.json").write_text(json.dumps(behaviour))

    @property
    def runs(self) -> list[list[str]]:
        return json.loads((self._folder / "runs.json").read_text())


@pytest.fixture
def ffmpeg(tmp_path, monkeypatch):
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return StandIn(folder)


@pytest.fixture
def fit(tmp_path):
    def fit(body: bytes, bytes_max: int, *, media_type: str = "video/mp4", limits=LIMITS):
        source, output = tmp_path / "source", tmp_path / "output"
        source.write_bytes(body)
        target = Target(MediaKind.VIDEO, bytes_max)
        return fit_video(source, target, output, limits, media_type=media_type)

    return fit


@pytest.mark.parametrize(
    ("duration_s", "bytes_max", "recipe"),
    [
        (1.0, 2_000_000, Recipe(4_000, 64, 1280)),
        (8.0, 2_000_000, Recipe(1_796, 64, 1280)),
        (8.0, 1_000_000, Recipe(866, 64, 854)),
        (8.0, 600_000, Recipe(494, 64, 640)),
        (15.0, 600_000, Recipe(233, 64, 480)),
        (8.0, 150_000, Recipe(107, 32, 320)),
        (46.0, 600_000, Recipe(65, 32, 320)),
        (47.0, 600_000, None),
        (3_600.0, 600_000, None),
    ],
)
def test_bit_rate_and_canvas_follow_from_length_and_budget(duration_s, bytes_max, recipe):
    """Large pictures at a small bit rate are mush."""
    assert plan(duration_s, bytes_max) == recipe


def test_the_remedy_names_a_length_that_fits():
    """Whoever cuts it as told must not be refused again."""
    assert plan(seconds_max(600_000), 600_000) is not None


@pytest.mark.parametrize(
    ("media_type", "reader"),
    [
        ("video/mp4", "mov"),
        ("video/3gpp", "mov"),
        ("video/3gpp2", "mov"),
        ("video/quicktime", "mov"),
        ("video/webm", "matroska"),
        ("video/x-matroska", "matroska"),
        ("video/x-msvideo", "avi"),
    ],
)
def test_ffmpeg_reads_one_file_with_one_reader(media_type, reader):
    """A playlist, or a list of files to join, would make it read what lies beside."""
    arguments = command(
        "ffmpeg",
        Path("in"),
        Path("out"),
        media_type=media_type,
        recipe=Recipe(494, 64, 640),
        cpu_s=30.0,
    )

    source = arguments.index("-i")
    assert arguments[source - 4 : source + 2] == [
        "-protocol_whitelist",
        "file",
        "-f",
        reader,
        "-i",
        "file:in",
    ]
    assert arguments[-3:] == ["-f", "mp4", "file:out"]
    assert "-nostdin" in arguments


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("-map_metadata", "-1"),
        ("-map_chapters", "-1"),
        ("-movflags", "+faststart"),
        ("-b:v", "494k"),
        ("-b:a", "64k"),
        ("-c:v", "libx264"),
        ("-c:a", "aac"),
        ("-pix_fmt", "yuv420p"),
        ("-timelimit", "30"),
    ],
)
def test_what_comes_out_plays_on_every_phone_and_tells_nothing(option, value):
    """H.264 and AAC in MP4, its index first, without the place where it was taken."""
    arguments = command(
        "ffmpeg",
        Path("in"),
        Path("out"),
        media_type="video/mp4",
        recipe=Recipe(494, 64, 640),
        cpu_s=30.0,
    )

    assert arguments[arguments.index(option) + 1] == value


@pytest.mark.parametrize(
    ("body", "media_type", "seconds"),
    [
        (film(), "video/mp4", 8.0),
        (film(brand=b"qt  "), "video/quicktime", 8.0),
        (film(duration_s=0), "video/mp4", None),
        (webm(), "video/webm", 8.0),
        (avi(), "video/x-msvideo", 8.0),
        (avi(frames=0), "video/x-msvideo", None),
        (b"RIFF....AVI ", "video/x-msvideo", None),
        (b"\x00\x00\x01\xba", "video/mpeg", None),
    ],
)
def test_a_film_tells_how_long_it_is(body, media_type, seconds):
    """No bit rate without a length."""
    assert duration_of(body, media_type) == pytest.approx(seconds, abs=0.01)


def test_without_ffmpeg_no_film_can_be_fitted(tmp_path, monkeypatch):
    """It is an extra that many machines lack."""
    monkeypatch.setenv("PATH", str(tmp_path))

    assert not can_fit("video/mp4")


@pytest.mark.parametrize(
    ("media_type", "possible"),
    [("video/mp4", True), ("video/quicktime", True), ("video/mpeg", False), ("audio/wav", False)],
)
def test_with_ffmpeg_a_film_of_a_known_reader_can_be_fitted(ffmpeg, media_type, possible):
    """MPEG streams do not tell how long they are."""
    assert can_fit(media_type) is possible


def test_a_film_is_encoded_within_the_budget(ffmpeg, fit):
    """What it says of the result is read from the result."""
    ffmpeg.behave(580_000)

    fitted = fit(film(bytes_more=900_000), 600_000)

    form = fitted.form
    assert (form.media_type, form.size_bytes, form.duration_s) == ("video/mp4", 580_000, 7.9)
    assert (form.width, form.height) == (640, 360)
    assert fitted.steps[-1] == "metadata removed"
    assert len(ffmpeg.runs) == len(fitted.warnings) == 1


def test_a_second_try_aims_lower(ffmpeg, fit):
    """An encoder misses its bit rate on some films."""
    ffmpeg.behave(660_000, 590_000)

    fitted = fit(film(brand=b"qt  "), 600_000, media_type="video/quicktime")

    rates = [int(run[run.index("-b:v") + 1].removesuffix("k")) for run in ffmpeg.runs]
    assert rates == [494, 417]
    assert (fitted.form.size_bytes, fitted.steps[0]) == (590_000, "video/quicktime to MP4")


def test_there_is_no_third_try(ffmpeg, fit):
    """A worker's time is bounded."""
    ffmpeg.behave(660_000, 610_000, 590_000)

    with pytest.raises(MediaRefused, match="cut it to 46 seconds") as caught:
        fit(film(), 600_000)

    assert (caught.value.reason, len(ffmpeg.runs)) == ("too_large", 2)


@pytest.mark.parametrize(
    ("body", "media_type", "reason", "words"),
    [
        (film(duration_s=600), "video/mp4", "too_large", "cut it to 46 seconds"),
        (webm(units=None), "video/webm", "type_mismatch", "how long it is"),
    ],
)
def test_what_cannot_look_well_is_not_even_tried(ffmpeg, fit, body, media_type, reason, words):
    """Minutes of mush help nobody, and the remedy says what does."""
    with pytest.raises(MediaRefused, match=words) as caught:
        fit(body, 600_000, media_type=media_type)

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "behaviour",
    [{"status": 1}, {"status": 1, "sizes": (5_000,)}, {"sizes": (5_000,), "made": b"no film" * 9}],
    ids=["failed", "failed halfway", "wrote nonsense"],
)
def test_what_ffmpeg_cannot_read_is_refused(ffmpeg, fit, behaviour):
    """Its answer is looked at like anything from outside."""
    ffmpeg.behave(*behaviour.pop("sizes", ()), **behaviour)

    with pytest.raises(MediaRefused, match="upload it again") as caught:
        fit(film(), 600_000)

    assert caught.value.reason == "corrupt"


def test_a_film_that_takes_too_long_is_given_up(ffmpeg, fit):
    """The worker that waits for it is ended a little later, and must not leave it behind."""
    ffmpeg.behave(580_000, seconds=60)

    with pytest.raises(MediaRefused, match="shorter") as caught:
        fit(film(), 600_000, limits=MediaLimits(wall_s=0.5))

    assert caught.value.reason == "too_slow"
