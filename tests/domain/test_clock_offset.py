"""What a few questions for the time tell about a clock, and what they do not."""

from datetime import timedelta

import pytest

from tests.factories import NOW
from wirephoto.domain.clock_offset import TimeSample, known_drift

MS = timedelta(milliseconds=1)


def sample(*, out_ms: float, back_ms: float, ahead_ms: float = 0.0) -> TimeSample:
    """Return what one hears whose clock is `ahead_ms` ahead, with these two ways."""
    asked_at = NOW + ahead_ms * MS
    return TimeSample(asked_at, NOW + out_ms * MS, (out_ms + back_ms) * MS)


@pytest.mark.parametrize("ahead_ms", [30_000.0, -30_000.0, 3_600_000.0, 5.0])
def test_a_wrong_clock_is_set_right(ahead_ms: float) -> None:
    """With equal ways out and back the answer is exact."""
    found = known_drift([sample(out_ms=1, back_ms=1, ahead_ms=ahead_ms)])

    assert found == -ahead_ms * MS


def test_the_quickest_answer_counts() -> None:
    """A question that waited in a queue says little about the moment of the answer."""
    slow = sample(out_ms=900, back_ms=100, ahead_ms=50)
    quick = sample(out_ms=1.5, back_ms=0.5, ahead_ms=50)

    for samples in ([slow, quick], [quick, slow]):
        assert known_drift(samples) == -49.5 * MS


@pytest.mark.parametrize(("out_ms", "back_ms"), [(1000.0, 0.0), (0.0, 1000.0), (700.0, 300.0)])
def test_a_slow_answer_does_not_set_a_good_clock_wrong(out_ms: float, back_ms: float) -> None:
    """An overloaded database answers late: the half of that is no drift anybody knows of."""
    assert known_drift([sample(out_ms=out_ms, back_ms=back_ms)]) == timedelta()


@pytest.mark.parametrize(("out_ms", "back_ms"), [(200.0, 0.0), (0.0, 200.0), (150.0, 50.0)])
def test_what_is_left_after_a_correction_is_at_most_half_a_round_trip(
    out_ms: float, back_ms: float
) -> None:
    """However lopsided the ways are; repeated, it does not swing to and fro."""
    ahead_ms = 5_000.0
    for _ in range(3):
        drift = known_drift([sample(out_ms=out_ms, back_ms=back_ms, ahead_ms=ahead_ms)])
        ahead_ms += drift / MS
        assert abs(ahead_ms) <= (out_ms + back_ms) / 2
