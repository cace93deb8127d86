"""MP4's boxes: how long and large a film is, and where it was taken, taken out."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.media.films import PLACE, box, film, movie_header, track
from wirephoto.media.boxes import Measures, measure, without_metadata

SOUND = track(0, 0, of=b"soun")


@pytest.mark.parametrize(
    ("body", "measures"),
    [
        (film(), Measures(8.0, 640, 360, has_timed_metadata=False)),
        (film(SOUND), Measures(8.0, 640, 360, has_timed_metadata=False)),
        (film(track(0, 0, of=b"meta")), Measures(8.0, 640, 360, has_timed_metadata=True)),
        (
            box(b"moov", movie_header(3.5, version=1), track(640, 360, quarter_turn=True)),
            Measures(3.5, 360, 640, has_timed_metadata=False),
        ),
        (box(b"moov", SOUND), Measures(None, None, None, has_timed_metadata=False)),
        (
            box(b"moov", box(b"mvhd", bytes(12), b"\0\0\x03\xe8", b"\xff" * 4)),
            Measures(None, None, None, has_timed_metadata=False),
        ),
        (b"no boxes", Measures(None, None, None, has_timed_metadata=False)),
    ],
    ids=["plain", "sound", "positions", "64-bit, turned", "sound alone", "unknown", "none"],
)
def test_a_film_tells_its_measures(body, measures):
    """What people see in the report, and what a bit rate is computed from."""
    assert measure(body) == measures


@pytest.mark.parametrize(
    "part",
    [
        box(b"udta", box(b"\xa9xyz", b"\x00\x12\x15\xc7", PLACE)),
        box(b"meta", bytes(4), PLACE),
        box(b"uuid", bytes(16), PLACE),
        box(b"trak", box(b"udta", PLACE)),
        struct.pack(">I4sQ", 1, b"udta", 16 + len(PLACE)) + PLACE,
    ],
    ids=["udta", "meta", "uuid", "in a track", "64-bit size"],
)
def test_where_a_film_was_taken_is_taken_out_in_place(part):
    """Phones write their position into it; moving a byte would break the index."""
    body = film(part)

    bare = without_metadata(body)

    assert PLACE in body
    assert PLACE not in bare
    assert b"free" in bare
    assert (len(bare), measure(bare)) == (len(body), measure(body))


def test_a_film_without_metadata_stays_as_it_is():
    """What has nothing to hide goes out untouched."""
    assert without_metadata(film()) == film()


@given(st.integers(0, len(film())), st.binary(max_size=60))
def test_no_bytes_break_the_reader(length, tail):
    """Sizes in boxes are whatever a stranger wrote."""
    body = film()[:length] + tail

    measure(body)

    assert len(without_metadata(body)) == len(body)
