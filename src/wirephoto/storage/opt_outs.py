"""Opt-outs: who must not be written to, by which senders, since when and why."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    FromClause,
    Row,
    and_,
    bindparam,
    exists,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from wirephoto.domain.message import WAITING, Message
from wirephoto.domain.opt_out import OptOut, OptOutScope, OptOutSource
from wirephoto.storage.database import Database, Transaction, is_storable, rows_json
from wirephoto.storage.rows import message_columns, read_message
from wirephoto.storage.schema import campaigns, messages
from wirephoto.storage.schema_recipients import opt_outs
from wirephoto.storage.tenancy import across_tenants
from wirephoto.storage.types import is_state

_COLUMNS = (
    "id",
    "tenant_id",
    "brand_id",
    "recipient",
    "recipient_hash",
    "scope",
    "sender",
    "reason",
    "source",
    "provider_message_id",
    "said_at",
    "created_at",
)


@dataclass(frozen=True, slots=True)
class StoredOptOut:
    """An opt-out as stored.

    `recipient` is None once the number was erased; its keyed hash stays. `provider_message_id`
    names the reply that it is, and `said_at` when that was said by the clock of who brought it.
    """

    id: str
    tenant_id: str
    recipient: str | None
    recipient_hash: str
    opt_out: OptOut
    created_at: datetime
    provider_message_id: str | None = None
    said_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None


async def insert_opt_outs(tx: Transaction, rows: Sequence[StoredOptOut]) -> list[bool]:
    """Store opt-outs; tell which are new. Each row carries its tenant.

    Not new is one that stands already, and one of a reply that has been heard before, even if it
    has ended meanwhile: a repeat of STOP must not undo a later START. One that stands remembers
    when it was said last: a START that was said before that does not lift it.
    """
    if not rows:
        return []
    instant = tx.database.instant
    parameter = [[_stored(row, name, instant) for name in _COLUMNS] for row in rows]
    inserted = await tx.execute(_insert, {"rows": rows_json(parameter)})
    new = {row.id for row in inserted}
    for row in rows:
        if row.id not in new and row.said_at:
            await _say_again(tx, row)
    return [row.id in new for row in rows]


async def _say_again(tx: Transaction, row: StoredOptOut) -> None:
    sender = _stored(row, "sender", None)
    await tx.execute(
        update(opt_outs)
        .where(
            opt_outs.c.tenant_id == row.tenant_id,
            opt_outs.c.brand_id == row.opt_out.brand_id,
            opt_outs.c.recipient_hash == row.recipient_hash,
            opt_outs.c.scope == row.opt_out.scope.value,
            opt_outs.c.sender == sender,
            opt_outs.c.source == row.opt_out.source.value,
            opt_outs.c.ended_at.is_(None),
            opt_outs.c.said_at < row.said_at,
        )
        .values(said_at=row.said_at)
    )


def _stored(row: StoredOptOut, name: str, instant: Any) -> Any:
    if name in ("brand_id", "scope", "reason", "source"):
        return getattr(row.opt_out, name)
    if name == "sender":
        # One that reaches further is the same wherever it was said.
        return (row.opt_out.sender or "") if row.opt_out.scope is OptOutScope.SENDER else ""
    value = getattr(row, name)
    return instant(value) if name.endswith("_at") else value


def _insert(database: Database) -> Executable:
    incoming = database.json_rows({name: opt_outs.c[name].type for name in _COLUMNS})
    insert_into = postgresql.insert if database.is_postgres else sqlite.insert
    # SQLite cannot tell ON CONFLICT from a join's ON without the WHERE. In one order, so that two
    # processes wait for each other, never both.
    source = (
        select(*[incoming.c[name] for name in _COLUMNS])
        .where(incoming.c.id.is_not(None))
        .order_by(incoming.c.recipient_hash, incoming.c.id)
    )
    return (
        insert_into(opt_outs)
        .from_select(list(_COLUMNS), source)
        .on_conflict_do_nothing()
        .returning(opt_outs.c.id)
    )


def is_silenced(message: FromClause) -> ColumnElement[bool]:
    """Return the condition that a message's recipient has opted out of hearing from its sender.

    An answer to a reply is not silenced by it.
    """
    brand_id = (
        select(campaigns.c.brand_id)
        .where(campaigns.c.id == message.c.campaign_id)
        .correlate(message)
        .scalar_subquery()
    )
    covers = or_(
        opt_outs.c.scope == OptOutScope.TENANT.value,
        and_(opt_outs.c.scope == OptOutScope.BRAND.value, opt_outs.c.brand_id == brand_id),
        and_(opt_outs.c.scope == OptOutScope.SENDER.value, opt_outs.c.sender == message.c.sender),
    )
    standing = exists().where(
        opt_outs.c.recipient == message.c.recipient,
        opt_outs.c.ended_at.is_(None),
        opt_outs.c.tenant_id == message.c.tenant_id,
        covers,
    )
    return and_(message.c.answer.is_(None), standing.correlate(message))


@across_tenants("each pair names its tenant")
async def lock_silenced(tx: Transaction, whom: Iterable[tuple[str, str]]) -> list[Message]:
    """Return the messages that wait and may not leave, locked in one order.

    `whom` are pairs of a tenant's id and one of its recipients.
    """
    rows = rows_json(sorted(set(whom)))
    return [read_message(row) for row in await tx.execute(_silenced, {"rows": rows})]


def _silenced(database: Database) -> Executable:
    columns = (messages.c.tenant_id, messages.c.recipient)
    whom = database.json_rows({column.name: column.type for column in columns})
    return (
        select(*message_columns())
        .join(whom, and_(*[column == whom.c[column.name] for column in columns]))
        .where(
            or_(*[is_state(messages.c.state, state) for state in sorted(WAITING)]),
            is_silenced(messages),
        )
        .order_by(messages.c.id)
        .with_for_update(key_share=True, of=messages)
    )


@across_tenants("the caller found the ids in the queue, which serves all tenants")
async def recipients_of(tx: Transaction, message_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Return whom messages are for: pairs of a tenant's id and a recipient."""
    query = select(messages.c.tenant_id, messages.c.recipient).where(
        messages.c.id.in_(message_ids), messages.c.recipient.is_not(None)
    )
    return [(row.tenant_id, row.recipient) for row in await tx.execute(query.distinct())]


