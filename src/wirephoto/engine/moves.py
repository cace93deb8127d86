"""What a customer may do with a message: cancel it, and wait for its answer."""

from collections.abc import Callable
from datetime import timedelta

from wirephoto.clock import Clock
from wirephoto.domain.event import message_event
from wirephoto.domain.message import Message, MessageState
from wirephoto.engine.loop import rest
from wirephoto.ids import Ids
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.database import Database
from wirephoto.storage.messages import Transition, get_message, record_transitions

POLL_S = 0.25
"""How often a waiting request looks for a move that another process made."""
CANCEL_TRIES_MAX = 5


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
    for _ in range(CANCEL_TRIES_MAX):
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
