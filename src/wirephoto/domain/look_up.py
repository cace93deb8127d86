"""A question to the provider about one attempt, long after it was made."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from wirephoto.domain.message import Attempt, Message

CLOCKS_APART_MAX = timedelta(minutes=1)
"""How far the provider's clock and ours may be apart; its own is not documented."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """Which attempt is meant, and when the provider may have received its request.

    `since` and `until` bound that time from both sides; neither lies in the future and they are
    less than a day apart, because the provider answers no wider question. Numbers are E.164 with
    `+`; a sender may be a short code.
    """

    client_ref: str
    provider_message_id: str | None
    sender: str
    recipient: str
    since: datetime
    until: datetime


def look_up_of(message: Message, attempt: Attempt, now: datetime) -> LookUp:
    """Return what to ask of an attempt: the narrowest window in which it can have arrived."""
    return LookUp(
        client_ref=attempt.client_ref,
        provider_message_id=attempt.provider_message_id,
        sender=message.sender,
        recipient=message.recipient,
        since=attempt.started_at - CLOCKS_APART_MAX,
        until=min(attempt.deadline_at + CLOCKS_APART_MAX, now),
    )
