"""What a customer may do with a message: cancel it, settle it, wait for its answer."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.engine.stage import FakeProvider, Stage, eventually, make_dispatcher
from tests.factories import NOW, make_attempt, make_message
from wirephoto.domain.doubt import Resolution
from wirephoto.domain.message import WAITING, AttemptState, Message, MessageState
from wirephoto.engine.moves import POLL_S, cancel, resolve, wait_until
from wirephoto.storage.audit import list_audit
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


async def store_doubted(stage: Stage, *, state: MessageState = MessageState.UNCONFIRMED) -> Message:
    message = make_message(state=state, attempts=1)
    await stage.store(message)
    await stage.store_attempts(make_attempt(message, state=AttemptState.UNCONFIRMED, ended_at=NOW))
    return message


async def resolve_it(
    stage: Stage,
    message: Message,
    resolution: Resolution = Resolution.NOT_SENT,
    *,
    attempt_number: int | None = None,
    commits: Any = None,
) -> tuple[Message | None, bool]:
    return await resolve(
        stage.database,
        commits or stage.commits,
        tenant_id=message.tenant_id,
        message_id=message.id,
        resolution=resolution,
        attempt_number=attempt_number,
        provider_message_id=None,
        actor="key_1",
        clock=stage.clock,
        ids=stage.ids,
    )


async def audit_of(stage: Stage, message: Message) -> list[tuple[str, str, str, str]]:
    async with stage.database.read() as tx:
        rows = await list_audit(tx, message.tenant_id, before_id=None, limit=10)
    return [(row.actor, row.act, row.object, row.detail["outcome"]) for row in rows]


@pytest.mark.parametrize(
    ("resolution", "state"),
    [
        (Resolution.SENT, MessageState.SUBMITTED),
        (Resolution.NOT_SENT, MessageState.QUEUED),
        (Resolution.ABANDON, MessageState.FAILED),
    ],
)
async def test_a_human_settles_a_doubt_and_it_is_known_who(stage, resolution, state):
    """The decision can cost a second picture, so it has a name on it."""
    message = await store_doubted(stage)

    stood, done = await resolve_it(stage, message, resolution)

    assert done
    assert stood == await stage.message(message)
    assert stood.state is state
    assert await stage.events(message) == [state.value]
    assert await audit_of(stage, message) == [
        ("key_1", "message.resolve", message.id, resolution.value)
    ]


async def test_what_is_not_sent_after_all_goes_out_with_a_name_of_its_own(stage):
    """A late receipt for the first attempt must not be taken for one of the second."""
    message = await store_doubted(stage)
    await resolve_it(stage, message)
    dispatcher = make_dispatcher(stage, FakeProvider(stage.clock))

    await dispatcher.turn()
    await stage.advance(0.2)

    first, second = await stage.attempts(message)
    assert (first.state, second.state) == (AttemptState.NOT_ACCEPTED, AttemptState.SUBMITTED)
    assert first.client_ref != second.client_ref


async def test_only_what_is_in_doubt_can_be_settled(stage):
    """Twice the same decision is one decision, and facts are not overruled."""
    others = [
        await store_doubted(stage, state=state)
        for state in MessageState
        if state is not MessageState.UNCONFIRMED
    ]
    message = await store_doubted(stage)
    await resolve_it(stage, message)

    for other in (message, *others):
        stood, done = await resolve_it(stage, other, Resolution.ABANDON)
        assert not done
        assert stood == await stage.message(other)
    assert len(await audit_of(stage, message)) == 1
    assert await resolve_it(stage, make_message()) == (None, False)


async def test_a_receipt_that_comes_first_wins_over_the_human(stage):
    """The decision is dropped with its entry in the audit trail, and nothing is sent again."""
    message = await store_doubted(stage)

    class Overtaken:
        async def run(self, write, item):
            moved = (await stage.message(message)).move_to(MessageState.DELIVERED, NOW)
            await stage.commits.run(record_transitions, Transition(moved))
            return await stage.commits.run(write, item)

    stood, done = await resolve_it(stage, message, commits=Overtaken())

    assert (stood.state, done) == (MessageState.DELIVERED, False)
    assert await audit_of(stage, message) == []


async def doubt_again(stage: Stage, message: Message) -> None:
    """Send a message in doubt again, until it is in doubt once more."""
    stored = await stage.message(message)
    for state in (MessageState.QUEUED, MessageState.CLAIMED, MessageState.SENDING):
        stored = stored.move_to(state, NOW)
        await stage.commits.run(record_transitions, Transition(stored))
    second = make_attempt(message, number=2, state=AttemptState.UNCONFIRMED, ended_at=NOW)
    doubted = stored.move_to(MessageState.UNCONFIRMED, NOW, attempts=2)
    await stage.commits.run(record_transitions, Transition(doubted, begun=second))


async def test_what_is_true_of_one_attempt_is_not_said_of_the_next(stage):
    """The first never left, the second may have arrived: said twice, that is a second picture."""
    message = await store_doubted(stage)
    await doubt_again(stage, message)

    stood, done = await resolve_it(stage, message, attempt_number=1)

    assert (stood.state, done) == (MessageState.UNCONFIRMED, False)
    assert await audit_of(stage, message) == []
    _, done = await resolve_it(stage, message, attempt_number=2)
    assert done


async def test_an_attempt_that_comes_while_a_decision_is_stored_is_left_alone(stage):
    """Whoever names no attempt means the one that was there when the request came."""
    message = await store_doubted(stage)

    class Overtaken:
        async def run(self, write, item):
            if (await stage.message(message)).attempts == 1:
                await doubt_again(stage, message)
            return await stage.commits.run(write, item)

    stood, done = await resolve_it(stage, message, commits=Overtaken())

    assert (stood.state, stood.attempts, done) == (MessageState.UNCONFIRMED, 2, False)
    assert await audit_of(stage, message) == []
