"""Messages, their attempts and their events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, bindparam, not_, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate
from sqlalchemy.sql.selectable import Subquery

from wirephoto.domain.event import Event
from wirephoto.domain.message import Attempt, Message, MessageState
from wirephoto.storage.audit import AuditEntry, insert_audit
from wirephoto.storage.consents import is_revoked
from wirephoto.storage.database import (
    Database,
    Statement,
    Transaction,
    is_storable,
    rows_json,
)
from wirephoto.storage.hosting import (
    HostedName,
    insert_names,
)
from wirephoto.storage.media import (
    Need,
    insert_needs,
)
from wirephoto.storage.opt_outs import is_silenced
from wirephoto.storage.rows import (
    ANSWERED,
    ANSWERED_FIELDS,
    ATTEMPT_COLUMNS,
    ATTEMPT_FIELDS,
    BEGUN,
    BEGUN_FIELDS,
    EVENT_COLUMNS,
    MESSAGE_COLUMNS,
    MESSAGE_FIELDS,
    MOVED,
    MOVED_FIELDS,
    PREPARED,
    PREPARED_FIELDS,
    Fields,
    event_values,
    message_columns,
    read_attempt,
    read_event,
    read_message,
)
from wirephoto.storage.schema import attempts, events, messages
from wirephoto.storage.tenancy import across_tenants
from wirephoto.storage.types import is_state


@dataclass(frozen=True, slots=True)
class Transition:
    """A move of one message, to be recorded if nobody moved it first.

    `message` is the message after its move; its `version` is one above the stored one. `begun` is
    an attempt that starts with it, with the `names` of its files; `attempt` is one that changes
    with it; `needs` are files that the message needs from now on; `audit` is told with it.
    """

    message: Message
    event: Event | None = None
    begun: Attempt | None = None
    attempt: Attempt | None = None
    names: tuple[HostedName, ...] = ()
    needs: tuple[Need, ...] = ()
    audit: AuditEntry | None = None


async def insert_messages(tx: Transaction, rows: Sequence[Message]) -> None:
    """Store new messages; each row carries its tenant."""
    instant = tx.database.instant
    values = [tuple(MESSAGE_FIELDS.values(row, instant)) for row in rows]
    await tx.insert_rows(messages, MESSAGE_COLUMNS, values)


async def insert_events(tx: Transaction, rows: Sequence[Event]) -> None:
    """Add to the outbox; each row carries its tenant."""
    values = [event_values(event, tx.database.instant) for event in rows]
    await tx.insert_rows(events, EVENT_COLUMNS, values)
    tx.events.extend(rows)


async def record_transitions(tx: Transaction, rows: Sequence[Transition]) -> list[bool]:
    """Record each move whose message is still at the version it was read at; tell which were.

    Its attempt and its event go with it, or not at all.
    """
    return await _record(tx, rows, _move, MOVED_FIELDS)


async def begin_sending(tx: Transaction, rows: Sequence[Transition]) -> list[bool]:
    """Record moves from `claimed` to `sending` with their attempts; tell which were.

    This is the last check, and its commit is the moment a message leaves (DESIGN, rule 8): one
    that has expired, whose window has closed, or whose recipient has opted out or taken back the
    consent that it needs, does not go.
    """
    return await _record(tx, rows, _move_to_sending, BEGUN_FIELDS)


async def record_prepared(tx: Transaction, rows: Sequence[Transition]) -> list[bool]:
    """Record moves from `preparing` to `queued`, media included; tell which were."""
    return await _record(tx, rows, _move_prepared, PREPARED_FIELDS)


async def _record(
    tx: Transaction, rows: Sequence[Transition], statement: Statement, fields: Fields
) -> list[bool]:
    if not rows:
        return []
    instant = tx.database.instant
    # Of equal moves among `rows` the first wins.
    first: dict[tuple[str, int], int] = {}
    for place, row in enumerate(rows):
        first.setdefault((row.message.id, row.message.version), place)
    if tx.database.is_postgres and len(first) > 1:
        # An UPDATE locks in whatever order its plan meets the rows. Locked by id beforehand, two
        # processes that move the same messages wait for each other, never both.
        await tx.execute(_lock, {"ids": sorted({row.message.id for row in rows})})
    parameter = [
        [*identity, *fields.values(rows[first[identity]].message, instant)]
        for identity in sorted(first)
    ]
    moved = await tx.execute(statement, {"rows": rows_json(parameter)})
    winners = {first[row.id, row.version] for row in moved}
    recorded = [rows[place] for place in sorted(winners)]
    await insert_attempts(tx, [row.begun for row in recorded if row.begun])
    await _update_attempts(tx, [row.attempt for row in recorded if row.attempt])
    await insert_needs(tx, [need for row in recorded for need in row.needs])
    await insert_names(tx, [name for row in recorded for name in row.names])
    await insert_events(tx, [row.event for row in recorded if row.event])
    await insert_audit(tx, [row.audit for row in recorded if row.audit])
    await _notify(tx, recorded)
    return [place in winners for place in range(len(rows))]


async def _notify(tx: Transaction, rows: Sequence[Transition]) -> None:
    """Wake the dispatcher for what is queued now, and whoever in this process waits for a row."""
    if any(row.message.state is MessageState.QUEUED for row in rows):
        await tx.notify(MessageState.QUEUED.value)
    for row in rows:
        if tx.database.has_watcher(row.message.id):
            tx.rings.add(row.message.id)


async def insert_attempts(tx: Transaction, rows: Sequence[Attempt]) -> None:
    """Store new attempts; each row carries its tenant."""
    instant = tx.database.instant
    values = [tuple(ATTEMPT_FIELDS.values(row, instant)) for row in rows]
    await tx.insert_rows(attempts, ATTEMPT_COLUMNS, values)


async def _update_attempts(tx: Transaction, rows: Sequence[Attempt]) -> None:
    if not rows:
        return
    instant = tx.database.instant
    parameter = [[row.id, *ANSWERED_FIELDS.values(row, instant)] for row in rows]
    await tx.execute(_answer, {"rows": rows_json(parameter)})


def _lock(_database: Database) -> Executable:
    # Not FOR UPDATE: that would also wait for rows which only refer to these.
    return (
        select(messages.c.id)
        .where(messages.c.id.in_(bindparam("ids", expanding=True)))
        .order_by(messages.c.id)
        .with_for_update(key_share=True)
    )


def _move(database: Database) -> Executable:
    return _update(_incoming(database, MOVED), MOVED)


def _move_prepared(database: Database) -> Executable:
    return _update(_incoming(database, PREPARED), PREPARED)


def _move_to_sending(database: Database) -> Executable:
    incoming = _incoming(database, BEGUN)
    window_closes_at = messages.c.window_closes_at
    return _update(incoming, BEGUN).where(
        is_state(messages.c.state, MessageState.CLAIMED),
        messages.c.expires_at > incoming.c.updated_at,
        or_(window_closes_at.is_(None), window_closes_at > incoming.c.updated_at),
        not_(is_silenced(messages)),
        not_(is_revoked(messages)),
    )


def _update(incoming: Subquery, names: tuple[str, ...]) -> ReturningUpdate[Any]:
    return (
        update(messages)
        .where(messages.c.id == incoming.c.id, messages.c.version == incoming.c.version - 1)
        .values({"version": incoming.c.version} | {name: incoming.c[name] for name in names})
        .returning(messages.c.id, messages.c.version)
    )


def _incoming(database: Database, names: tuple[str, ...]) -> Subquery:
    return database.json_rows(
        {"id": messages.c.id.type, "version": messages.c.version.type}
        | {name: messages.c[name].type for name in names}
    )


def _answer(database: Database) -> Executable:
    incoming = database.json_rows(
        {"id": attempts.c.id.type} | {name: attempts.c[name].type for name in ANSWERED}
    )
    return (
        update(attempts)
        .where(attempts.c.id == incoming.c.id)
        .values({name: incoming.c[name] for name in ANSWERED})
    )


async def get_message(tx: Transaction, tenant_id: str, message_id: str) -> Message | None:
    """Return one message of a tenant."""
    if not is_storable(message_id):
        return None
    query = select(*message_columns()).where(
        messages.c.tenant_id == tenant_id, messages.c.id == message_id
    )
    row = (await tx.execute(query)).one_or_none()
    return read_message(row) if row else None


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """What a list of messages is narrowed to. Times are of acceptance, `until` exclusive."""

    state: MessageState | None = None
    recipient: str | None = None
    sender: str | None = None
    reference: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    metadata: tuple[tuple[str, str], ...] = ()


async def list_messages(
    tx: Transaction, tenant_id: str, wanted: MessageFilter, *, before_id: str | None, limit: int
) -> list[Message]:
    """Return up to `limit` messages of a tenant, newest first, older than `before_id`."""
    equal = {name: getattr(wanted, name) for name in ("state", "recipient", "sender", "reference")}
    pairs = [text for pair in wanted.metadata for text in pair]
    if not is_storable(*equal.values(), *pairs, before_id):
        return []
    query = select(*message_columns()).where(messages.c.tenant_id == tenant_id)
    for name, value in equal.items():
        if value is not None:
            query = query.where(messages.c[name] == value)
    if wanted.since:
        query = query.where(messages.c.created_at >= wanted.since)
    if wanted.until:
        query = query.where(messages.c.created_at < wanted.until)
    for key, value in wanted.metadata:
        query = query.where(tx.database.has_member(messages.c.metadata, key, value))
    if before_id:
        query = query.where(messages.c.id < before_id)
    rows = await tx.execute(query.order_by(messages.c.id.desc()).limit(limit))
    return [read_message(row) for row in rows]


async def list_events(
    tx: Transaction, tenant_id: str, message_id: str, *, after_seq: int, limit: int
) -> list[tuple[int, Event]]:
    """Return a message's timeline in order, each event with its place, after `after_seq`."""
    rows = await tx.execute(
        select(events)
        .where(
            events.c.tenant_id == tenant_id,
            events.c.message_id == message_id,
            events.c.seq > after_seq,
        )
        .order_by(events.c.seq)
        .limit(limit)
    )
    return [(row.seq, read_event(row)) for row in rows]


