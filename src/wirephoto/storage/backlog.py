"""How much waits for each campaign, and how fast it leaves."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case, func, literal, not_, select, type_coerce

from wirephoto.domain.daily_cap import DailyCap, cap_day, next_pacific_midnight
from wirephoto.domain.forecast import Backlog, Waiting
from wirephoto.domain.message import MessageState, Priority
from wirephoto.storage.daily_caps import CAP_COLUMNS, read_cap, with_cap
from wirephoto.storage.database import Transaction
from wirephoto.storage.schema import accounts, campaigns, messages
from wirephoto.storage.tenancy import across_tenants
from wirephoto.storage.turns import is_set_aside
from wirephoto.storage.types import Instant, is_state

MINUTE_MICROS = 60_000_000
"""Messages that fall due within the same minute are counted together."""
GROUPS_MAX = 50_000


@across_tenants("a campaign's queue is one for all its tenants")
async def load_backlog(
    tx: Transaction, campaign_id: str, *, now: datetime, capped: bool
) -> Backlog | None:
    """Return what waits for a campaign: walks through its part of the queue's index.

    `capped` says that every message is to be thought of as one that its brand's cap counts.
    """
    query = select(
        campaigns,
        accounts.c.rate.label("account_rate"),
        accounts.c.stopped_at.label("account_stopped_at"),
        *CAP_COLUMNS,
    ).join(accounts, accounts.c.id == campaigns.c.account_id)
    query = with_cap(query, cap_day(now)).where(campaigns.c.id == campaign_id)
    line = (await tx.execute(query)).one_or_none()
    if line is None:
        return None
    cap = read_cap(line) if capped else DailyCap(line.brand_id)
    next_slot_at = line.next_slot_at
    if cap.spent and cap.cap is None:
        next_slot_at = max(next_slot_at, next_pacific_midnight(now))
    return Backlog(
        at=now,
        rate=min(line.rate, line.account_rate),
        next_slot_at=next_slot_at,
        waiting=await _waiting(tx, campaign_id, now),
        stopped=line.stopped_at is not None or line.account_stopped_at is not None,
        daily_cap=cap.cap,
        sent_today=cap.cap or 0 if cap.spent else cap.sent,
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
