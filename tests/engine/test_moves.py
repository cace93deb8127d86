"""What a customer may do with a message: cancel it, wait for its answer."""

import asyncio
from datetime import timedelta

import pytest

from tests.engine.stage import FakeProvider, Stage, eventually, make_dispatcher
from tests.factories import NOW, make_message
from wirephoto.domain.message import WAITING, Message, MessageState
from wirephoto.engine.moves import POLL_S, cancel, wait_until
from wirephoto.storage.database import open_database
from wirephoto.storage.messages import Transition, record_transitions


async def cancel_it(stage: Stage, message: Message) -> tuple[Message | None, bool]:
    return await cancel(
        stage.database,
        stage.commits,
        tenant_id=message.tenant_id,
        message_id=message.id,
        clock=stage.clock,
        ids=stage.ids,
    )


def submitted(message: Message) -> bool:
    return message.state is MessageState.SUBMITTED


async def wait_for(stage: Stage, message: Message, *, seconds: float = 10.0) -> Message | None:
    return await wait_until(
        stage.database,
        stage.clock,
        tenant_id=message.tenant_id,
        message_id=message.id,
        done=submitted,
        patience=timedelta(seconds=seconds),
    )


async def test_only_what_has_not_left_can_be_canceled(stage):
    """The customer hears "too late", never that a message on its way was stopped."""
    messages = [make_message(state=state) for state in MessageState]
    await stage.store(*messages)

    found = [await cancel_it(stage, message) for message in messages]

    canceled = {message.state for message, (_, done) in zip(messages, found, strict=True) if done}
    assert canceled == WAITING
    for message, (stood, done) in zip(messages, found, strict=True):
        stored = await stage.message(message)
        assert stood == stored
        assert stored.state is (MessageState.CANCELED if done else message.state)
        assert await stage.events(message) == (["canceled"] if done else [])


async def test_what_nobody_sent_cannot_be_canceled(stage):
    """Nor what belongs to somebody else."""
    message = make_message()
    await stage.store(message)

    missing = await cancel_it(stage, make_message())
    foreign = await cancel(
        stage.database,
        stage.commits,
        tenant_id="tnt_other",
        message_id=message.id,
        clock=stage.clock,
        ids=stage.ids,
    )

    assert missing == foreign == (None, False)
    assert (await stage.message(message)).state is MessageState.QUEUED


async def test_canceling_twice_tells_that_it_is_canceled(stage):
    """A repeat after a lost answer finds what it wanted, and tells nobody twice."""
    message = make_message()
    await stage.store(message)
    await cancel_it(stage, message)

    stood, done = await cancel_it(stage, message)

    assert stood is not None
    assert (stood.state, done) == (MessageState.CANCELED, False)
    assert await stage.events(message) == ["canceled"]


@pytest.mark.parametrize("lead", range(6))
async def test_canceled_or_sent_but_never_both(stage, lead):
    """Wherever the dispatcher is when the request comes, the answer is true."""
    message, provider = make_message(), FakeProvider(stage.clock)
    await stage.store(message)
    dispatcher = make_dispatcher(stage, provider)

    turn = asyncio.create_task(dispatcher.turn())
    for _ in range(lead * 5):
        await asyncio.sleep(0)  # noqa: TID251 - lets the claim get so far
    canceling = asyncio.create_task(cancel_it(stage, message))
    await asyncio.gather(turn, canceling)
    await stage.advance(1.0)

    _, canceled = canceling.result()
    assert canceled == (provider.submitted == [])
    state = MessageState.CANCELED if canceled else MessageState.SUBMITTED
    assert (await stage.message(message)).state is state


async def test_waiting_ends_with_the_move_itself(stage):
    """`/send-mms` answers as soon as the provider did: no clock moves here."""
    message = make_message(state=MessageState.SENDING)
    await stage.store(message)
    waiting = asyncio.create_task(wait_for(stage, message))
    await stage.quiet()
    assert not waiting.done()

    moved = Transition(message.move_to(MessageState.SUBMITTED, NOW))
    await stage.commits.run(record_transitions, moved)

    await eventually(waiting.done)
    assert waiting.result().state is MessageState.SUBMITTED
    assert not stage.database.has_watcher(message.id)


async def test_a_move_of_another_process_is_noticed_soon(stage, database_url):
    """Its notifications name no single message, so the row is looked at again and again."""
    message = make_message(state=MessageState.SENDING)
    await stage.store(message)
    waiting = asyncio.create_task(wait_for(stage, message))
    await stage.quiet()
    other = open_database(database_url)
    async with other.transaction() as tx:
        await record_transitions(tx, [Transition(message.move_to(MessageState.SUBMITTED, NOW))])
    await other.close()
    await stage.quiet()
    assert not waiting.done()

    await stage.advance(POLL_S)

    assert waiting.done()


async def test_waiting_ends_with_the_patience(stage):
    """The caller gets the message as it stands, and may look again."""
    message = make_message()
    await stage.store(message)
    waiting = asyncio.create_task(wait_for(stage, message, seconds=2.0))

    await stage.advance(1.9)
    assert not waiting.done()
    await stage.advance(0.2)

    assert waiting.result() == message


async def test_waiting_for_nothing_is_over_at_once(stage):
    """A message that does not exist will not come."""
    assert await wait_for(stage, make_message()) is None
