"""How a message travels, and how many slots of its campaign it takes."""

import pytest

from tests.factories import PICTURE
from wirephoto.domain.channel import Channel, channel_of, slots_taken
from wirephoto.domain.media import Media


def test_a_message_without_attachments_is_a_text():
    """An MMS without a picture costs more and arrives on fewer phones."""
    assert channel_of(()) is Channel.SMS
    assert channel_of((Media(PICTURE),)) is Channel.MMS


@pytest.mark.parametrize(
    ("text", "slots"),
    [("a" * 160, 1), ("a" * 161, 2), ("a" * 3200, 21), ("ы" * 70, 1), ("ы" * 3200, 48)],
)
def test_a_text_takes_a_slot_for_each_segment(text, slots):
    """Carriers count segments: a long text at the rate of a short one is filtered (4.2)."""
    assert slots_taken(Channel.SMS, text) == slots


@pytest.mark.parametrize("text", [None, "", "ы" * 3000])
def test_a_picture_takes_one_slot_whatever_its_caption(text):
    """An MMS is one message, its text a part of it (facts 4.2)."""
    assert slots_taken(Channel.MMS, text) == 1