async def list_attempts(tx: Transaction, tenant_id: str, message_id: str) -> list[Attempt]:
    """Return a message's attempts, the first first."""
    rows = await tx.execute(
        select(attempts)
        .where(attempts.c.tenant_id == tenant_id, attempts.c.message_id == message_id)
        .order_by(attempts.c.number)
    )
    return [read_attempt(row) for row in rows]


async def get_attempt(tx: Transaction, tenant_id: str, attempt_id: str) -> Attempt | None:
    """Return one attempt of a tenant."""
    row = (
        await tx.execute(
            select(attempts).where(attempts.c.tenant_id == tenant_id, attempts.c.id == attempt_id)
        )
    ).one_or_none()
    return read_attempt(row) if row else None


@across_tenants("the caller found the ids through rows that carry their tenant")
async def latest_attempts(tx: Transaction, message_ids: Sequence[str]) -> dict[str, Attempt]:
    """Return the latest attempt of each message that has one, by the message's id."""
    rows = await tx.execute(
        select(attempts)
        .join(messages, messages.c.id == attempts.c.message_id)
        .where(messages.c.id.in_(message_ids), attempts.c.number == messages.c.attempts)
    )
    return {row.message_id: read_attempt(row) for row in rows}


@across_tenants("a receipt names an attempt, and the attempt says whose it is")
async def find_attempts(
    tx: Transaction, client_refs: Sequence[str], provider_message_ids: Sequence[str]
) -> list[Attempt]:
    """Return the attempts with one of these names; at most a few for each."""
    rows = await tx.execute(
        select(attempts).where(
            or_(
                attempts.c.client_ref.in_(client_refs),
                attempts.c.provider_message_id.in_(provider_message_ids),
            )
        )
    )
    return [read_attempt(row) for row in rows]


@across_tenants("the caller found the ids through rows that carry their tenant")
async def lock_messages(tx: Transaction, ids: Sequence[str]) -> dict[str, Message]:
    """Return messages by id, locked in the order of their ids until the transaction ends."""
    query = (
        select(*message_columns())
        .where(messages.c.id.in_(ids))
        .order_by(messages.c.id)
        .with_for_update(key_share=True)
    )
    return {row.id: read_message(row) for row in await tx.execute(query)}
