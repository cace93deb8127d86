"""A picture that a phone cannot take goes on as a text, with a link to it where we host it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from wirephoto.domain.channel import TEXT_CHARS_MAX, Channel, slots_taken
from wirephoto.domain.media import Media, extension
from wirephoto.domain.message import Message, MessageState

LINK_KEPT = timedelta(days=30)
"""How long a link in a text works: people open it when they find the time."""
TOO_LARGE = frozenset({"too_large", "animation_too_large", "too_many_pixels"})
"""Why our own pipeline refuses a picture for its size."""
GOES_ON = "It goes on as a text message."
_AFTER_AN_ADDRESS = ".,;:!?)]>'\""
"""What ends a sentence, and no address."""
_NAME_CHARS = 26
"""Characters of a hosted file's name before its extension; none of them counts twice."""


def may_fall_back(message: Message, now: datetime) -> bool:
    """Tell whether a picture that was refused goes on as a text, which the customer has given.

    Not where another attempt may have reached the phone, nor when the message is too old.
    """
    wanted = message.channel is Channel.MMS and message.fallback_text is not None
    return wanted and not message.duplicate_possible and message.expires_at > now


def fall_back(
    message: Message,
    now: datetime,
    *,
    reason: str | None,
    detail: str | None,
    media_url: str = "",
    **changes: Any,
) -> Message:
    """Return a message whose picture was refused, queued as a text.

    Hosted files are found at `media_url` and their name; without it, nobody can fetch them.
    """
    assert may_fall_back(message, now), "not to be sent as a text"
    text = replace(message, channel=Channel.SMS)
    return message.move_to(
        MessageState.QUEUED,
        now,
        channel=Channel.SMS,
        weight=slots_taken(Channel.SMS, text_of(text, media_url, _stand_ins(text))),
        reason=reason,
        detail=f"{detail} {GOES_ON}" if detail else GOES_ON,
        **changes,
    )


def text_of(message: Message, media_url: str, names: Iterable[str]) -> str | None:
    """Return what the next attempt of a message says.

    A picture that goes on as a text has links to its files, by their `names` at `media_url`, each
    on a line of its own, as far as there is room for them.
    """
    if not (message.channel is Channel.SMS and message.media):
        return message.text
    text = message.fallback_text or ""
    links = [f"{media_url}{name}" for name in names] if media_url else []
    for link in links:
        if len(text) + 1 + len(link) <= TEXT_CHARS_MAX[Channel.SMS]:
            text = f"{text}\n{link}"
    return text


def is_hosted(message: Message, media: Media) -> bool:
    """Tell whether the next attempt of a message speaks of our copy of an attachment.

    A text that has the customer's own address of the picture needs no second link to it.
    """
    if message.channel is Channel.MMS:
        return media.prepared is not None
    words = (message.fallback_text or "").split()
    has_own = media.url in {*words, *[word.rstrip(_AFTER_AN_ADDRESS) for word in words]}
    return media.prepared is not None and not has_own


def _stand_ins(message: Message) -> list[str]:
    """Return names as long as those that the files will have, which are chosen only later."""
    return [
        "0" * _NAME_CHARS + extension(media.prepared.fitting.sent.media_type)
        for media in message.media
        if media.prepared and is_hosted(message, media)
    ]
