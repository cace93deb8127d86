"""Leases on work that must be done once at a time, over all processes."""

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite

from wirephoto.storage.database import Transaction
from wirephoto.storage.schema_media import work_leases


async def take_lease(
    tx: Transaction, tenant_id: str, key: str, *, holder: str, now: datetime, until: datetime
) -> bool:
    """Take the lease on `key` if it is free or has run out; tell whether it is the holder's now.

    A key belongs to one tenant: it names things of theirs.
    """
    dialect = postgresql if tx.database.is_postgres else sqlite
    fresh = dialect.insert(work_leases).values(
        key=key, tenant_id=tenant_id, holder=holder, until=until
    )
    taken = await tx.execute(
        fresh.on_conflict_do_update(
            index_elements=[work_leases.c.key],
            set_={"holder": fresh.excluded.holder, "until": fresh.excluded.until},
            where=(work_leases.c.until <= now) & (work_leases.c.tenant_id == tenant_id),
        ).returning(work_leases.c.holder)
    )
    return taken.scalar_one_or_none() == holder


async def drop_lease(tx: Transaction, tenant_id: str, key: str, *, holder: str) -> bool:
    """Give up the lease on `key`; tell whether it was still the holder's."""
    dropped = await tx.execute(
        delete(work_leases).where(
            work_leases.c.tenant_id == tenant_id,
            work_leases.c.key == key,
            work_leases.c.holder == holder,
        )
    )
    return dropped.rowcount == 1
