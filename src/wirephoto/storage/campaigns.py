"""Campaigns and senders as their owner sees them, and what of them may be changed by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select, update

from wirephoto.domain.daily_cap import cap_day
from wirephoto.domain.message import MessageState
from wirephoto.domain.pacing import Pace
from wirephoto.storage.database import Transaction, is_storable
from wirephoto.storage.schema import brands, campaigns, messages, senders
from wirephoto.storage.schema_senders import brand_days
from wirephoto.storage.senders import Line, read_line
from wirephoto.storage.tenancy import across_tenants
from wirephoto.storage.types import is_state


@dataclass(frozen=True, slots=True)
class CampaignBrand:
    """A campaign's brand, and how much of its day is used."""

    id: str
    name: str
    provider_id: str | None
    daily_cap: int | None
    sent_today: int


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign: its line, its registration, its senders, and how many messages wait for it."""

    line: Line
    name: str
    provider_id: str | None
    att_class: str | None
    brand: CampaignBrand
    senders: tuple[str, ...]
    queued: int


@dataclass(frozen=True, slots=True)
class OwnSender:
    """A sender: whose it is, and whether it sends."""

    number: str
    tenant_id: str
    campaign_id: str
    kind: str
    created_at: datetime
    paused_at: datetime | None
    pause_reason: str | None
    campaign_stopped: bool


async def list_campaigns(
    tx: Transaction, tenant_id: str, *, after_id: str | None, limit: int, now: datetime
) -> list[Campaign]:
    """Return up to `limit` of a tenant's campaigns by id, those behind `after_id`."""
    query = _campaigns(now).where(campaigns.c.tenant_id == tenant_id)
    if after_id is not None:
        query = query.where(campaigns.c.id > after_id)
    rows = await tx.execute(query.order_by(campaigns.c.id).limit(limit))
    return await _completed(tx, rows.all())


async def get_campaign(
    tx: Transaction, tenant_id: str, campaign_id: str, *, now: datetime
) -> Campaign | None:
    """Return one campaign of a tenant."""
    if not is_storable(campaign_id):
        return None
    rows = await tx.execute(
        _campaigns(now).where(campaigns.c.tenant_id == tenant_id, campaigns.c.id == campaign_id)
    )
    return next(iter(await _completed(tx, rows.all())), None)


async def lock_campaign(tx: Transaction, tenant_id: str, campaign_id: str) -> Line | None:
    """Return the line of a tenant's campaign, locked as a claim locks it."""
    if not is_storable(campaign_id):
        return None
    query = select(campaigns).where(
        campaigns.c.tenant_id == tenant_id, campaigns.c.id == campaign_id
    )
    row = (await tx.execute(query.with_for_update(key_share=True))).one_or_none()
    return read_line(row) if row else None


@across_tenants("the caller holds the lock of this row")
async def set_pace(tx: Transaction, campaign_id: str, pace: Pace) -> None:
    """Store another rate of a campaign, and when its next slot is."""
    await tx.execute(
        update(campaigns)
        .where(campaigns.c.id == campaign_id)
        .values(rate=pace.rate, next_slot_at=pace.next_slot_at)
    )


async def list_senders(
    tx: Transaction, tenant_id: str, *, after: str | None, limit: int
) -> list[OwnSender]:
    """Return up to `limit` of a tenant's senders by number, those behind `after`."""
    query = _SENDERS.where(senders.c.tenant_id == tenant_id)
    if after is not None:
        query = query.where(senders.c.number > after)
    found = await tx.execute(query.order_by(senders.c.number).limit(limit))
    return [_sender(row) for row in found]


async def get_sender(tx: Transaction, tenant_id: str, number: str) -> OwnSender | None:
    """Return one sender of a tenant."""
    if not is_storable(number):
        return None
    query = _SENDERS.where(senders.c.tenant_id == tenant_id, senders.c.number == number)
    row = (await tx.execute(query)).one_or_none()
    return _sender(row) if row else None


async def lock_sender(tx: Transaction, tenant_id: str, number: str) -> bool:
    """Keep others from changing a tenant's sender; tell whether there is one."""
    if not is_storable(number):
        return False
    query = select(senders.c.number).where(
        senders.c.tenant_id == tenant_id, senders.c.number == number
    )
    return (await tx.execute(query.with_for_update(key_share=True))).one_or_none() is not None


@across_tenants("the caller holds the lock of this row")
async def set_sender_pause(
    tx: Transaction, number: str, *, paused_at: datetime | None, reason: str | None
) -> None:
    """Store since when and why a sender is paused, or that it is not."""
    await tx.execute(
        update(senders)
        .where(senders.c.number == number)
        .values(paused_at=paused_at, pause_reason=reason)
    )


_SENDERS = select(senders, campaigns.c.stopped_at).join(
    campaigns, campaigns.c.id == senders.c.campaign_id
)


def _sender(row: Row[Any]) -> OwnSender:
    return OwnSender(
        number=row.number,
        tenant_id=row.tenant_id,
        campaign_id=row.campaign_id,
        kind=row.kind,
        created_at=row.created_at,
        paused_at=row.paused_at,
        pause_reason=row.pause_reason,
        campaign_stopped=row.stopped_at is not None,
    )


def _campaigns(now: datetime) -> Select[Any]:
    today = (brand_days.c.brand_id == brands.c.id) & (brand_days.c.day == cap_day(now))
    return (
        select(
            campaigns,
            brands.c.name.label("brand_name"),
            brands.c.provider_id.label("brand_provider_id"),
            brands.c.daily_cap,
            brand_days.c.sent,
        )
        .join(brands, brands.c.id == campaigns.c.brand_id)
        .outerjoin(brand_days, today)
    )


@across_tenants("the caller chose the campaigns; their senders and queues go with them")
async def _completed(tx: Transaction, rows: Sequence[Row[Any]]) -> list[Campaign]:
    """Return the campaigns of rows with their senders, and with what waits: that is counted."""
    ids = [row.id for row in rows]
    members: dict[str, list[str]] = {id_: [] for id_ in ids}
    of_campaigns = select(senders.c.campaign_id, senders.c.number).where(
        senders.c.campaign_id.in_(ids)
    )
    for found in await tx.execute(of_campaigns.order_by(senders.c.number)):
        members[found.campaign_id].append(found.number)
    waiting = (
        select(messages.c.campaign_id, func.count().label("queued"))
        .where(messages.c.campaign_id.in_(ids), is_state(messages.c.state, MessageState.QUEUED))
        .group_by(messages.c.campaign_id)
    )
    queued = {found.campaign_id: found.queued for found in await tx.execute(waiting)}
    return [_campaign(row, tuple(members[row.id]), queued.get(row.id, 0)) for row in rows]


def _campaign(row: Row[Any], members: tuple[str, ...], queued: int) -> Campaign:
    return Campaign(
        line=read_line(row),
        name=row.name,
        provider_id=row.provider_id,
        att_class=row.att_class,
        brand=CampaignBrand(
            id=row.brand_id,
            name=row.brand_name,
            provider_id=row.brand_provider_id,
            daily_cap=row.daily_cap,
            sent_today=row.sent or 0,
        ),
        senders=members,
        queued=queued,
    )
