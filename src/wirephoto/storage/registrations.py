"""Brands, campaigns and senders as they follow from what is registered at the provider."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Executable, Row, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from wirephoto.storage.database import Transaction
from wirephoto.storage.schema import accounts, brands, campaigns, senders
from wirephoto.storage.senders import Sender


@dataclass(frozen=True, slots=True)
class StoredBrand:
    """A brand: `provider_id` is its id at the provider, once that is known."""

    id: str
    tenant_id: str
    name: str
    provider_id: str | None
    daily_cap: int | None


@dataclass(frozen=True, slots=True)
class StoredCampaign:
    """A campaign: what its registration decides of it, and no pace or stop."""

    id: str
    tenant_id: str
    account_id: str
    brand_id: str
    name: str
    provider_id: str | None
    rate: float
    att_class: str | None


Stored = TypeVar("Stored", StoredBrand, StoredCampaign, Sender)


@dataclass(frozen=True, slots=True)
class Registrations:
    """A tenant's brands, and its campaigns and senders under one account, each ordered by id."""

    brands: tuple[StoredBrand, ...] = ()
    campaigns: tuple[StoredCampaign, ...] = ()
    senders: tuple[Sender, ...] = ()


async def lock_registrations(tx: Transaction, tenant_id: str, account_id: str) -> Registrations:
    """Return what is stored, and keep others from changing it until the transaction ends.

    Locks are taken as a claim takes them: the account, then campaigns by id.
    """
    account = select(accounts.c.id).where(
        accounts.c.tenant_id == tenant_id, accounts.c.id == account_id
    )
    await tx.execute(account.with_for_update(key_share=True))
    found = (
        select(campaigns.c.id)
        .where(campaigns.c.tenant_id == tenant_id, campaigns.c.account_id == account_id)
        .order_by(campaigns.c.id)
    )
    await tx.execute(found.with_for_update(key_share=True))
    return await load_registrations(tx, tenant_id, account_id)


async def load_registrations(tx: Transaction, tenant_id: str, account_id: str) -> Registrations:
    """Return what is stored."""
    of_brands = select(brands).where(brands.c.tenant_id == tenant_id).order_by(brands.c.id)
    of_campaigns = select(campaigns).where(
        campaigns.c.tenant_id == tenant_id, campaigns.c.account_id == account_id
    )
    of_senders = (
        select(senders, campaigns.c.account_id)
        .join(campaigns)
        .where(senders.c.tenant_id == tenant_id, campaigns.c.account_id == account_id)
    )
    return Registrations(
        brands=tuple(_read(row, StoredBrand) for row in await tx.execute(of_brands)),
        campaigns=tuple(
            _read(row, StoredCampaign)
            for row in await tx.execute(of_campaigns.order_by(campaigns.c.id))
        ),
        # Only what a registration decides: whether one may send just now is not of it.
        senders=tuple(
            Sender(row.number, row.tenant_id, row.campaign_id, row.account_id, row.kind)
            for row in await tx.execute(of_senders.order_by(senders.c.number))
        ),
    )


async def save_brands(tx: Transaction, rows: Sequence[StoredBrand], now: datetime) -> None:
    """Store brands, new ones and changed ones; each row carries its tenant."""
    if rows:
        values = [{**_values(row), "created_at": now} for row in rows]
        statement = _upsert(tx, brands, "id", ("name", "provider_id", "daily_cap"))
        await tx.connection.execute(statement, values)


async def save_campaigns(tx: Transaction, rows: Sequence[StoredCampaign], now: datetime) -> None:
    """Store campaigns, new ones and changed ones; each row carries its tenant.

    The slots of one that is there stay: its next message leaves no earlier for another rate.
    """
    if rows:
        values = [{**_values(row), "next_slot_at": now} for row in rows]
        changing = ("brand_id", "name", "provider_id", "rate", "att_class")
        await tx.connection.execute(_upsert(tx, campaigns, "id", changing), values)


async def save_senders(tx: Transaction, rows: Sequence[Sender], now: datetime) -> None:
    """Store senders, new ones and those of another campaign; each row carries its tenant.

    A number that another tenant has stays that tenant's.
    """
    if rows:
        columns = ("number", "tenant_id", "campaign_id", "kind")
        values = [
            {name: getattr(row, name) for name in columns} | {"created_at": now} for row in rows
        ]
        statement = _upsert(tx, senders, "number", ("campaign_id", "kind"))
        await tx.connection.execute(statement, values)


def _upsert(tx: Transaction, table: Table, key: str, changing: Sequence[str]) -> Executable:
    """Return the statement that inserts a row, or changes the columns `changing` of it."""
    insert_into = postgresql.insert if tx.database.is_postgres else sqlite.insert
    statement = insert_into(table)
    return statement.on_conflict_do_update(
        index_elements=[table.c[key]],
        set_={name: statement.excluded[name] for name in changing},
        where=table.c.tenant_id == statement.excluded.tenant_id,
    )


def _read(row: Row[Any], type_: type[Stored]) -> Stored:
    return type_(**{field.name: getattr(row, field.name) for field in fields(type_)})


def _values(row: StoredBrand | StoredCampaign) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in fields(row)}
