"""What customers are told: one event for each move of a message."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from wirephoto.domain.message import Attempt, Message, MessageState


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a message's timeline and of the customer's feed."""

    id: str
    tenant_id: str
    message_id: str
    type: str
    data: Mapping[str, str | int]
    at: datetime


EVENT_TYPES = tuple(
    f"message.{state}" for state in MessageState if state is not MessageState.CLAIMED
)
"""Every type there is. A claim is a lease between processes: customers do not hear of it."""


def message_event(event_id: str, message: Message, attempt: Attempt | None = None) -> Event:
    """Return the event that tells of the message's last move, and of the attempt behind it."""
    facts = {
        "reason": message.reason,
        "detail": message.detail,
        "attempt": attempt.number if attempt else None,
        "channel": attempt.channel if attempt else None,
        "attempt_state": attempt.state if attempt else None,
        "provider_message_id": attempt.provider_message_id if attempt else None,
        "provider_code": attempt.provider_code if attempt else None,
    }
    return Event(
        id=event_id,
        tenant_id=message.tenant_id,
        message_id=message.id,
        type=f"message.{message.state}",
        data={name: value for name, value in facts.items() if value is not None},
        at=message.updated_at,
    )
