"""How many parts an SMS is reported to have."""

import pytest

from wirephoto.domain.gsm7 import segments
from wirephoto.simulator.segments import count_segments

TEXTS = {
    "": 1,
    "a" * 160: 1,
    "a" * 161: 2,
    "a" * 306: 2,
    "a" * 307: 3,
    "€" * 80: 1,
    "€" * 81: 2,
    "a" * 152 + "€" + "a" * 152: 3,
    "ы" * 70: 1,
    "ы" * 71: 2,
    "ы" * 135: 3,
    "🐈" * 35: 1,
    "🐈" * 36: 2,
    "ы" * 66 + "🐈" + "ы" * 66: 3,
}


@pytest.mark.parametrize(("text", "parts"), TEXTS.items())
def test_parts_are_counted_as_they_are_billed(text, parts):
    """Who reads `count_total` to check a bill must find the carriers' arithmetic."""
    assert count_segments(text) == parts


@pytest.mark.parametrize("text", TEXTS)
def test_the_gateway_takes_as_many_slots_as_the_provider_counts_parts(text):
    """Two readings of one standard: where they differ, one of them paces or bills wrongly."""
    assert segments(text) == count_segments(text)


def test_unicode_may_be_asked_for():
    """`encoding_type` decides before the text does (contract 1.5)."""
    assert count_segments("a" * 71, "unicode") == 2
