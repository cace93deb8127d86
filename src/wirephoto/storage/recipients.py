"""What is known of those who are written to, by brand."""

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from sqlalchemy import case, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from wirephoto.storage.database import Transaction
from wirephoto.storage.schema_recipients import contacts
from wirephoto.storage.senders import Sender
from wirephoto.storage.tenancy import across_tenants


@across_tenants("a brand belongs to one tenant")
async def get_answered_at(tx: Transaction, brand_id: str, recipient: str) -> Mapping[str, datetime]:
    """Return when each kind of a recipient's replies was last answered; locks what it reads."""
    row = (
        await tx.execute(
            select(contacts.c.answered_at)
            .where(contacts.c.brand_id == brand_id, contacts.c.recipient == recipient)
            .with_for_update(key_share=True)
        )
    ).one_or_none()
    stored = (row.answered_at if row else None) or {}
    return {kind: datetime.fromisoformat(at) for kind, at in stored.items()}


async def store_answered_at(
    tx: Transaction, sender: Sender, recipient: str, answered_at: Mapping[str, datetime]
) -> None:
    """Store when kinds of a recipient's replies to a sender were answered, beside the others."""
    before = await get_answered_at(tx, sender.brand_id, recipient)
    latest = {kind: at.isoformat() for kind, at in (dict(before) | dict(answered_at)).items()}
    insert_into = postgresql.insert if tx.database.is_postgres else sqlite.insert
    fresh = cast(postgresql.Insert, insert_into(contacts)).values(
        brand_id=sender.brand_id,
        recipient=recipient,
        tenant_id=sender.tenant_id,
        answered_at=latest,
    )
    await tx.execute(
        fresh.on_conflict_do_update(
            index_elements=[contacts.c.brand_id, contacts.c.recipient],
            set_={"answered_at": fresh.excluded.answered_at},
        )
    )


async def store_heard(tx: Transaction, sender: Sender, recipient: str, at: datetime) -> None:
    """Store that a recipient wrote to a sender: when first, and when last."""
    insert_into = postgresql.insert if tx.database.is_postgres else sqlite.insert
    fresh = cast(postgresql.Insert, insert_into(contacts)).values(
        brand_id=sender.brand_id,
        recipient=recipient,
        tenant_id=sender.tenant_id,
        first_in_at=at,
        last_in_at=at,
    )
    first, last = contacts.c.first_in_at, contacts.c.last_in_at
    now = fresh.excluded.last_in_at
    # Processes apply what phones say side by side, so that the later may come first.
    await tx.execute(
        fresh.on_conflict_do_update(
            index_elements=[contacts.c.brand_id, contacts.c.recipient],
            set_={
                "first_in_at": case((or_(first.is_(None), first > now), now), else_=first),
                "last_in_at": case((or_(last.is_(None), last < now), now), else_=last),
            },
        )
    )
