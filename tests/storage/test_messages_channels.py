"""How messages and attempts travel, as it is stored and changed."""

from datetime import timedelta

from tests.factories import NOW, make_attempt, make_message
from tests.storage.writing import load, store
from wirephoto.domain.channel import Channel
from wirephoto.domain.message import MessageState
from wirephoto.storage.messages import Transition, get_attempt, record_transitions
from wirephoto.storage.schema import DEFAULT_TENANT

LATER = NOW + timedelta(seconds=5)


async def test_a_move_may_change_how_a_message_travels(database):
    """A refused picture that goes on as a text takes the text's slots."""
    message = make_message(state=MessageState.SUBMITTED, attempts=1, fallback_text="Sorry")
    attempt = make_attempt(message, number=2, channel=Channel.SMS)
    await store(database, message)
    text = message.move_to(MessageState.QUEUED, LATER, channel=Channel.SMS, weight=2)

    async with database.transaction() as tx:
        moved = await record_transitions(tx, [Transition(text, begun=attempt)])

    assert moved == [True]

    assert await load(database, message) == text
    async with database.read() as tx:
        assert await get_attempt(tx, DEFAULT_TENANT, attempt.id) == attempt
