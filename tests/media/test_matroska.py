"""How long a WebM or Matroska film is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.media.films import webm
from wirephoto.media.matroska import duration_s


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (webm(), 8.0),
        (webm(units=800, scale_ns=10_000_000), 8.0),
        (webm(units=None), None),
        (webm(units=0.0), None),
        (webm(units=float("nan")), None),
        (b"", None),
    ],
)
def test_a_film_tells_how_long_it_is(body, seconds):
    """A bit rate is computed from it; browsers leave it out."""
    assert duration_s(body) == seconds


@given(st.integers(0, len(webm())), st.binary(max_size=60))
def test_no_bytes_break_the_reader(length, tail):
    """Sizes in elements are whatever a stranger wrote."""
    seconds = duration_s(webm()[:length] + tail)

    assert seconds is None or seconds > 0
