"""What was said to and by one phone, in one order."""

from wirephoto.domain.message import Message
from wirephoto.storage.database import Transaction
from wirephoto.storage.messages import MessageFilter, list_messages
from wirephoto.storage.webhooks import InboundMessage, list_inbound

_PREFIX_CHARS = 3


async def list_conversation(
    tx: Transaction,
    tenant_id: str,
    recipient: str,
    *,
    sender: str | None,
    before_id: str | None,
    limit: int,
) -> list[Message | InboundMessage]:
    """Return up to `limit` messages to and from a phone, newest first, older than `before_id`.

    With `sender` only those that went over this number of ours. What comes after the prefix of
    an id sorts by time for both kinds, so that either one's id is a place in the whole.
    """
    place = before_id[_PREFIX_CHARS:] if before_id else None
    sent = await list_messages(
        tx,
        tenant_id,
        MessageFilter(recipient=recipient, sender=sender),
        before_id=f"msg{place}" if place else None,
        limit=limit,
    )
    said = await list_inbound(
        tx,
        tenant_id,
        sender=recipient,
        recipient=sender,
        before_id=f"inb{place}" if place else None,
        limit=limit,
    )
    entries: list[Message | InboundMessage] = [*sent, *said]
    return sorted(entries, key=lambda entry: entry.id[_PREFIX_CHARS:], reverse=True)[:limit]
