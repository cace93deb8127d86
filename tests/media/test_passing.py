"""Films, sounds, contacts and other files on their way through: what passes, and as what."""

import pytest

from tests.media.films import PLACE, avi, box, film, track, wav, webm
from wirephoto.domain.media import MediaKind, MediaLimits, Target
from wirephoto.errors import MediaRefused
from wirephoto.media.passing import pass_on

VIDEO, AUDIO = MediaKind.VIDEO, MediaKind.AUDIO
VCARD = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ann\r\nEND:VCARD\r\n"
MOV = film(brand=b"qt  ")
PLACED = film(box(b"udta", PLACE))


@pytest.fixture
def passed(tmp_path, monkeypatch):
    """Pass a file's bytes on, on a machine without ffmpeg; return what came of it, and where."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def passed(body: bytes, kind: MediaKind, bytes_max: int = 600_000, **limits):
        source, output = tmp_path / "source", tmp_path / "output"
        source.write_bytes(body)
        return pass_on(source, Target(kind, bytes_max), output, MediaLimits(**limits)), output

    return passed


@pytest.mark.parametrize(
    ("kind", "body", "media_type", "duration_s"),
    [
        (VIDEO, film(), "video/mp4", 8.0),
        (VIDEO, film(brand=b"3gp4"), "video/3gpp", 8.0),
        (VIDEO, avi(), "video/x-msvideo", 8.0),
        (VIDEO, b"\x00\x00\x01\xba" + bytes(20), "video/mpeg", None),
        (AUDIO, wav(0.5), "audio/wav", 0.5),
        (AUDIO, b"#!AMR\n\x04" + bytes(12), "audio/amr", 0.02),
        (MediaKind.VCARD, VCARD, "text/vcard", None),
        (MediaKind.FILE, b"%PDF-1.7\n%%EOF", "application/pdf", None),
        (MediaKind.FILE, b"anything", "application/octet-stream", None),
    ],
)
def test_what_the_provider_takes_goes_out_untouched(passed, kind, body, media_type, duration_s):
    """The formats of contract 1.4; for files it names none."""
    fitted, output = passed(body, kind)

    assert (fitted.steps, fitted.warnings, output.exists()) == ((), (), False)
    assert (fitted.form.media_type, fitted.form.size_bytes) == (media_type, len(body))
    assert fitted.form.duration_s == pytest.approx(duration_s, abs=0.01)


def test_a_film_tells_its_size(passed):
    """People see in the report what goes out."""
    form = passed(film(), VIDEO)[0].form

    assert (form.width, form.height) == (640, 360)


@pytest.mark.parametrize("kind", [VIDEO, MediaKind.FILE])
def test_where_a_film_was_taken_does_not_go_out(passed, kind):
    """Phones write their position into every film."""
    fitted, output = passed(PLACED, kind)

    assert fitted.steps == ("metadata removed",)
    assert PLACE not in output.read_bytes()
    assert output.stat().st_size == fitted.form.size_bytes == len(PLACED)


def test_a_track_of_positions_is_told(passed):
    """It lies among the pictures, where it cannot simply be blanked."""
    [warning] = passed(film(track(0, 0, of=b"meta")), VIDEO)[0].warnings

    assert "where it was taken" in warning


@pytest.mark.parametrize(
    ("kind", "body", "reason", "words"),
    [
        (VIDEO, b"", "corrupt", "empty"),
        (VIDEO, MOV, "type_mismatch", "best to MP4"),
        (VIDEO, webm(), "type_mismatch", "best to MP4"),
        (VIDEO, wav(0.1), "type_mismatch", "best to MP4"),
        (VIDEO, film()[:-1], "corrupt", "whole"),
        (VIDEO, film(bytes_more=600_000), "too_large", "cut it"),
        (AUDIO, b"OggS" + bytes(20), "type_mismatch", "best to MP3"),
        (AUDIO, wav(0.1)[:-1], "corrupt", "whole"),
        (AUDIO, wav(80), "too_large", "cut it"),
        (MediaKind.VCARD, b"<html>", "type_mismatch", "vCard"),
        (MediaKind.VCARD, VCARD[:30], "corrupt", "whole"),
        (MediaKind.FILE, bytes(600_001), "too_large", "send a link"),
    ],
)
def test_what_cannot_go_out_is_refused_with_the_remedy(passed, kind, body, reason, words):
    """The provider tells only after it took the message, and by a number."""
    with pytest.raises(MediaRefused, match=words) as caught:
        passed(body, kind)

    assert (caught.value.reason, caught.value.retryable) == (reason, False)


def test_a_file_beyond_all_measure_is_not_read(passed):
    """Memory is bounded before anything else."""
    with pytest.raises(MediaRefused, match="are read here") as caught:
        passed(film(), VIDEO, source_bytes_max=50)

    assert caught.value.reason == "too_large"


@pytest.mark.parametrize("body", [MOV, webm(), film(bytes_more=700_000)])
def test_with_ffmpeg_a_film_is_fitted_instead(passed, tmp_path, body):
    """What would be refused is encoded: here by one that always fails, and so is known."""
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)

    with pytest.raises(MediaRefused, match="cannot be read"):
        passed(body, VIDEO)
