"""Pools of senders, and which sender a recipient has heard from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from wirephoto.storage.database import Transaction, is_storable
from wirephoto.storage.schema_recipients import contacts
from wirephoto.storage.schema_senders import pool_senders, pools
from wirephoto.storage.tenancy import across_tenants


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool: its name is its tenant's own; `senders` are in order."""

    id: str
    tenant_id: str
    name: str
    senders: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class HeardFrom:
    """A recipient hears from this sender of a brand, from now on."""

    brand_id: str
    recipient: str
    tenant_id: str
    sender: str


async def replace_pool(tx: Transaction, pool: Pool) -> Pool:
    """Store a pool, or give the one of its name other senders; return it as it stands.

    Its row carries its tenant.
    """
    tenant_id = pool.tenant_id
    dialect = postgresql if tx.database.is_postgres else sqlite
    fresh = dialect.insert(pools).values(
        id=pool.id, tenant_id=tenant_id, name=pool.name, created_at=pool.created_at
    )
    await tx.execute(fresh.on_conflict_do_nothing())
    row = (
        await tx.execute(
            select(pools).where(pools.c.tenant_id == tenant_id, pools.c.name == pool.name)
        )
    ).one()
    await tx.execute(
        delete(pool_senders).where(
            pool_senders.c.tenant_id == tenant_id, pool_senders.c.pool_id == row.id
        )
    )
    members = [
        {"pool_id": row.id, "number": number, "tenant_id": tenant_id} for number in pool.senders
    ]
    await tx.execute(insert(pool_senders).values(members))
    return Pool(row.id, tenant_id, row.name, pool.senders, row.created_at)


async def delete_pool(tx: Transaction, tenant_id: str, name: str) -> bool:
    """Forget a pool; tell whether there was one. Its senders stay."""
    if not is_storable(name):
        return False
    mine = select(pools.c.id).where(pools.c.tenant_id == tenant_id, pools.c.name == name)
    await tx.execute(
        delete(pool_senders).where(
            pool_senders.c.tenant_id == tenant_id, pool_senders.c.pool_id.in_(mine)
        )
    )
    deleted = await tx.execute(
        delete(pools).where(pools.c.tenant_id == tenant_id, pools.c.name == name)
    )
    return deleted.rowcount == 1


@across_tenants("loaded once for the whole process; each pool carries its tenant")
async def load_pools(tx: Transaction) -> list[Pool]:
    """Return every pool."""
    members: dict[str, list[str]] = {}
    for row in await tx.execute(select(pool_senders).order_by(pool_senders.c.number)):
        members.setdefault(row.pool_id, []).append(row.number)
    return [
        Pool(row.id, row.tenant_id, row.name, tuple(members.get(row.id, ())), row.created_at)
        for row in await tx.execute(select(pools).order_by(pools.c.name))
    ]


async def heard_from(
    tx: Transaction, tenant_id: str, recipients: Sequence[str]
) -> Mapping[str, str]:
    """Return which sender each recipient has heard from, as far as they have."""
    query = select(contacts.c.recipient, contacts.c.last_sender).where(
        contacts.c.tenant_id == tenant_id,
        contacts.c.recipient.in_(recipients),
        contacts.c.last_sender.is_not(None),
    )
    return {row.recipient: row.last_sender for row in await tx.execute(query)}


async def remember_senders(tx: Transaction, rows: Sequence[HeardFrom]) -> None:
    """Store who hears from whom; each row carries its tenant. Of two senders the last counts."""
    if not rows:
        return
    latest = {(row.brand_id, row.recipient): row for row in rows}
    dialect = postgresql if tx.database.is_postgres else sqlite
    fresh = dialect.insert(contacts).values(
        [
            {
                "brand_id": row.brand_id,
                "recipient": row.recipient,
                "tenant_id": row.tenant_id,
                "last_sender": row.sender,
            }
            # In one order, so that two processes wait for each other, never both.
            for _, row in sorted(latest.items())
        ]
    )
    await tx.execute(
        fresh.on_conflict_do_update(
            index_elements=[contacts.c.brand_id, contacts.c.recipient],
            set_={"last_sender": fresh.excluded.last_sender},
        )
    )