async def standing_opt_outs(
    tx: Transaction, tenant_id: str, hashes: Collection[str]
) -> list[StoredOptOut]:
    """Return a tenant's opt-outs that stand now, of the numbers with these hashes."""
    if not hashes:
        return []
    query = select(opt_outs).where(
        opt_outs.c.tenant_id == tenant_id,
        opt_outs.c.recipient_hash.in_(bindparam("hashes", expanding=True)),
        opt_outs.c.ended_at.is_(None),
    )
    found = await tx.execute(query, {"hashes": sorted(hashes)})
    return [_read(row) for row in found]


async def end_opt_outs(
    tx: Transaction, tenant_id: str, ids: Sequence[str], *, by: str, now: datetime
) -> list[str]:
    """End opt-outs of a tenant that stand; return the ids of those that did."""
    ended = await tx.execute(
        update(opt_outs)
        .where(
            opt_outs.c.tenant_id == tenant_id,
            opt_outs.c.id.in_(ids),
            opt_outs.c.ended_at.is_(None),
        )
        .values(ended_at=now, ended_by=by)
        .returning(opt_outs.c.id)
    )
    return sorted(row.id for row in ended)


async def get_opt_out(tx: Transaction, tenant_id: str, opt_out_id: str) -> StoredOptOut | None:
    """Return one opt-out of a tenant."""
    query = select(opt_outs).where(opt_outs.c.tenant_id == tenant_id, opt_outs.c.id == opt_out_id)
    row = (await tx.execute(query)).one_or_none()
    return _read(row) if row else None


async def list_opt_outs(
    tx: Transaction,
    tenant_id: str,
    *,
    hashes: Collection[str] | None = None,
    ended: bool = False,
    before_id: str | None = None,
    limit: int,
) -> list[StoredOptOut]:
    """Return up to `limit` of a tenant's opt-outs, the newest first, older than `before_id`.

    `hashes` narrows them to one number; with `ended` those that have ended are among them.
    """
    if not is_storable(before_id):
        return []
    query = select(opt_outs).where(opt_outs.c.tenant_id == tenant_id)
    if hashes is not None:
        query = query.where(opt_outs.c.recipient_hash.in_(hashes))
    if not ended:
        query = query.where(opt_outs.c.ended_at.is_(None))
    if before_id:
        query = query.where(opt_outs.c.id < before_id)
    found = await tx.execute(query.order_by(opt_outs.c.id.desc()).limit(limit))
    return [_read(row) for row in found]


def _read(row: Row[Any]) -> StoredOptOut:
    opt_out = OptOut(
        scope=OptOutScope(row.scope),
        source=OptOutSource(row.source),
        brand_id=row.brand_id,
        sender=row.sender or None,
        reason=row.reason,
    )
    names = [name for name in StoredOptOut.__slots__ if name != "opt_out"]
    return StoredOptOut(opt_out=opt_out, **{name: getattr(row, name) for name in names})
