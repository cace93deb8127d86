"""A human's decision against the carrier's word, over PostgreSQL, in both orders."""

from functools import partial

import pytest

from tests.engine.stage import FakeProvider, make_dispatcher, make_inbound, receipt
from tests.factories import NOW, make_attempt, make_message
from tests.race import race
from wirephoto.domain.doubt import Resolution
from wirephoto.domain.doubt import resolve as resolved
from wirephoto.domain.follow import Pair
from wirephoto.domain.message import AttemptState, MessageState
from wirephoto.engine.moves import resolve
from wirephoto.storage.audit import list_audit
from wirephoto.storage.messages import Transition, record_transitions


@pytest.fixture
def database_url(postgres_url: str) -> str:
    """SQLite has one writer at a time, so that these cannot happen there."""
    return postgres_url


async def doubted(stage):
    message = make_message(state=MessageState.UNCONFIRMED, attempts=1)
    attempt = make_attempt(message, state=AttemptState.UNCONFIRMED, ended_at=NOW)
    await stage.store(message)
    await stage.store_attempts(attempt)
    return Pair(message, attempt)


async def record(pair, tx):
    moved = Transition(pair.message, attempt=pair.attempt)
    assert await record_transitions(tx, [moved]) == [True]


async def test_a_receipt_that_waits_for_a_decision_withdraws_what_it_ordered(stage):
    """Somebody said "not sent", and the carrier says "delivered": it is not sent again."""
    before = await doubted(stage)
    await stage.tell(receipt(before.attempt.client_ref, "uuid-1", "delivered"))
    decided = resolved(before, Resolution.NOT_SENT, NOW)

    await race(stage.database, partial(record, decided), make_inbound(stage).turn)

    assert await stage.states([before.message]) == ["delivered"]
    dispatcher = make_dispatcher(stage, provider := FakeProvider(stage.clock))
    await dispatcher.turn()
    await stage.advance(1.0)
    assert provider.submitted == []


async def test_a_decision_that_waits_for_a_receipt_is_dropped(stage):
    """Nor does the audit trail tell of what was not done."""
    before = await doubted(stage)
    delivered = Pair(
        before.message.move_to(MessageState.DELIVERED, NOW),
        before.attempt.move_to(AttemptState.DELIVERED, NOW),
    )
    decide = partial(
        resolve,
        stage.database,
        stage.commits,
        tenant_id=before.message.tenant_id,
        message_id=before.message.id,
        attempt_number=None,
        resolution=Resolution.NOT_SENT,
        provider_message_id=None,
        actor="key_1",
        clock=stage.clock,
        ids=stage.ids,
    )

    message, done = await race(stage.database, partial(record, delivered), decide)

    assert (message.state, done) == (MessageState.DELIVERED, False)
    async with stage.database.read() as tx:
        assert await list_audit(tx, before.message.tenant_id, before_id=None, limit=9) == []
