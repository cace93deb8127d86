"""How a message travels: with attachments as MMS, as a text alone as SMS; what each may carry."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

from wirephoto.domain.gsm7 import segments
from wirephoto.domain.media import Media


class Channel(StrEnum):
    """What the provider is asked to send."""

    MMS = "mms"
    SMS = "sms"


TEXT_CHARS_MAX: Mapping[Channel, int] = MappingProxyType({Channel.MMS: 3000, Channel.SMS: 3200})
"""The longest caption (contract 1.4) and the longest text (1.5) that the provider takes."""


def channel_of(media: Sequence[Media]) -> Channel:
    """Return how a message with these attachments travels: without any it is a text."""
    return Channel.MMS if media else Channel.SMS


def slots_taken(channel: Channel, text: str | None) -> int:
    """Return how many slots of its campaign, and of its brand's day, a message takes.

    Carriers meter pictures by the message and texts by the segment, and T-Mobile's daily cap counts
    both together (contract 4.2).
    """
    return segments(text or "") if channel is Channel.SMS else 1
