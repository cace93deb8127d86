"""The media pipeline at the command line, with real pictures: the result, the report, refusals."""

import json
import os
from pathlib import Path

import pytest
from PIL import Image

ORIENTATION = 0x0112
"""The tag of TIFF 6.0 that says how a picture has to be turned."""


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Give a picture that lies on its side, says where it was taken, and is large."""
    picture = Image.effect_noise((640, 480), 60).convert("RGB")
    exif = picture.getexif()
    exif[ORIENTATION] = 6
    exif.get_ifd(0x8825)[1] = "N"
    path = tmp_path / "photo.jpg"
    picture.save(path, quality=98, exif=exif)
    return path


def test_a_picture_is_fitted_and_what_was_done_is_told(run, photo, tmp_path):
    """What a phone would get, and why it looks as it does."""
    ran = run("media", "fit", photo, "--budget", 60_000, "-o", "out.jpg")

    assert ran.code == 0, ran.err
    out = tmp_path / "out.jpg"
    with Image.open(out) as fitted:
        assert fitted.height > fitted.width
        assert not fitted.getexif()
    assert out.stat().st_size <= 60_000
    lines = dict(line.split(maxsplit=1) for line in ran.out.splitlines())
    assert lines["original"] == f"image/jpeg, {photo.stat().st_size:,} bytes, 480 x 640"
    assert lines["sent"].startswith(f"image/jpeg, {out.stat().st_size:,} bytes, ")
    assert "upright" in lines["steps"]
    assert lines["time"].endswith(" s")
    assert sorted(os.listdir(tmp_path)) == ["out.jpg", "photo.jpg"]


def test_scripts_get_the_same_as_json(run, photo, tmp_path):
    """With nothing around it."""
    ran = run("media", "fit", photo, "--budget", 60_000, "-o", "out.jpg", "--json")

    told = json.loads(ran.out)
    assert set(told) == {"file", "original", "sent", "steps", "warnings", "took_ms"}
    assert told["file"] == "out.jpg"
    assert told["original"]["width"] == 480
    assert told["sent"]["size_bytes"] == (tmp_path / "out.jpg").stat().st_size


def test_a_picture_that_can_go_out_as_it_is_is_copied(run, tmp_path):
    """Whoever asks for a result finds one, which others may read as any file of its user."""
    Image.new("RGB", (64, 48), "teal").save(tmp_path / "cat.jpg")

    ran = run("media", "fit", "cat.jpg", "--budget", 60_000, "-o", "out")

    assert ran.code == 0, ran.err
    assert "goes out as it is" in ran.out
    out, plain = tmp_path / "out", tmp_path / "plain"
    assert out.read_bytes() == (tmp_path / "cat.jpg").read_bytes()
    plain.touch()
    assert out.stat().st_mode == plain.stat().st_mode


def test_a_picture_may_be_replaced_by_its_result(run, photo):
    """Whole or not at all: it is never half of either."""
    ran = run("media", "fit", photo, "--budget", 60_000, "-o", photo)

    assert ran.code == 0, ran.err
    assert photo.stat().st_size <= 60_000


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda path: path.write_text("Dear reader"), "not_an_image"),
        (lambda path: Image.new("1", (9_000, 9_000)).save(path, "PNG"), "too_many_pixels"),
        (lambda path: _write_half(path), "corrupt"),
    ],
)
def test_a_picture_that_cannot_go_out_is_refused_by_name(run, tmp_path, write, reason):
    """The same word and sentence as the gateway's, and no file that could be mistaken for one."""
    write(tmp_path / "bad")

    ran = run("media", "fit", "bad", "--budget", 60_000, "-o", "out")

    assert ran.code == 1
    assert ran.err.startswith(f"{reason}: ")
    assert ran.err.count("\n") == 1
    assert ran.out == ""
    assert os.listdir(tmp_path) == ["bad"]


def _write_half(path: Path) -> None:
    """Write a PNG that lacks its second half."""
    Image.effect_noise((200, 200), 60).save(path, "PNG")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def test_a_kind_that_was_named_holds(run, tmp_path):
    """A text is no picture, but may go out as a file."""
    (tmp_path / "note").write_text("Dear reader")

    ran = run("media", "fit", "note", "--budget", 60_000, "-o", "out", "--kind", "file")

    assert ran.code == 0, ran.err
    assert (tmp_path / "out").read_text() == "Dear reader"
