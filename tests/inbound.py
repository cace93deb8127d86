"""Messages from phones as they are stored, with attachments that wait to be fetched."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from tests.factories import NOW, RECIPIENT, SENDER
from wirephoto.domain.inbound_file import ADDRESS_LIFE, InboundFile
from wirephoto.domain.outcome import InboundMedia
from wirephoto.storage.database import Database
from wirephoto.storage.inbound_files import insert_inbound_files
from wirephoto.storage.schema import DEFAULT_TENANT
from wirephoto.storage.schema_recipients import inbound_files
from wirephoto.storage.webhooks import InboundMessage, insert_inbound

LEASE = timedelta(minutes=2)


def make_inbound_message(
    number: int = 1, *urls: str, at: datetime = NOW, **changes: Any
) -> InboundMessage:
    """Return a message from the usual phone to the usual sender, with pictures at `urls`."""
    fields: dict[str, Any] = {
        "id": f"inb_{number:026}",
        "tenant_id": DEFAULT_TENANT,
        "provider_message_id": f"in-{number}",
        "sender": RECIPIENT,
        "recipient": SENDER,
        "channel": "mms",
        "text": "A cat",
        "media": tuple(InboundMedia("image", url, "cat.jpg") for url in urls),
        "network_code": None,
        "sent_at": at,
        "received_at": at,
    }
    return InboundMessage(**fields | changes)


async def store_inbound(database: Database, *messages: InboundMessage) -> None:
    """Store messages, and that their attachments are to be fetched at once."""
    async with database.transaction() as tx:
        for message in messages:
            assert await insert_inbound(tx, message)
            await insert_inbound_files(
                tx,
                [
                    InboundFile(
                        message.id,
                        position,
                        message.tenant_id,
                        dies_at=message.received_at + ADDRESS_LIFE,
                        due_at=message.received_at,
                    )
                    for position in range(len(message.media))
                ],
            )


async def file_rows(database: Database) -> list[Any]:
    """Return the rows of all attachments, in order."""
    query = select(inbound_files).order_by(inbound_files.c.inbound_id, inbound_files.c.position)
    async with database.read() as tx:
        return list((await tx.execute(query)).all())
