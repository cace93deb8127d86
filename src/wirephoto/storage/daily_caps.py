"""What of brands' daily caps is used up, and on which network phones were last seen."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Executable,
    Integer,
    Row,
    Select,
    Table,
    Text,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from wirephoto.domain.daily_cap import DailyCap
from wirephoto.domain.message import Message
from wirephoto.storage.database import Database, Transaction, rows_json
from wirephoto.storage.schema import brands, campaigns, messages
from wirephoto.storage.schema_recipients import contacts
from wirephoto.storage.schema_senders import brand_days
from wirephoto.storage.tenancy import across_tenants
from wirephoto.storage.types import Instant

CAP_COLUMNS = (brands.c.daily_cap, brand_days.c.sent, brand_days.c.spent_at)
"""What `read_cap` reads beside a campaign's own columns."""


def with_cap(query: Select[Any], day: ColumnElement[str] | str) -> Select[Any]:
    """Return a query of campaigns with what their brands may send on a day, `CAP_COLUMNS`."""
    is_day = (brand_days.c.brand_id == brands.c.id) & (brand_days.c.day == day)
    return query.join(brands, brands.c.id == campaigns.c.brand_id).outerjoin(brand_days, is_day)


def read_cap(row: Row[Any]) -> DailyCap:
    """Return the cap of a campaign's brand on the day that was asked about."""
    return DailyCap(row.brand_id, row.daily_cap, row.sent or 0, row.spent_at is not None)


@across_tenants("the caller holds the campaigns, which serve several tenants")
async def networks_of(tx: Transaction, message_ids: Iterable[str]) -> Mapping[str, str | None]:
    """Return on which network each message's recipient was last seen, None where nobody knows."""
    rows = rows_json([[id_] for id_ in message_ids])
    return {row.id: row.network_code for row in await tx.execute(_networks, {"rows": rows})}


def _networks(database: Database) -> Executable:
    asked = database.json_rows({"id": Text()})
    is_contact = (contacts.c.brand_id == campaigns.c.brand_id) & (
        contacts.c.recipient == messages.c.recipient
    )
    return (
        select(messages.c.id, contacts.c.network_code)
        .select_from(asked)
        .join(messages, messages.c.id == asked.c.id)
        .join(campaigns, campaigns.c.id == messages.c.campaign_id)
        .outerjoin(contacts, is_contact)
    )


@across_tenants("a brand's cap is one for all who send under it")
async def count_sent(tx: Transaction, sent: Mapping[str, int], day: str) -> None:
    """Add what leaves on a day to what counts against the brands' caps, by brand."""
    rows = [[brand_id, count] for brand_id, count in sorted(sent.items()) if count]
    if rows:
        await tx.execute(_count_sent, {"rows": rows_json(rows), "today": day})


def _count_sent(database: Database) -> Executable:
    incoming = database.json_rows({"brand_id": Text(), "sent": Integer()})
    fresh = _insert(database, brand_days).from_select(
        ["brand_id", "day", "tenant_id", "sent"],
        select(brands.c.id, bindparam("today", type_=Text), brands.c.tenant_id, incoming.c.sent)
        .select_from(incoming)
        .join(brands, brands.c.id == incoming.c.brand_id)
        .where(incoming.c.sent > 0),
    )
    return fresh.on_conflict_do_update(
        index_elements=[brand_days.c.brand_id, brand_days.c.day],
        set_={"sent": brand_days.c.sent + fresh.excluded.sent},
    )


@across_tenants("a brand's cap is one for all who send under it")
async def mark_spent(
    tx: Transaction, campaign_ids: Iterable[str], *, day: str, now: datetime
) -> None:
    """Note that the carrier takes no more of these campaigns' brands on a day."""
    rows = rows_json([[id_] for id_ in sorted(campaign_ids)])
    await tx.execute(_mark_spent, {"rows": rows, "today": day, "now": now})


def _mark_spent(database: Database) -> Executable:
    named = database.json_rows({"id": Text()})
    of_named = select(campaigns.c.brand_id).join(named, named.c.id == campaigns.c.id)
    fresh = _insert(database, brand_days).from_select(
        ["brand_id", "day", "tenant_id", "spent_at"],
        select(
            brands.c.id,
            bindparam("today", type_=Text),
            brands.c.tenant_id,
            bindparam("now", type_=Instant),
        )
        .where(brands.c.id.in_(of_named))
        .order_by(brands.c.id),
    )
    return fresh.on_conflict_do_update(
        index_elements=[brand_days.c.brand_id, brand_days.c.day],
        set_={"spent_at": func.coalesce(brand_days.c.spent_at, fresh.excluded.spent_at)},
    )


@across_tenants("receipts come for all tenants; each contact has that of its brand")
async def learn_networks(tx: Transaction, seen: Iterable[tuple[Message, str]]) -> None:
    """Store the code of the network on which each message's recipient was seen.

    Of several reports on a phone the last one counts.
    """
    latest = {
        (message.campaign_id, message.recipient, message.tenant_id): code for message, code in seen
    }
    if latest:
        rows = [[*key, code] for key, code in sorted(latest.items())]
        await tx.execute(_learn_networks, {"rows": rows_json(rows)})


def _learn_networks(database: Database) -> Executable:
    seen = database.json_rows(
        {"campaign_id": Text(), "recipient": Text(), "tenant_id": Text(), "code": Text()}
    )
    # Campaigns of one brand may tell of the same phone; an upsert meets each row once.
    latest = (
        select(
            campaigns.c.brand_id,
            seen.c.recipient,
            func.max(seen.c.tenant_id).label("tenant_id"),
            func.max(seen.c.code).label("code"),
        )
        .select_from(seen)
        .join(campaigns, campaigns.c.id == seen.c.campaign_id)
        .where(seen.c.code.is_not(None))
        .group_by(campaigns.c.brand_id, seen.c.recipient)
        .order_by(campaigns.c.brand_id, seen.c.recipient)
    )
    fresh = _insert(database, contacts).from_select(
        ["brand_id", "recipient", "tenant_id", "network_code"], latest
    )
    return fresh.on_conflict_do_update(
        index_elements=[contacts.c.brand_id, contacts.c.recipient],
        set_={"network_code": fresh.excluded.network_code},
        where=func.coalesce(contacts.c.network_code, "") != fresh.excluded.network_code,
    )


def _insert(database: Database, table: Table) -> postgresql.Insert:
    # Both kinds of statement have the same methods, and no common class that has them.
    insert_into = postgresql.insert if database.is_postgres else sqlite.insert
    return cast(postgresql.Insert, insert_into(table))
