"""Receipts that come early, that ask for another attempt, or that stop a line."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.engine.stage import (
    FakeProvider,
    Stage,
    logged,
    make_dispatcher,
    make_inbound,
    receipt,
    sent_message,
)
from tests.factories import NOW
from wirephoto.domain.message import AttemptState, MessageState
from wirephoto.domain.outcome import FailureClass
from wirephoto.engine.inbound import MATCH_PATIENCE, MATCH_REST, Inbound
from wirephoto.storage.messages import Transition, record_transitions
from wirephoto.storage.schema import accounts, campaigns

REJECTED = {"type": "https://developer.vonage.com/api-errors#1300", "title": "1300"}


@pytest.fixture
def inbound(stage: Stage) -> Inbound:
    return make_inbound(stage)


async def test_a_receipt_without_our_name_waits_for_the_answer_that_it_overtook(stage, inbound):
    """The provider's name is only known from the answer, which may be stored a moment later."""
    message, attempt = await sent_message(stage, state=MessageState.SENDING)
    await stage.tell(receipt(None, "uuid-9"))
    await inbound.turn()
    [waiting] = await stage.webhooks()
    async with stage.database.transaction() as tx:
        named = replace(attempt, provider_message_id="uuid-9")
        await record_transitions(
            tx, [Transition(message.touched(stage.clock.now()), attempt=named)]
        )
    await stage.advance(MATCH_REST.total_seconds())

    await inbound.turn()

    assert waiting.outcome is None
    assert [row.outcome for row in await stage.webhooks()] == ["applied"]
    assert (await stage.message(message)).state is MessageState.DELIVERED


async def test_a_receipt_without_our_name_does_not_wait_for_ever(stage, inbound):
    """It may be of another system that uses the same application."""
    await stage.tell(receipt(None, "uuid-elsewhere"))
    await inbound.turn()
    await stage.advance(MATCH_PATIENCE.total_seconds())

    await inbound.turn()

    assert [row.outcome for row in await stage.webhooks()] == ["unmatched"]


async def test_the_opposite_of_a_last_word_is_named_and_changes_nothing(stage, inbound):
    """Carriers contradict themselves; customers hear one last word."""
    message, attempt = await sent_message(stage)
    await stage.tell(receipt(attempt.client_ref, status="rejected", error=REJECTED))
    await stage.tell(receipt(attempt.client_ref, status="delivered"))

    with logged() as lines:
        await inbound.turn()

    assert [row.outcome for row in await stage.webhooks()] == ["applied", "contradicted"]
    assert (await stage.message(message)).state is MessageState.REJECTED
    assert "receipt_contradicted" in [line["event"] for line in lines]


async def test_a_temporary_rejection_is_followed_by_another_attempt(stage, inbound):
    """The customer hears no last word yet, and the new attempt has a name of its own."""
    message, attempt = await sent_message(stage)
    await stage.tell(receipt(attempt.client_ref, status="rejected", error={"title": "1180"}))

    await inbound.turn()
    waiting = await stage.message(message)
    await stage.advance(3600.0)
    provider = FakeProvider(stage.clock)
    dispatcher = make_dispatcher(stage, provider)
    await dispatcher.turn()
    await stage.advance(0.1)

    assert (waiting.state, waiting.resends) == (MessageState.QUEUED, 1)
    assert waiting.due_at == NOW + timedelta(seconds=90)
    [asked] = provider.submitted
    assert asked.client_ref != attempt.client_ref
    attempts = await stage.attempts(message)
    assert [each.state for each in attempts] == [AttemptState.REJECTED, AttemptState.SUBMITTED]
    assert await stage.events(message) == ["queued", "sending", "submitted"]


async def test_the_operator_may_judge_a_code_otherwise(stage):
    """What a code means differs between accounts and carriers (contract 3)."""
    message, attempt = await sent_message(stage)
    inbound = make_inbound(stage, classes={"1300": FailureClass.RETRY})
    await stage.tell(receipt(attempt.client_ref, status="rejected", error=REJECTED))

    await inbound.turn()

    assert (await stage.message(message)).state is MessageState.QUEUED


@pytest.mark.parametrize(
    ("code", "table"), [("1420", campaigns), ("1484", campaigns), ("1070", accounts)]
)
async def test_a_fault_of_the_sender_or_the_account_stops_its_line(stage, inbound, code, table):
    """Every further message would be taken, paid for and rejected."""
    message, attempt = await sent_message(stage)
    await stage.tell(receipt(attempt.client_ref, status="rejected", error={"title": code}))

    await inbound.turn()

    stops = {accounts: await stage.account(), campaigns: await stage.campaign()}
    assert [each for each, row in stops.items() if row.stopped_at] == [table]
    assert stops[table].stop_proof == "receipt"
    assert (await stage.message(message)).state is MessageState.QUEUED
