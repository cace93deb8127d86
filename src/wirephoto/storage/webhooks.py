"""Raw webhooks of the provider, and the inbound messages made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Executable, Row, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from wirephoto.domain.outcome import InboundMedia
from wirephoto.storage.database import Database, Transaction, is_storable, rows_json
from wirephoto.storage.schema import webhooks
from wirephoto.storage.schema_recipients import inbound_messages
from wirephoto.storage.tenancy import across_tenants

WEBHOOK_STORED = "webhook"
"""Topic: a webhook waits to be applied."""

_STORED = ("tenant_id", "account_id", "kind", "jti", "body", "received_at")


@dataclass(frozen=True, slots=True)
class Webhook:
    """A verified webhook as it came. `jti` names one call: a repeat of it is the same webhook."""

    tenant_id: str
    account_id: str
    kind: str
    jti: str
    body: str
    received_at: datetime
    seq: int = 0


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A message from a phone (`sender`) to one of our numbers (`recipient`)."""

    id: str
    tenant_id: str
    provider_message_id: str
    sender: str | None
    recipient: str
    channel: str
    text: str | None
    media: tuple[InboundMedia, ...]
    network_code: str | None
    sent_at: datetime
    received_at: datetime
    reply: str | None = None
    """The kind of reply that it is."""
    outcome: str | None = None
    """What followed from it."""
    flagged: bool = False
    """A human should read it."""


async def store_webhooks(tx: Transaction, rows: Sequence[Webhook]) -> list[bool]:
    """Store webhooks, each `jti` once; tell which are new. Rows carry their tenant."""
    instant = tx.database.instant
    parameter = [
        [row.tenant_id, row.account_id, row.kind, row.jti, row.body, instant(row.received_at)]
        for row in rows
    ]
    stored = {jti for (jti,) in await tx.execute(_insert_new, {"rows": rows_json(parameter)})}
    if stored:
        await tx.notify(WEBHOOK_STORED)
    first = {row.jti: row for row in reversed(rows)}
    return [row.jti in stored and first[row.jti] is row for row in rows]


def _insert_new(database: Database) -> Executable:
    incoming = database.json_rows({name: webhooks.c[name].type for name in _STORED})
    insert_into = postgresql.insert if database.is_postgres else sqlite.insert
    # SQLite cannot tell ON CONFLICT from a join's ON without the WHERE.
    source = select(*[incoming.c[name] for name in _STORED]).where(incoming.c.jti.is_not(None))
    return (
        insert_into(webhooks)
        .from_select(list(_STORED), source)
        .on_conflict_do_nothing()
        .returning(webhooks.c.jti)
    )


@across_tenants("webhooks are applied in one order; each carries its tenant")
async def waiting_seqs(tx: Transaction, *, now: datetime, limit: int) -> list[int]:
    """Return which webhooks wait to be applied, the oldest first, without locking them."""
    query = (
        select(webhooks.c.seq)
        .where(webhooks.c.applied_at.is_(None), _is_due(now))
        .order_by(webhooks.c.seq)
        .limit(limit)
    )
    return list((await tx.execute(query)).scalars())


@across_tenants("webhooks are applied in one order; each carries its tenant")
async def waiting_webhooks(
    tx: Transaction, *, now: datetime, limit: int, seq: int | None = None
) -> list[Webhook]:
    """Return the oldest webhooks that wait to be applied, locked until the transaction ends.

    With `seq` it is only that one, if it still waits.
    """
    names = ("seq", *_STORED)
    query = (
        select(*[webhooks.c[name] for name in names])
        .where(webhooks.c.applied_at.is_(None), _is_due(now))
        .order_by(webhooks.c.seq)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if seq is not None:
        query = query.where(webhooks.c.seq == seq)
    return [Webhook(**row._mapping) for row in await tx.execute(query)]  # noqa: SLF001


@across_tenants("the caller holds the locks of these rows")
async def mark_applied(tx: Transaction, outcomes: dict[int, str], now: datetime) -> None:
    """Store what became of each webhook (by `seq`); it is not applied again."""
    by_outcome: dict[str, list[int]] = {}
    for seq, outcome in outcomes.items():
        by_outcome.setdefault(outcome, []).append(seq)
    for outcome, seqs in by_outcome.items():
        await tx.execute(
            update(webhooks).where(webhooks.c.seq.in_(seqs)).values(applied_at=now, outcome=outcome)
        )


@across_tenants("the caller holds the locks of these rows")
async def postpone_webhooks(tx: Transaction, seqs: Sequence[int], due_at: datetime) -> None:
    """Have webhooks applied later: what they speak of may only be stored then."""
    if seqs:
        await tx.execute(update(webhooks).where(webhooks.c.seq.in_(seqs)).values(due_at=due_at))


def _is_due(now: datetime) -> ColumnElement[bool]:
    return or_(webhooks.c.due_at.is_(None), webhooks.c.due_at <= now)


@across_tenants("the webhook was found by its place, whoever it belongs to")
async def count_failed_try(tx: Transaction, seq: int) -> int:
    """Count one more try to apply a webhook that failed; return how many there were."""
    counted = await tx.execute(
        update(webhooks)
        .where(webhooks.c.seq == seq)
        .values(tries=webhooks.c.tries + 1)
        .returning(webhooks.c.tries)
    )
    tries: int = counted.scalar_one()
    return tries


@across_tenants("the provider's ids are unique over all tenants")
async def known_inbound(tx: Transaction, provider_message_ids: Sequence[str]) -> set[str]:
    """Return which inbound messages are stored already, of those named by the provider's ids."""
    column = inbound_messages.c.provider_message_id
    query = select(column).where(column.in_(provider_message_ids))
    return set((await tx.execute(query)).scalars()) if provider_message_ids else set()


async def insert_inbound(tx: Transaction, message: InboundMessage) -> bool:
    """Store an inbound message once; tell whether it is new. The row carries its tenant."""
    values: dict[str, Any] = {name: getattr(message, name) for name in InboundMessage.__slots__}
    values["media"] = msgspec.to_builtins(message.media)
    insert_into = postgresql.insert if tx.database.is_postgres else sqlite.insert
    statement = insert_into(inbound_messages).values(values).on_conflict_do_nothing()
    return (await tx.execute(statement)).rowcount > 0


async def list_inbound(
    tx: Transaction,
    tenant_id: str,
    *,
    sender: str | None,
    recipient: str | None = None,
    before_id: str | None,
    limit: int,
) -> list[InboundMessage]:
    """Return up to `limit` inbound messages of a tenant, newest first."""
    if not is_storable(sender, recipient, before_id):
        return []
    query = select(inbound_messages).where(inbound_messages.c.tenant_id == tenant_id)
    if sender:
        query = query.where(inbound_messages.c.sender == sender)
    if recipient:
        query = query.where(inbound_messages.c.recipient == recipient)
    if before_id:
        query = query.where(inbound_messages.c.id < before_id)
    rows = await tx.execute(query.order_by(inbound_messages.c.id.desc()).limit(limit))
    return [_inbound(row) for row in rows]


async def get_inbound(tx: Transaction, tenant_id: str, inbound_id: str) -> InboundMessage | None:
    """Return one inbound message of a tenant."""
    query = select(inbound_messages).where(
        inbound_messages.c.tenant_id == tenant_id, inbound_messages.c.id == inbound_id
    )
    row = (await tx.execute(query)).one_or_none()
    return _inbound(row) if row else None


def _inbound(row: Row[Any]) -> InboundMessage:
    fields = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented accessor
    media = tuple(InboundMedia(**part) for part in row.media)
    return InboundMessage(**fields | {"media": media})
