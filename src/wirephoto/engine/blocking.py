"""What waits for people who must not get it any more ends as `blocked`, before it can leave."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from wirephoto.domain.event import message_event
from wirephoto.domain.message import Message, MessageState
from wirephoto.ids import Ids
from wirephoto.storage.database import Database, Transaction
from wirephoto.storage.messages import Transition, record_transitions
from wirephoto.storage.waiting import lock_revoked, lock_silenced, recipients_of

OPTED_OUT = "opted_out"
REVOKED = "consent_revoked"
_DETAILS = {
    OPTED_OUT: "The recipient has opted out of hearing from this sender.",
    REVOKED: "The recipient has taken back the consent that it needs.",
}


async def block_silenced(
    tx: Transaction, whom: Iterable[tuple[str, str]], *, ids: Ids, now: datetime
) -> list[Message]:
    """End what waits for recipients who have opted out of it; return what that was.

    `whom` are pairs of a tenant's id and one of its recipients.
    """
    return await _block(tx, await lock_silenced(tx, whom), OPTED_OUT, ids=ids, now=now)


async def block_revoked(
    tx: Transaction, whom: Iterable[tuple[str, str]], *, ids: Ids, now: datetime
) -> list[Message]:
    """End in the same way what waits for recipients who took back the consent that it needs."""
    return await _block(tx, await lock_revoked(tx, whom), REVOKED, ids=ids, now=now)


async def block_refused(
    database: Database, message_ids: Sequence[str], *, ids: Ids, now: datetime
) -> frozenset[str]:
    """End those messages that the claim or the last look refused; return which those are.

    They were accepted while their recipient opted out or took a consent back, so that neither saw
    the other.
    """
    if not message_ids:
        return frozenset()
    async with database.transaction() as tx:
        whom = await recipients_of(tx, message_ids)
        blocked = await block_silenced(tx, whom, ids=ids, now=now)
        blocked += await block_revoked(tx, whom, ids=ids, now=now)
    return frozenset(message_ids) & {message.id for message in blocked}


async def _block(
    tx: Transaction, waiting: Sequence[Message], reason: str, *, ids: Ids, now: datetime
) -> list[Message]:
    blocked = [
        message.move_to(MessageState.BLOCKED, now, reason=reason, detail=_DETAILS[reason])
        for message in waiting
    ]
    moves = [
        Transition(message, event=message_event(ids.new("evt", now), message))
        for message in blocked
    ]
    recorded = await record_transitions(tx, moves)
    assert all(recorded), "the messages are locked"
    return blocked
