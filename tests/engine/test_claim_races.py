"""A claim against another claim and against a cancel, over PostgreSQL, in both orders."""

from datetime import timedelta

import pytest

from tests.engine.stage import FakeProvider, make_dispatcher
from tests.factories import NOW, make_message
from tests.race import race
from wirephoto.domain.daily_cap import CapRules
from wirephoto.domain.message import MessageState
from wirephoto.engine.claim import claim_due
from wirephoto.engine.moves import cancel
from wirephoto.storage.messages import Transition, record_transitions
from wirephoto.storage.schema import DEFAULT_ACCOUNT


@pytest.fixture
def database_url(postgres_url: str) -> str:
    """SQLite has one writer at a time, so that these cannot happen there."""
    return postgres_url


async def claim(tx, limit=10):
    return await claim_due(
        tx,
        DEFAULT_ACCOUNT,
        now=NOW,
        head_start=timedelta(),
        limit=limit,
        lease=timedelta(seconds=30),
        cap_rules=CapRules(),
    )


async def claim_apart(stage, limit=10):
    async with stage.database.transaction() as tx:
        return await claim(tx, limit)


async def test_two_claims_share_messages_and_slots(stage):
    """Each message is one process' and each slot one message's, whoever comes first."""
    await stage.prepare(rate=100.0)
    waiting = [make_message() for _ in range(6)]
    await stage.store(*waiting)
    claimed = []

    async def first(tx):
        claimed.extend((await claim(tx, limit=3)).messages)

    second = await race(stage.database, first, lambda: claim_apart(stage))

    claimed += second.messages
    assert sorted(message.id for message in claimed) == sorted(message.id for message in waiting)
    slots = [message.slot_at - NOW for message in claimed]
    assert slots == [timedelta(milliseconds=10 * place) for place in range(6)]


async def test_a_claim_that_was_never_committed_is_somebody_elses(stage):
    """Its process was killed in the middle: nothing of it counts, neither messages nor slots."""
    message = make_message()
    await stage.store(message)

    second = await race(stage.database, claim, lambda: claim_apart(stage), first_is_undone=True)

    [claimed] = second.messages
    assert (claimed.id, claimed.version, claimed.slot_at) == (message.id, 2, NOW)


async def test_a_cancel_that_meets_a_claim_takes_the_message_from_it(stage):
    """Claimed is not sent: the customer who asks in time is obeyed."""
    message = make_message()
    await stage.store(message)
    provider = FakeProvider(stage.clock)
    dispatcher = make_dispatcher(stage, provider)
    claimed = []

    async def first(tx):
        claimed.extend((await claim(tx)).messages)

    canceled, done = await race(stage.database, first, lambda: cancel_apart(stage, message))
    await dispatcher._send(claimed[0], turn=1, probed=frozenset())

    assert (canceled.state, done) == (MessageState.CANCELED, True)
    assert provider.submitted == []
    assert await stage.states([message]) == ["canceled"]


async def test_a_claim_leaves_out_what_is_being_canceled(stage):
    """It saw the message in the queue, and waited: what it gets must be true afterwards."""
    message = make_message()
    await stage.store(message)
    canceled = message.move_to(MessageState.CANCELED, NOW)

    async def first(tx):
        assert await record_transitions(tx, [Transition(canceled)]) == [True]

    claimed = await race(stage.database, first, lambda: claim_apart(stage))

    assert claimed.messages == []
    assert await stage.states([message]) == ["canceled"]


async def cancel_apart(stage, message):
    return await cancel(
        stage.database,
        stage.commits,
        tenant_id=message.tenant_id,
        message_id=message.id,
        clock=stage.clock,
        ids=stage.ids,
    )
