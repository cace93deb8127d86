"""How things stand: what waits, how long it has waited, and which lines send; for the metrics.

Each number comes from a partial index of live work, so it costs what is live and never what
history holds. Whoever asks keeps the answer for a while.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, func, literal, or_, select

from wirephoto.domain.message import AttemptState, MessageState
from wirephoto.ids import made_at
from wirephoto.storage.database import Transaction
from wirephoto.storage.schema import accounts, attempts, campaigns, messages, webhooks
from wirephoto.storage.senders import read_line
from wirephoto.storage.tenancy import across_tenants
from wirephoto.storage.types import is_state

LINES_MAX = 500
"""Accounts, and campaigns, that are told of by name: those with the most messages, or stopped."""


@dataclass(frozen=True, slots=True)
class Queue:
    """What is queued for a campaign, and since when its oldest is due (in the future: none is)."""

    campaign_id: str
    messages: int
    due_since: datetime


@dataclass(frozen=True, slots=True)
class Open:
    """Messages in a state that is not the last, and since when the oldest is open."""

    state: MessageState
    messages: int
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class LineStanding:
    """An account or a campaign: the slots per second that it may use now, and whether it sends."""

    kind: str
    id: str
    rate: float
    stopped: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand; `webhook_since` is when the oldest came that could be applied now."""

    queues: Sequence[Queue]
    open: Sequence[Open]
    lines: Sequence[LineStanding]
    webhooks: int
    webhook_since: datetime | None


@across_tenants("metrics are the operator's, and name no tenant")
async def load_standing(tx: Transaction, now: datetime) -> Standing:
    """Return how things stand now, over all processes."""
    waiting = webhooks.c.applied_at.is_(None)
    is_due = or_(webhooks.c.due_at.is_(None), webhooks.c.due_at <= now)
    oldest = select(webhooks.c.received_at).where(waiting, is_due).order_by(webhooks.c.seq).limit(1)
    return Standing(
        queues=await _queues(tx),
        open=await _open(tx),
        lines=await _lines(tx, now),
        webhooks=(await tx.execute(_count(webhooks, waiting))).scalar_one(),
        webhook_since=(await tx.execute(oldest)).scalar_one_or_none(),
    )


@across_tenants("metrics are the operator's, and name no tenant")
async def _queues(tx: Transaction) -> list[Queue]:
    depth = func.count().label("depth")
    query = (
        select(messages.c.campaign_id, depth, func.min(messages.c.due_at).label("due_since"))
        .where(is_state(messages.c.state, MessageState.QUEUED))
        .group_by(messages.c.campaign_id)
        .order_by(depth.desc(), messages.c.campaign_id)
        .limit(LINES_MAX)
    )
    return [Queue(row.campaign_id, row.depth, row.due_since) for row in await tx.execute(query)]


@across_tenants("metrics are the operator's, and name no tenant")
async def _open(tx: Transaction) -> list[Open]:
    """Count the states that have an index of their own; ids sort by the time of acceptance."""
    found = []
    for state in (MessageState.PREPARING, MessageState.UNCONFIRMED):
        is_it = is_state(messages.c.state, state)
        query = _count(messages, is_it).add_columns(func.min(messages.c.id).label("first"))
        row = (await tx.execute(query)).one()
        found.append(Open(state, row.depth, made_at(row.first) if row.first else None))
    submitted = is_state(messages.c.state, MessageState.SUBMITTED)
    awaiting = _count(messages, submitted, messages.c.receipt_overdue.is_(False))
    query = awaiting.add_columns(func.min(messages.c.submitted_at).label("since"))
    row = (await tx.execute(query)).one()
    found.append(Open(MessageState.SUBMITTED, row.depth, row.since))
    claimed = _count(messages, is_state(messages.c.state, MessageState.CLAIMED))
    found.append(Open(MessageState.CLAIMED, (await tx.execute(claimed)).scalar_one()))
    # A message is in `sending` for as long as its attempt is.
    sending = _count(attempts, is_state(attempts.c.state, AttemptState.SENDING))
    found.append(Open(MessageState.SENDING, (await tx.execute(sending)).scalar_one()))
    return found


@across_tenants("metrics are the operator's, and name no tenant")
async def _lines(tx: Transaction, now: datetime) -> list[LineStanding]:
    found = []
    for kind, table in (("account", accounts), ("campaign", campaigns)):
        first_stopped = select(table).order_by(table.c.stopped_at.is_(None), table.c.id)
        for row in await tx.execute(first_stopped.limit(LINES_MAX)):
            line = read_line(row)
            rate = line.pace.rate * line.slowing.share_at(now)
            found.append(LineStanding(kind, line.id, rate, stopped=line.stop is not None))
    return found


def _count(table: FromClause, *conditions: ColumnElement[bool]) -> Select[Any]:
    return select(func.count(literal(1)).label("depth")).select_from(table).where(*conditions)
