"""API keys: only their hashes are stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, func, insert, or_, select, update

from wirephoto.domain.api_key import SAFE_CATEGORIES
from wirephoto.storage.database import Transaction, is_storable
from wirephoto.storage.schema import api_keys
from wirephoto.storage.tenancy import across_tenants
from wirephoto.storage.types import Instant

USE_EVERY = timedelta(minutes=1)
"""How exact a key's last use is: it is written at most once in this time."""
_LISTS = ("scopes", "senders", "categories")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as stored: `hint` is the part of it that may be shown.

    `senders` are numbers and pools, none for all of the tenant's. `family` is the first of the
    keys that succeed each other, None where it is that one itself.
    """

    id: str
    tenant_id: str
    name: str
    mode: str
    scopes: tuple[str, ...]
    hint: str
    key_hash: str
    created_at: datetime
    revoked_at: datetime | None = None
    senders: tuple[str, ...] = ()
    categories: tuple[str, ...] = tuple(sorted(SAFE_CATEGORIES))
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    family: str | None = None

    def lives_at(self, now: datetime) -> bool:
        """Tell whether the key opens anything at `now`."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


@dataclass(frozen=True, slots=True)
class KeyUse:
    """When a key was last used."""

    tenant_id: str
    key_id: str
    at: datetime


async def insert_key(tx: Transaction, key: ApiKey) -> None:
    """Store a new key; the row carries its tenant."""
    values = {name: getattr(key, name) for name in ApiKey.__slots__}
    lists = {name: list(values[name]) for name in _LISTS}
    await tx.execute(insert(api_keys).values(values | lists))


@across_tenants("who the caller is, and of which tenant, is what the look-up finds out")
async def find_key(tx: Transaction, key_hash: str, now: datetime) -> ApiKey | None:
    """Return the live key with this hash."""
    query = select(api_keys).where(api_keys.c.key_hash == key_hash, _lives(now))
    row = (await tx.execute(query)).one_or_none()
    return _read(row) if row else None


@across_tenants("whether a gateway can be used at all")
async def any_key(tx: Transaction, now: datetime) -> bool:
    """Tell whether there is a live key."""
    query = select(api_keys.c.id).where(_lives(now)).limit(1)
    return (await tx.execute(query)).one_or_none() is not None


async def get_key(tx: Transaction, tenant_id: str, key_id: str) -> ApiKey | None:
    """Return a tenant's key, dead or alive."""
    if not is_storable(key_id):
        return None
    query = select(api_keys).where(api_keys.c.tenant_id == tenant_id, api_keys.c.id == key_id)
    row = (await tx.execute(query)).one_or_none()
    return _read(row) if row else None


async def list_keys(
    tx: Transaction, tenant_id: str, *, before_id: str | None = None, limit: int | None = None
) -> list[ApiKey]:
    """Return a tenant's keys, the newest first, the dead ones among them."""
    query = select(api_keys).where(api_keys.c.tenant_id == tenant_id)
    if before_id:
        query = query.where(api_keys.c.id < before_id)
    rows = await tx.execute(query.order_by(api_keys.c.id.desc()).limit(limit))
    return [_read(row) for row in rows]


async def lock_family(tx: Transaction, tenant_id: str, key_id: str) -> list[ApiKey]:
    """Return a key and those of its family, by id; nobody else rotates it until the commit.

    The family's first key stands for all of it: a lock on each would not keep out a key that
    another rotation is about to add.
    """
    key = await get_key(tx, tenant_id, key_id)
    if key is None:
        return []
    first = key.family or key.id
    mine = (api_keys.c.tenant_id == tenant_id,)
    await tx.execute(select(api_keys.c.id).where(*mine, api_keys.c.id == first).with_for_update())
    family = select(api_keys).where(*mine, func.coalesce(api_keys.c.family, api_keys.c.id) == first)
    return [_read(row) for row in await tx.execute(family.order_by(api_keys.c.id))]


async def end_key(tx: Transaction, tenant_id: str, key_id: str, at: datetime) -> bool:
    """Have a tenant's key expire at `at`; tell whether it would not before that anyway."""
    ended = await tx.execute(
        update(api_keys)
        .where(
            api_keys.c.tenant_id == tenant_id,
            api_keys.c.id == key_id,
            or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > at),
        )
        .values(expires_at=at)
    )
    return ended.rowcount > 0


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


async def record_uses(tx: Transaction, uses: Sequence[KeyUse]) -> None:
    """Store when keys were last used; each row carries its tenant.

    What another process wrote within `USE_EVERY` stays.
    """
    at = bindparam("used_at", type_=Instant)
    due_at = bindparam("due_at", type_=Instant)
    statement = (
        update(api_keys)
        .where(
            api_keys.c.tenant_id == bindparam("of_tenant"),
            api_keys.c.id == bindparam("of_key"),
            or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at <= due_at),
        )
        .values(last_used_at=at)
    )
    # In one order, so that two processes wait for each other, never both.
    for use in sorted(uses, key=lambda use: use.key_id):
        values = {"of_tenant": use.tenant_id, "of_key": use.key_id}
        times = {"used_at": use.at, "due_at": use.at - USE_EVERY}
        await tx.execute(statement, values | times)


def _lives(now: datetime) -> ColumnElement[bool]:
    return api_keys.c.revoked_at.is_(None) & or_(
        api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now
    )


def _read(row: Row[Any]) -> ApiKey:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented accessor
    return ApiKey(**values | {name: tuple(values[name]) for name in _LISTS})
