"""Who has opted out hears nothing more: opt-outs are stored, and what waits for them is blocked."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from wirephoto.domain.event import message_event
from wirephoto.domain.message import Message, MessageState
from wirephoto.ids import Ids
from wirephoto.storage.database import Database, Transaction
from wirephoto.storage.messages import Transition, record_transitions
from wirephoto.storage.opt_outs import (
    StoredOptOut,
    insert_opt_outs,
    lock_silenced,
    recipients_of,
)

OPTED_OUT = "opted_out"
_DETAIL = "The recipient has opted out of hearing from this sender."


async def silence(
    tx: Transaction, rows: Sequence[StoredOptOut], *, ids: Ids, now: datetime
) -> list[bool]:
    """Store opt-outs and block what waits for their recipients; tell which are new.

    One transaction: once it is committed, nothing to them can leave any more. What is accepted by
    others in the same moment meets the opt-out in the claim, and at the last when it would leave.
    """
    new = await insert_opt_outs(tx, rows)
    whom = [
        (row.tenant_id, row.recipient)
        for row, is_new in zip(rows, new, strict=True)
        if is_new and row.recipient
    ]
    if whom:
        await block_silenced(tx, whom, ids=ids, now=now)
    return new


async def block_refused(
    database: Database, message_ids: Sequence[str], *, ids: Ids, now: datetime
) -> frozenset[str]:
    """End those messages whose recipients have opted out of them; return which those are."""
    if not message_ids:
        return frozenset()
    async with database.transaction() as tx:
        whom = await recipients_of(tx, message_ids)
        blocked = await block_silenced(tx, whom, ids=ids, now=now)
    return frozenset(message_ids) & {message.id for message in blocked}


async def block_silenced(
    tx: Transaction, whom: Iterable[tuple[str, str]], *, ids: Ids, now: datetime
) -> list[Message]:
    """End what waits for recipients who have opted out of it; return what that was.

    `whom` are pairs of a tenant's id and one of its recipients.
    """
    blocked = [
        message.move_to(MessageState.BLOCKED, now, reason=OPTED_OUT, detail=_DETAIL)
        for message in await lock_silenced(tx, whom)
    ]
    moves = [
        Transition(message, event=message_event(ids.new("evt", now), message))
        for message in blocked
    ]
    recorded = await record_transitions(tx, moves)
    assert all(recorded), "the messages are locked"
    return blocked
