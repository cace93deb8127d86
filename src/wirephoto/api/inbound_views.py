"""How messages from phones, and conversations with them, look from outside."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from wirephoto.api.views import MessageView, message_view
from wirephoto.domain.inbound_file import FileState, InboundFile
from wirephoto.domain.message import Message
from wirephoto.domain.outcome import InboundMedia
from wirephoto.storage.webhooks import InboundMessage


class InboundMediaView(msgspec.Struct):
    """One attachment that a phone sent."""

    kind: str
    url: str
    name: str | None
    state: FileState
    media_type: str | None
    size_bytes: int | None
    reason: str | None
    detail: str | None


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
    reply: str | None
    outcome: str | None
    flagged: bool


class InboundList(msgspec.Struct):
    """A page of inbound messages, the newest first."""

    messages: list[InboundView]
    next_cursor: str | None


class ConversationEntry(msgspec.Struct):
    """One message of a conversation: `message` where it went out, `inbound` where it came in."""

    direction: Literal["out", "in"]
    at: datetime
    message: MessageView | None
    inbound: InboundView | None


class Conversation(msgspec.Struct):
    """A page of what was said to and by one phone, the newest first."""

    recipient: str
    entries: list[ConversationEntry]
    next_cursor: str | None


def inbound_view(message: InboundMessage, files: Sequence[InboundFile]) -> InboundView:
    """Return how an inbound message looks from outside, with what became of its attachments."""
    return InboundView(
        id=message.id,
        sender=message.sender,
        recipient=message.recipient,
        channel=message.channel,
        text=message.text,
        media=[_media_view(*pair) for pair in zip(message.media, files, strict=True)],
        message_uuid=message.provider_message_id,
        sent_at=message.sent_at,
        received_at=message.received_at,
        reply=message.reply,
        outcome=message.outcome,
        flagged=message.flagged,
    )


def conversation_entry(
    entry: Message | InboundMessage, files: Sequence[InboundFile]
) -> ConversationEntry:
    """Return how one message of a conversation looks from outside."""
    if isinstance(entry, Message):
        return ConversationEntry("out", entry.created_at, message_view(entry), None)
    return ConversationEntry("in", entry.received_at, None, inbound_view(entry, files))


def _media_view(media: InboundMedia, file: InboundFile) -> InboundMediaView:
    return InboundMediaView(
        kind=media.kind,
        url=media.url,
        name=media.name,
        state=file.state,
        media_type=file.media_type,
        size_bytes=file.size_bytes,
        reason=file.reason,
        detail=file.detail,
    )
