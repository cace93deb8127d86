"""How long a sound is, where its format tells cheaply."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.media.films import wav
from wirephoto.media.sound import duration_s

MP3_FRAME = b"\xff\xfb\x90\x64" + bytes(413)  # 128 kbit/s at 44,100 Hz: 417 bytes, 26 ms
XING = MP3_FRAME[:36] + b"Xing\x00\x00\x00\x01\x00\x00\x01\x00" + bytes(369)
ID3 = b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128)


@pytest.mark.parametrize(
    ("body", "media_type", "seconds"),
    [
        (wav(2.5), "audio/wav", 2.5),
        (wav(2.5)[:-8_000], "audio/wav", 1.5),
        (b"RIFF\0\0\0\0WAVE", "audio/wav", None),
        (b"#!AMR\n" + (b"\x3c" + bytes(31)) * 50, "audio/amr", 1.0),
        (b"#!AMR\n" + (b"\x04" + bytes(12)) * 50 + b"\x7c" * 50, "audio/amr", 2.0),
        (MP3_FRAME * 100, "audio/mpeg", 2.61),
        (ID3 + MP3_FRAME * 100, "audio/mpeg", 2.61),
        (XING + MP3_FRAME * 9, "audio/mpeg", 6.69),
        (b"ID3", "audio/mpeg", None),
        (b"MThd", "audio/midi", None),
    ],
)
def test_a_sound_tells_how_long_it_is(body, media_type, seconds):
    """People see it in the report, and shorten what is too large."""
    assert duration_s(body, media_type) == pytest.approx(seconds, abs=0.01)


@given(st.sampled_from(["audio/wav", "audio/amr", "audio/mpeg"]), st.binary(max_size=200))
def test_no_bytes_break_the_readers(media_type, tail):
    """Sounds come from strangers."""
    for start in (b"", wav(0.01)[:40], b"#!AMR\n", ID3[:10], XING[:44]):
        seconds = duration_s(start + tail, media_type)

        assert seconds is None or seconds >= 0
