"""The provider's answer against its receipt, over PostgreSQL, in both orders."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select

from tests.engine.on_the_wire import send_to_the_wire
from tests.engine.stage import eventually, make_inbound, receipt
from tests.factories import NOW, SENDER, make_attempt, make_message
from tests.race import race, waits_for_a_lock
from wirephoto.domain.message import AttemptState, MessageState
from wirephoto.engine.inbound import INBOUND
from wirephoto.storage.consents import Worded, store_worded
from wirephoto.storage.messages import Transition, record_transitions
from wirephoto.storage.schema import DEFAULT_BRAND, DEFAULT_TENANT
from wirephoto.storage.schema_recipients import contacts


@pytest.fixture
def database_url(postgres_url: str) -> str:
    """SQLite has one writer at a time, so that these cannot happen there."""
    return postgres_url


async def test_a_receipt_that_waits_for_the_answer_follows_it(stage):
    """It read the attempt before the answer was there, and must not overwrite what that said."""
    message = make_message(state=MessageState.SENDING, attempts=1)
    attempt = make_attempt(message)
    await stage.store(message)
    await stage.store_attempts(attempt)
    await stage.tell(receipt(attempt.client_ref, "uuid-1", "delivered"))
    submitted = message.move_to(MessageState.SUBMITTED, NOW, provider_message_id="uuid-1")
    answered = replace(
        attempt, state=AttemptState.SUBMITTED, provider_message_id="uuid-1", http_status=202
    )

    async def answer(tx):
        moved = Transition(submitted, attempt=answered)
        assert await record_transitions(tx, [moved]) == [True]

    await race(stage.database, answer, make_inbound(stage).turn)

    [stored] = await stage.attempts(message)
    assert (stored.state, stored.http_status) == (AttemptState.DELIVERED, 202)
    assert await stage.states([message]) == ["delivered"]


async def test_an_answer_that_waits_for_the_receipt_changes_nothing_of_it(stage):
    """The carrier's word was first: "submitted" is no news any more."""
    wire = await send_to_the_wire(stage)
    delivered = replace(wire.attempt, state=AttemptState.DELIVERED, provider_message_id="uuid-1")

    async def deliver(tx):
        moved = Transition(wire.message.move_to(MessageState.DELIVERED, NOW), attempt=delivered)
        assert await record_transitions(tx, [moved]) == [True]

    await race(stage.database, deliver, wire.answer)

    [stored] = await stage.attempts(wire.message)
    assert stored.state is AttemptState.DELIVERED
    assert await stage.states([wire.message]) == ["delivered"]
    assert len(wire.provider.submitted) == 1


async def test_phones_that_write_are_locked_in_the_order_in_which_all_lock_contacts(stage):
    """Whoever writes last may come first by number: the two would wait for each other."""
    early, late = "+12125550101", "+12125550102"
    for phone in (late, early):
        body = {"message_uuid": f"in-{phone[-1]}", "from": phone[1:], "to": SENDER[1:]}
        told = {"channel": "sms", "message_type": "text", "text": "Nice cat"}
        await stage.tell(body | told, kind=INBOUND)
    worded = {phone: [Worded(DEFAULT_TENANT, DEFAULT_BRAND, phone, NOW)] for phone in (early, late)}

    async with stage.database.transaction() as tx:
        await store_worded(tx, worded[early])
        turn = asyncio.ensure_future(make_inbound(stage).turn())
        await eventually(lambda: waits_for_a_lock(stage.database))
        await store_worded(tx, worded[late])
    await turn

    async with stage.database.read() as tx:
        rows = (await tx.execute(select(contacts))).all()
    assert {(row.recipient, row.first_in_at) for row in rows} == {(early, NOW), (late, NOW)}
