"""What customers are told: one event for each move of a message, and for each one from a phone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wirephoto.domain.message import Attempt, Message, MessageState


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a message's timeline and of the customer's feed.

    One that is about no message of ours has no `message_id`.
    """

    id: str
    tenant_id: str
    message_id: str | None
    type: str
    data: Mapping[str, str | int]
    at: datetime

    @property
    def moved_id(self) -> str:
        """The id of the message that moved, of an event that tells of such a move."""
        assert self.message_id is not None, self.type
        return self.message_id


INBOUND_RECEIVED = "inbound.received"
EVENT_TYPES = (
    *[f"message.{state}" for state in MessageState if state is not MessageState.CLAIMED],
    INBOUND_RECEIVED,
)
"""Every type there is. A claim is a lease between processes: customers do not hear of it."""


TEST_EVENT = "endpoint.test"
"""The type of what is sent to one endpoint to see whether it answers; it is in no feed."""


def told(event: Event) -> dict[str, Any]:
    """Return what customers are told of an event, in the feed and at their endpoints alike."""
    return {
        "id": event.id,
        "type": event.type,
        "at": event.at,
        "message_id": event.message_id,
        "data": event.data,
    }


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


def inbound_event(
    event_id: str, *, tenant_id: str, inbound_id: str, reply: str | None, at: datetime
) -> Event:
    """Return the event that tells of a message from a phone.

    Who wrote what stands in the message alone, where it can be erased.
    """
    data = {"inbound_id": inbound_id} | ({"reply": reply} if reply else {})
    return Event(event_id, tenant_id, None, INBOUND_RECEIVED, data, at)
