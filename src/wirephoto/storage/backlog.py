"""How much waits for each campaign, and how fast it leaves."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case, func, literal, not_, select, type_coerce

from wirephoto.domain.forecast import Backlog, Waiting
from wirephoto.domain.message import MessageState, Priority
from wirephoto.domain.pacing import cap_day
from wirephoto.storage.database import Transaction
from wirephoto.storage.schema import accounts, brands, campaigns, messages
from wirephoto.storage.schema_senders import brand_days
from wirephoto.storage.tenancy import across_tenants
from wirephoto.storage.turns import is_set_aside
from wirephoto.storage.types import Instant, is_state

MINUTE_MICROS = 60_000_000
"""Messages that fall due within the same minute are counted together."""
GROUPS_MAX = 50_000


@across_tenants("a campaign's queue is one for all its tenants")
async def load_backlog(tx: Transaction, campaign_id: str, *, now: datetime) -> Backlog | None:
    """Return what waits for a campaign: walks through its part of the queue's index."""
    line = (
        await tx.execute(
            select(
                campaigns,
                accounts.c.rate.label("account_rate"),
                accounts.c.stopped_at.label("account_stopped_at"),
                brands.c.daily_cap,
                brand_days.c.sent,
            )
            .join(accounts, accounts.c.id == campaigns.c.account_id)
            .join(brands, brands.c.id == campaigns.c.brand_id)
            .outerjoin(
                brand_days,
                (brand_days.c.brand_id == brands.c.id) & (brand_days.c.day == cap_day(now)),
            )
            .where(campaigns.c.id == campaign_id)
        )
    ).one_or_none()
    if line is None:
        return None
    return Backlog(
        at=now,
        rate=min(line.rate, line.account_rate),
        next_slot_at=line.next_slot_at,
        waiting=await _waiting(tx, campaign_id, now),
        stopped=line.stopped_at is not None or line.account_stopped_at is not None,
        daily_cap=line.daily_cap,
        sent_today=line.sent or 0,
    )


@across_tenants("a campaign's queue is one for all its tenants")
async def _waiting(tx: Transaction, campaign_id: str, now: datetime) -> list[Waiting]:
    due = messages.c.due_at
    # SQLite has no type for instants, and so no function that rounds them.
    rounded: ColumnElement[Any] = (
        func.date_trunc("minute", due)
        if tx.database.is_postgres
        else type_coerce(due, BigInteger) - type_coerce(due, BigInteger) % MINUTE_MICROS
    )
    # What is due already is one group, however long it has been.
    until = case((due <= now, literal(now, Instant)), else_=type_coerce(rounded, Instant))
    waiting = (
        select(messages.c.priority, messages.c.weight, until.label("due"))
        .where(
            messages.c.campaign_id == campaign_id,
            is_state(messages.c.state, MessageState.QUEUED),
            not_(is_set_aside(messages)),
        )
        .subquery()
    )
    rows = await tx.execute(
        select(waiting.c.priority, waiting.c.due, func.sum(waiting.c.weight).label("total"))
        .group_by(waiting.c.priority, waiting.c.due)
        .order_by(waiting.c.due, waiting.c.priority)
        .limit(GROUPS_MAX)
    )
    return [Waiting(Priority(row.priority), row.due, int(row.total)) for row in rows]
