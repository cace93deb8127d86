"""The queue: claims with slots, and leases that ran out. `turns` says what is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Executable,
    Subquery,
    bindparam,
    case,
    literal,
    not_,
    select,
    update,
)

from wirephoto.domain.message import Attempt, AttemptState, Message, MessageState, Priority
from wirephoto.storage.consents import is_revoked
from wirephoto.storage.database import Database, Transaction, rows_json
from wirephoto.storage.opt_outs import is_silenced
from wirephoto.storage.rows import message_columns, read_attempt, read_message
from wirephoto.storage.schema import EXPIRING, attempts, messages
from wirephoto.storage.tenancy import across_tenants
from wirephoto.storage.turns import SET_ASIDE, is_stale
from wirephoto.storage.types import Instant, is_state


@across_tenants("a campaign's queue is served in one order over its tenants")
async def claim_messages(
    tx: Transaction,
    slots: Sequence[tuple[str, datetime]],
    *,
    now: datetime,
    lease_until: datetime,
    hours_digest: str | None = None,
) -> list[Message]:
    """Claim messages with a slot each; nobody else can get them until `lease_until`.

    What is no longer queued, has expired, or is to somebody who has opted out or taken back the
    consent that it needs is left out, and its slot is forfeited; so is what has no open window by
    the rules of `hours_digest`.
    """
    instant = tx.database.instant
    claimed = await tx.execute(
        _claim,
        {
            # In the order in which others lock messages (`record_transitions`).
            "rows": rows_json([[id_, instant(slot_at)] for id_, slot_at in sorted(slots)]),
            "now": now,
            "lease_until_new": lease_until,
            "hours_digest_now": hours_digest,
        },
    )
    return sorted(
        (read_message(row) for row in claimed), key=lambda message: message.slot_at or now
    )


def _claim(database: Database) -> Executable:
    incoming = database.json_rows({"id": messages.c.id.type, "slot_at": messages.c.slot_at.type})
    now = bindparam("now", type_=Instant)
    return (
        update(messages)
        .where(
            messages.c.id == incoming.c.id,
            is_state(messages.c.state, MessageState.QUEUED),
            messages.c.expires_at > now,
            not_(is_stale(messages, now)),
            not_(is_silenced(messages)),
            not_(is_revoked(messages)),
        )
        .values(
            state=MessageState.CLAIMED.value,
            version=messages.c.version + 1,
            slot_at=incoming.c.slot_at,
            lease_until=bindparam("lease_until_new", type_=Instant),
            updated_at=now,
            hold_reason=None,
            reason=None,
            detail=None,
        )
        .returning(*message_columns())
    )


@dataclass(frozen=True, slots=True)
class Hold:
    """Until when a message that is due may not leave, and why."""

    message_id: str
    until: datetime
    reason: str


@across_tenants("a campaign's queue is served in one order over its tenants")
async def put_off(tx: Transaction, holds: Sequence[Hold]) -> None:
    """Make queued messages due later, so that those behind them come into sight.

    Those that somebody has locked stay: the caller holds locks of other messages already, and
    must wait for no more of them.
    """
    if holds:
        instant = tx.database.instant
        rows = [[hold.message_id, instant(hold.until), hold.reason] for hold in holds]
        await tx.execute(_put_off, {"rows": rows_json(rows)})


def _put_off(database: Database) -> Executable:
    columns = (messages.c.id, messages.c.due_at, messages.c.hold_reason)
    incoming = database.json_rows({column.name: column.type for column in columns})
    free = free_rows(incoming, incoming.c.due_at, incoming.c.hold_reason)
    held = update(messages).where(messages.c.id == free.c.id)
    return held.values(
        due_at=free.c.due_at, hold_reason=free.c.hold_reason, version=messages.c.version + 1
    )


@across_tenants("a campaign's queue is served in one order over its tenants")
async def set_aside(tx: Transaction, ids: Sequence[str]) -> None:
    """Give queued messages of paused senders a fair key of their sender's own, as `turns` says.

    So each is passed over once, however long the pause. What somebody has locked stays, as above.
    """
    if ids:
        await tx.execute(_set_aside, {"rows": rows_json([[id_] for id_ in ids])})


def _set_aside(database: Database) -> Executable:
    free = free_rows(database.json_rows({"id": messages.c.id.type}))
    return (
        update(messages)
        .where(messages.c.id == free.c.id)
        .values(
            fair_key=literal(SET_ASIDE) + messages.c.sender,
            hold_reason="sender_paused",
            version=messages.c.version + 1,
        )
    )


def free_rows(incoming: Subquery, *columns: ColumnElement[Any]) -> CTE:
    """Return the incoming messages that wait still, and that nobody has locked."""
    return (
        select(messages.c.id, *columns)
        .join(incoming, incoming.c.id == messages.c.id)
        .where(is_state(messages.c.state, MessageState.QUEUED))
        .with_for_update(skip_locked=True, of=messages)
        .cte("free")
    )


@across_tenants("leases belong to processes, not to tenants")
async def lapsed_claims(tx: Transaction, *, before: datetime, limit: int) -> list[Message]:
    """Return claimed messages whose lease ran out before `before`: nothing of them has left."""
    query = (
        select(*message_columns())
        .where(is_state(messages.c.state, MessageState.CLAIMED), messages.c.lease_until < before)
        .order_by(messages.c.lease_until)
        .limit(limit)
    )
    return [read_message(row) for row in await tx.execute(query)]


@across_tenants("a deadline is a process' affair, not a tenant's")
async def overdue_attempts(tx: Transaction, *, before: datetime, limit: int) -> list[Attempt]:
    """Return attempts in `sending` whose deadline passed before `before`, unanswered."""
    query = (
        select(attempts)
        .where(is_state(attempts.c.state, AttemptState.SENDING), attempts.c.deadline_at < before)
        .order_by(attempts.c.deadline_at)
        .limit(limit)
    )
    return [read_attempt(row) for row in await tx.execute(query)]


@across_tenants("time passes for all tenants")
async def expired_messages(tx: Transaction, *, now: datetime, limit: int) -> list[Message]:
    """Return waiting messages that are too old to be sent."""
    query = (
        select(*message_columns())
        .where(EXPIRING, messages.c.expires_at <= now)
        .order_by(messages.c.expires_at)
        .limit(limit)
    )
    return [read_message(row) for row in await tx.execute(query)]


@across_tenants("media workers serve all tenants")
async def claim_preparing(
    tx: Transaction, *, now: datetime, lease_until: datetime, limit: int
) -> list[Message]:
    """Lease up to `limit` messages whose media waits to be looked at, the most urgent first.

    In `preparing`, `lease_until` is when the next one may look: the time of acceptance at first.
    """
    found: list[Message] = []
    for priority in Priority:
        parameters = {
            "priority_wanted": priority.value,
            "now": now,
            "lease_until_new": lease_until,
            "leased_max": limit - len(found),
        }
        leased = await tx.execute(_lease_preparing, parameters)
        found += sorted([read_message(row) for row in leased], key=lambda message: message.id)
        if len(found) == limit:
            break
    return found


def _lease_preparing(_database: Database) -> Executable:
    now = bindparam("now", type_=Instant)
    free = (
        select(messages.c.id)
        .where(
            is_state(messages.c.state, MessageState.PREPARING),
            messages.c.priority == bindparam("priority_wanted"),
            messages.c.lease_until <= now,
        )
        .order_by(messages.c.lease_until, messages.c.id)
        .limit(bindparam("leased_max"))
        .with_for_update(skip_locked=True)
        .cte("free")
    )
    return (
        update(messages)
        .where(messages.c.id.in_(select(free.c.id)))
        .values(
            lease_until=bindparam("lease_until_new", type_=Instant),
            version=messages.c.version + 1,
            updated_at=now,
        )
        .returning(*message_columns())
    )


@across_tenants("leases belong to processes, not to tenants")
async def release_preparing(tx: Transaction, now: datetime) -> None:
    """Let go of every message whose media somebody looks at; what they find out is dropped."""
    await tx.execute(
        update(messages)
        .where(is_state(messages.c.state, MessageState.PREPARING), messages.c.lease_until > now)
        .values(lease_until=now, version=messages.c.version + 1)
    )


@across_tenants("time passes for all tenants")
async def overdue_receipts(tx: Transaction, *, before: datetime, limit: int) -> list[Message]:
    """Return messages that the provider took before `before`, and that have had no last word.

    Those that are marked already are left out.
    """
    query = (
        select(*message_columns())
        .where(
            is_state(messages.c.state, MessageState.SUBMITTED),
            messages.c.receipt_overdue.is_(False),
            messages.c.submitted_at < before,
        )
        .order_by(messages.c.submitted_at)
        .limit(limit)
    )
    return [read_message(row) for row in await tx.execute(query)]


@across_tenants("doubts are settled in one order over all tenants")
async def lease_checks(
    tx: Transaction, *, now: datetime, lease_until: datetime, limit: int
) -> list[Attempt]:
    """Return attempts to look into now; nobody else gets them until `lease_until`.

    Doubts come before overdue receipts, of which there may be any number. A process that dies over
    one leaves it to be looked into after its lease.
    """
    due = (
        select(attempts.c.id)
        .where(attempts.c.check_at.is_not(None), attempts.c.check_at <= now)
        .order_by(
            case((is_state(attempts.c.state, AttemptState.UNCONFIRMED), 0), else_=1),
            attempts.c.check_at,
            attempts.c.id,
        )
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    leased = await tx.execute(
        update(attempts)
        .where(attempts.c.id.in_(select(due.c.id)))
        .values(check_at=lease_until)
        .returning(*attempts.c)
    )
    return sorted([read_attempt(row) for row in leased], key=lambda attempt: attempt.id)


@across_tenants("doubts are settled in one order over all tenants")
async def arm_checks(tx: Transaction, now: datetime) -> None:
    """Have every doubt looked into that nobody was to look into.

    An earlier release left them so, and so does a process whose policy leaves them to humans.
    """
    doubted = select(messages.c.id).where(is_state(messages.c.state, MessageState.UNCONFIRMED))
    await tx.execute(
        update(attempts)
        .where(
            attempts.c.message_id.in_(doubted),
            is_state(attempts.c.state, AttemptState.UNCONFIRMED),
            attempts.c.check_at.is_(None),
        )
        .values(check_at=now)
    )
