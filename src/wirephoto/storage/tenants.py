"""Tenants: whose keys, messages and people are kept apart from everybody else's."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select

from wirephoto.storage.database import Transaction, is_storable
from wirephoto.storage.schema import tenants
from wirephoto.storage.tenancy import across_tenants


@dataclass(frozen=True, slots=True)
class Tenant:
    """One customer of the gateway."""

    id: str
    name: str
    created_at: datetime


@across_tenants("a tenant is not its own row's tenant")
async def insert_tenant(tx: Transaction, tenant: Tenant) -> None:
    """Store a new tenant."""
    values = {"id": tenant.id, "name": tenant.name, "created_at": tenant.created_at}
    await tx.execute(insert(tenants).values(values))


@across_tenants("only the operator lists them, at the command line")
async def list_tenants(tx: Transaction) -> list[Tenant]:
    """Return every tenant, the oldest first."""
    rows = await tx.execute(select(tenants).order_by(tenants.c.created_at, tenants.c.id))
    return [Tenant(**row._mapping) for row in rows]  # noqa: SLF001 - documented


@across_tenants("whether there is such a tenant is what the look-up finds out")
async def find_tenant(tx: Transaction, id_: str) -> Tenant | None:
    """Return a tenant."""
    if not is_storable(id_):
        return None
    row = (await tx.execute(select(tenants).where(tenants.c.id == id_))).one_or_none()
    return Tenant(**row._mapping) if row else None  # noqa: SLF001 - documented
