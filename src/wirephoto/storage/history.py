"""Everything that is known of one recipient, in one order."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CompoundSelect, func, select, union_all

from wirephoto.domain.message import Message
from wirephoto.storage.audit import AuditEntry, list_audit
from wirephoto.storage.consents import (
    StoredConsent,
    StoredRevocation,
    list_consents,
    list_revocations,
)
from wirephoto.storage.conversations import list_conversation
from wirephoto.storage.database import Transaction
from wirephoto.storage.opt_outs import StoredOptOut, list_opt_outs
from wirephoto.storage.schema import brands, campaigns, messages
from wirephoto.storage.schema_consents import consents, revocations
from wirephoto.storage.schema_recipients import contacts, opt_outs
from wirephoto.storage.webhooks import InboundMessage

HistoryEntry = (
    Message | InboundMessage | StoredOptOut | StoredConsent | StoredRevocation | AuditEntry
)
_PREFIX_CHARS = 3


@dataclass(frozen=True, slots=True)
class Contact:
    """When a brand and a recipient first and last heard from each other."""

    brand_id: str
    first_in_at: datetime | None = None
    last_in_at: datetime | None = None
    first_out_at: datetime | None = None
    last_out_at: datetime | None = None


def entry_id(entry: HistoryEntry) -> str:
    """Return the id of what an entry is."""
    return entry.consent.id if isinstance(entry, StoredConsent) else entry.id


async def list_history(
    tx: Transaction,
    tenant_id: str,
    recipient: str,
    *,
    hashes: Collection[str],
    before_id: str | None,
    limit: int,
) -> list[HistoryEntry]:
    """Return up to `limit` things known of a recipient, newest first, older than `before_id`.

    `hashes` are the recipient's: what carries one is found after the number was erased. What comes
    after the prefix of an id sorts by time for every kind, so that each is a place in the whole.
    """
    place = before_id[_PREFIX_CHARS:] if before_id else None

    def before(prefix: str) -> str | None:
        return f"{prefix}{place}" if place else None

    said = await list_conversation(
        tx, tenant_id, recipient, sender=None, before_id=before_id, limit=limit
    )
    silenced = await list_opt_outs(
        tx, tenant_id, hashes=hashes, ended=True, before_id=before("opt"), limit=limit
    )
    given = await list_consents(tx, tenant_id, hashes=hashes, before_id=before("con"), limit=limit)
    revoked = await list_revocations(
        tx, tenant_id, hashes=hashes, before_id=before("rev"), limit=limit
    )
    done = await list_audit(
        tx,
        tenant_id,
        objects=_about(tenant_id, recipient, hashes),
        before_id=before("aud"),
        limit=limit,
    )
    entries: list[HistoryEntry] = [*said, *silenced, *given, *revoked, *done]
    entries.sort(key=lambda entry: entry_id(entry)[_PREFIX_CHARS:], reverse=True)
    return entries[:limit]


async def list_contacts(tx: Transaction, tenant_id: str, recipient: str) -> list[Contact]:
    """Return when each brand of a tenant was in touch with a recipient, by its id.

    When it wrote is told by its messages: to note it at each would cost a statement on their way.
    """
    heard = await tx.execute(
        select(contacts.c.brand_id, contacts.c.first_in_at, contacts.c.last_in_at).where(
            contacts.c.brand_id.in_(select(brands.c.id).where(brands.c.tenant_id == tenant_id)),
            contacts.c.recipient == recipient,
            contacts.c.tenant_id == tenant_id,
        )
    )
    wrote = await tx.execute(
        select(
            campaigns.c.brand_id,
            func.min(messages.c.submitted_at).label("first_at"),
            func.max(messages.c.submitted_at).label("last_at"),
        )
        .join(campaigns, campaigns.c.id == messages.c.campaign_id)
        .where(
            messages.c.tenant_id == tenant_id,
            messages.c.recipient == recipient,
            messages.c.submitted_at.is_not(None),
        )
        .group_by(campaigns.c.brand_id)
    )
    ins = {row.brand_id: (row.first_in_at, row.last_in_at) for row in heard}
    outs = {row.brand_id: (row.first_at, row.last_at) for row in wrote}
    never = (None, None)
    return [
        Contact(brand_id, *ins.get(brand_id, never), *outs.get(brand_id, never))
        for brand_id in sorted(ins.keys() | outs.keys())
    ]


def _about(tenant_id: str, recipient: str, hashes: Collection[str]) -> CompoundSelect[Any]:
    """Select the ids of everything that belongs to a recipient."""
    sent = select(messages.c.id).where(
        messages.c.tenant_id == tenant_id, messages.c.recipient == recipient
    )
    hashed = [
        select(table.c.id).where(table.c.tenant_id == tenant_id, table.c.recipient_hash.in_(hashes))
        for table in (opt_outs, consents, revocations)
    ]
    return union_all(sent, *hashed)
