"""What a customer may do with a message: cancel it, settle it, and wait for its answer."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from wirephoto.clock import Clock
from wirephoto.domain.doubt import Resolution
from wirephoto.domain.doubt import resolve as resolved
from wirephoto.domain.event import message_event
from wirephoto.domain.follow import Pair
from wirephoto.domain.message import Message, MessageState
from wirephoto.engine.loop import rest
from wirephoto.ids import Ids
from wirephoto.storage.audit import AuditEntry, insert_audit
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.database import Database, Transaction
from wirephoto.storage.messages import (
    Transition,
    get_message,
    latest_attempts,
    record_transitions,
)

POLL_S = 0.25
"""How often a waiting request looks for a move that another process made."""
TRIES_MAX = 5
"""How often an act is tried again on a message that others move meanwhile."""


async def cancel(
    database: Database,
    commits: GroupCommit,
    *,
    tenant_id: str,
    message_id: str,
    clock: Clock,
    ids: Ids,
) -> tuple[Message | None, bool]:
    """Cancel a message of which nothing has left; return it as it stands, and whether it was.

    A dispatcher may claim it meanwhile, which does not yet mean that it has left: then once more.
    """
    for _ in range(TRIES_MAX):
        async with database.read() as tx:
            message = await get_message(tx, tenant_id, message_id)
        if message is None or not message.state.is_waiting:
            return message, False
        now = clock.now()
        canceled = message.move_to(MessageState.CANCELED, now, reason="canceled")
        event = message_event(ids.new("evt", now), canceled)
        if await commits.run(record_transitions, Transition(canceled, event=event)):
            return canceled, True
    return message, False


async def resolve(
    database: Database,
    commits: GroupCommit,
    *,
    tenant_id: str,
    message_id: str,
    resolution: Resolution,
    attempt_number: int | None,
    provider_message_id: str | None,
    actor: str,
    clock: Clock,
    ids: Ids,
) -> tuple[Message | None, bool]:
    """Settle a message in doubt as a human says; return it as it stands, and whether it was.

    A receipt may settle it meanwhile: then it is no longer in doubt, and nothing is done. So it is
    when the latest attempt is not, or no longer, the one that the human speaks of (None: the one
    that is found first): what is true of one attempt says nothing of the next. Who did it goes
    into the audit trail, with the move or not at all.
    """
    message = None
    for _ in range(TRIES_MAX):
        async with database.read() as tx:
            message = await get_message(tx, tenant_id, message_id)
            if message is None or message.state is not MessageState.UNCONFIRMED:
                return message, False
            attempt_number = attempt_number or message.attempts
            if message.attempts != attempt_number:
                return message, False
            attempt = (await latest_attempts(tx, [message_id]))[message_id]
        now = clock.now()
        after = resolved(
            Pair(message, attempt), resolution, now, provider_message_id=provider_message_id
        )
        event = message_event(ids.new("evt", now), after.message, after.attempt)
        entry = AuditEntry(
            id=ids.new("aud", now),
            tenant_id=tenant_id,
            actor=actor,
            act="message.resolve",
            object=message_id,
            at=now,
            detail={"outcome": resolution.value, "attempt": attempt.id},
        )
        move = Transition(after.message, event=event, attempt=after.attempt)
        if await commits.run(_record_with_audit, (move, entry)):
            return after.message, True
    return message, False


async def _record_with_audit(
    tx: Transaction, rows: Sequence[tuple[Transition, AuditEntry]]
) -> list[bool]:
    recorded = await record_transitions(tx, [move for move, _ in rows])
    done = [entry for (_, entry), moved in zip(rows, recorded, strict=True) if moved]
    await insert_audit(tx, done)
    return recorded


async def wait_until(
    database: Database,
    clock: Clock,
    *,
    tenant_id: str,
    message_id: str,
    done: Callable[[Message], bool],
    patience: timedelta,
) -> Message | None:
    """Return a message as soon as `done` says so of it, or as it stands after `patience`."""
    deadline = clock.monotonic() + patience.total_seconds()
    with database.watching(message_id) as moved:
        while True:
            moved.clear()
            async with database.read() as tx:
                message = await get_message(tx, tenant_id, message_id)
            left_s = deadline - clock.monotonic()
            if message is None or done(message) or left_s <= 0:
                return message
            await rest(clock, moved, min(POLL_S, left_s))
