"""API keys: only their hashes are stored."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update

from wirephoto.storage.database import Transaction, is_storable
from wirephoto.storage.schema import api_keys
from wirephoto.storage.tenancy import across_tenants


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as stored: `hint` is the part of it that may be shown."""

    id: str
    tenant_id: str
    name: str
    mode: str
    scopes: tuple[str, ...]
    hint: str
    key_hash: str
    created_at: datetime
    revoked_at: datetime | None = None


async def insert_key(tx: Transaction, key: ApiKey) -> None:
    """Store a new key; the row carries its tenant."""
    values = {name: getattr(key, name) for name in ApiKey.__slots__}
    await tx.execute(insert(api_keys).values(values | {"scopes": list(key.scopes)}))


@across_tenants("who the caller is, and of which tenant, is what the look-up finds out")
async def find_key(tx: Transaction, key_hash: str) -> ApiKey | None:
    """Return the live key with this hash."""
    query = select(api_keys).where(api_keys.c.key_hash == key_hash, api_keys.c.revoked_at.is_(None))
    row = (await tx.execute(query)).one_or_none()
    return ApiKey(**{**row._mapping, "scopes": tuple(row.scopes)}) if row else None  # noqa: SLF001


@across_tenants("whether a gateway can be used at all")
async def any_key(tx: Transaction) -> bool:
    """Tell whether there is a live key."""
    query = select(api_keys.c.id).where(api_keys.c.revoked_at.is_(None)).limit(1)
    return (await tx.execute(query)).one_or_none() is not None


async def list_keys(tx: Transaction, tenant_id: str) -> list[ApiKey]:
    """Return a tenant's keys, the newest first, the revoked ones among them."""
    query = select(api_keys).where(api_keys.c.tenant_id == tenant_id).order_by(api_keys.c.id.desc())
    return [
        ApiKey(**{**row._mapping, "scopes": tuple(row.scopes)})  # noqa: SLF001
        for row in await tx.execute(query)
    ]


async def revoke_key(tx: Transaction, tenant_id: str, key_id: str, now: datetime) -> bool:
    """Revoke a tenant's key; tell whether it was live."""
    if not is_storable(key_id):
        return False
    revoked = await tx.execute(
        update(api_keys)
        .where(
            api_keys.c.tenant_id == tenant_id,
            api_keys.c.id == key_id,
            api_keys.c.revoked_at.is_(None),
        )
        .values(revoked_at=now)
    )
    return revoked.rowcount > 0
