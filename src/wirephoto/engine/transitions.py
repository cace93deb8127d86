"""What is to be recorded of an attempt and its message after they moved together."""

from datetime import datetime

from wirephoto.domain.event import message_event
from wirephoto.domain.follow import Pair
from wirephoto.ids import Ids
from wirephoto.storage.messages import Transition


def transition_between(before: Pair, after: Pair, *, ids: Ids, now: datetime) -> Transition | None:
    """Return the move from `before` to `after`, or None where nothing has changed.

    Customers hear of a move of the message alone; an attempt that changes by itself grows the
    message's version, which guards it.
    """
    message, attempt = after.message, after.attempt
    if message.state is not before.message.state:
        event = message_event(ids.new("evt", now), message, attempt)
        return Transition(message, event=event, attempt=attempt)
    if after == before:
        return None
    if message is before.message:
        message = message.touched(now)
    return Transition(message, attempt=attempt)
