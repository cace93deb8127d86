"""How messages, events and attempts look from outside."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from wirephoto.domain.event import Event
from wirephoto.domain.media import MediaKind
from wirephoto.domain.message import Attempt, AttemptState, Category, Message, MessageState
from wirephoto.storage.webhooks import InboundMessage

PriorityName = Literal["urgent", "normal", "bulk"]
_PRIORITY_NAMES: tuple[PriorityName, ...] = ("urgent", "normal", "bulk")


class MediaView(msgspec.Struct):
    """One attachment."""

    url: str | None
    kind: MediaKind


class MessageView(msgspec.Struct, rename={"sender": "from", "recipient": "to"}):
    """A message: what was asked, and where it is."""

    id: str
    state: MessageState
    recipient: str
    sender: str
    text: str | None
    media: list[MediaView]
    category: Category
    priority: PriorityName
    reference: str | None
    metadata: Mapping[str, str]
    hold_reason: str | None
    reason: str | None
    detail: str | None
    attempts: int
    resends: int
    message_uuid: str | None
    duplicate_possible: bool
    receipt_overdue: bool
    due_at: datetime
    expires_at: datetime
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime | None
    final_at: datetime | None


class MessageList(msgspec.Struct):
    """A page of messages, the newest first; `next_cursor` is null on the last one."""

    messages: list[MessageView]
    next_cursor: str | None


class AttemptView(msgspec.Struct):
    """One try to submit a message."""

    number: int
    state: AttemptState
    client_ref: str
    slot_at: datetime | None
    started_at: datetime
    deadline_at: datetime
    ended_at: datetime | None
    reason: str | None
    detail: str | None
    http_status: int | None
    provider_code: str | None
    message_uuid: str | None
    price: str | None
    currency: str | None
    network_code: str | None
    request: str | None
    answer: str | None
    checks: int


class EventView(msgspec.Struct):
    """One entry of a message's timeline."""

    id: str
    type: str
    at: datetime
    data: Mapping[str, str | int]


class Timeline(msgspec.Struct):
    """What became of a message: its events in order, and every try to submit it."""

    events: list[EventView]
    attempts: list[AttemptView]
    next_cursor: str | None


class FeedEventView(msgspec.Struct):
    """One entry of the feed: an event, and the message that it is about."""

    id: str
    type: str
    at: datetime
    message_id: str
    data: Mapping[str, str | int]


class Feed(msgspec.Struct):
    """What happened to all messages; `cursor` is where the feed goes on, now or later."""

    events: list[FeedEventView]
    cursor: str
    has_more: bool


class InboundMediaView(msgspec.Struct):
    """One attachment that a phone sent; the provider keeps it for 48 hours."""

    kind: str
    url: str
    name: str | None


class InboundView(msgspec.Struct, rename={"sender": "from", "recipient": "to"}):
    """A message from a phone to one of our numbers."""

    id: str
    sender: str | None
    recipient: str
    channel: str
    text: str | None
    media: list[InboundMediaView]
    message_uuid: str
    sent_at: datetime
    received_at: datetime


class InboundList(msgspec.Struct):
    """A page of inbound messages, the newest first."""

    messages: list[InboundView]
    next_cursor: str | None


def message_view(message: Message) -> MessageView:
    """Return how a message looks from outside."""
    return MessageView(
        id=message.id,
        state=message.state,
        recipient=message.recipient,
        sender=message.sender,
        text=message.text,
        media=[MediaView(media.url, media.kind) for media in message.media],
        category=message.category,
        priority=_PRIORITY_NAMES[message.priority],
        reference=message.reference,
        metadata=message.metadata,
        hold_reason=message.hold_reason,
        reason=message.reason,
        detail=message.detail,
        attempts=message.attempts,
        resends=message.resends,
        message_uuid=message.provider_message_id,
        duplicate_possible=message.duplicate_possible,
        receipt_overdue=message.receipt_overdue,
        due_at=message.due_at,
        expires_at=message.expires_at,
        created_at=message.created_at,
        updated_at=message.updated_at,
        submitted_at=message.submitted_at,
        final_at=message.final_at,
    )


def attempt_view(attempt: Attempt) -> AttemptView:
    """Return how an attempt looks from outside."""
    return AttemptView(
        number=attempt.number,
        state=attempt.state,
        client_ref=attempt.client_ref,
        slot_at=attempt.slot_at,
        started_at=attempt.started_at,
        deadline_at=attempt.deadline_at,
        ended_at=attempt.ended_at,
        reason=attempt.reason,
        detail=attempt.detail,
        http_status=attempt.http_status,
        provider_code=attempt.provider_code,
        message_uuid=attempt.provider_message_id,
        price=attempt.price,
        currency=attempt.currency,
        network_code=attempt.network_code,
        request=attempt.request,
        answer=attempt.answer,
        checks=attempt.checks,
    )


def event_view(event: Event) -> EventView:
    """Return how an event looks from outside."""
    return EventView(event.id, event.type, event.at, event.data)


def feed_event_view(event: Event) -> FeedEventView:
    """Return how an event looks in the feed."""
    return FeedEventView(event.id, event.type, event.at, event.message_id, event.data)


def inbound_view(message: InboundMessage) -> InboundView:
    """Return how an inbound message looks from outside."""
    return InboundView(
        id=message.id,
        sender=message.sender,
        recipient=message.recipient,
        channel=message.channel,
        text=message.text,
        media=[InboundMediaView(part.kind, part.url, part.name) for part in message.media],
        message_uuid=message.provider_message_id,
        sent_at=message.sent_at,
        received_at=message.received_at,
    )
