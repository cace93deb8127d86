"""Races that only several sessions of one PostgreSQL can run, stepped by hand."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.engine.on_the_wire import send_to_the_wire
from tests.engine.stage import FakeProvider, eventually, make_dispatcher
from tests.factories import NOW, make_attempt, make_message
from tests.race import race, waits_for_a_lock
from wirephoto.domain.message import AttemptState, MessageState
from wirephoto.domain.outcome import Outcome, Verdict
from wirephoto.engine.maintenance import DEADLINE_MARGIN, Rescuer
from wirephoto.storage.messages import Transition, begin_sending, record_transitions
from wirephoto.storage.schema import DEFAULT_ACCOUNT, accounts
from wirephoto.storage.senders import lock_line

UNAUTHORIZED = Outcome(Verdict.STOP_LINE, "unauthorized", "No.", http_status=401)


@pytest.fixture
def database_url(postgres_url: str) -> str:
    """SQLite has one writer at a time, so that these cannot happen there."""
    return postgres_url


async def test_a_line_that_stops_during_a_claim_halts_what_the_claim_brings(stage):
    """Otherwise a whole claim would run into credentials that are known to be wrong."""
    first, second = make_message(), make_message()
    provider, answering = FakeProvider(stage.clock, UNAUTHORIZED), asyncio.Event()

    async def witness(_submission):
        await answering.wait()

    provider.witness = witness
    await stage.store(first)
    dispatcher = make_dispatcher(stage, provider)
    await dispatcher.turn()
    await stage.advance(0.1)
    await stage.store(second)
    async with stage.database.transaction() as tx:
        await lock_line(tx, accounts, DEFAULT_ACCOUNT)
        claiming = asyncio.create_task(dispatcher.turn())
        await eventually(lambda: waits_for_a_lock(stage.database))
        answering.set()
        await eventually(lambda: is_in(stage, first, MessageState.QUEUED))

    await claiming
    await stage.advance(1.0)

    assert len(provider.submitted) == 1
    assert await stage.states([first, second]) == ["queued", "queued"]


async def test_an_answer_that_comes_while_its_attempt_is_given_up_stays(stage):
    """What the provider said is never overwritten by what we had to assume."""
    message = make_message(state=MessageState.SENDING, attempts=1)
    attempt = make_attempt(message, deadline_at=NOW - DEADLINE_MARGIN * 2)
    await stage.store(message)
    await stage.store_attempts(attempt)
    rescuer = Rescuer(stage.database, stage.clock, stage.ids)
    answered = make_attempt(
        message, id=attempt.id, client_ref=attempt.client_ref, state=AttemptState.SUBMITTED
    )

    async def answer(tx):
        moved = message.move_to(MessageState.SUBMITTED, NOW)
        await record_transitions(tx, [Transition(moved, attempt=answered)])

    await race(stage.database, answer, rescuer.turn)

    [stored] = await stage.attempts(message)
    assert stored.state is AttemptState.SUBMITTED
    assert (await stage.message(message)).state is MessageState.SUBMITTED


async def test_a_late_answer_settles_what_was_given_up_before_it(stage):
    """The rescuer had to call it unconfirmed; the answer, when it comes, knows better."""
    wire = await send_to_the_wire(stage)
    doubted = replace(wire.attempt, state=AttemptState.UNCONFIRMED)

    async def give_up(tx):
        moved = Transition(wire.message.move_to(MessageState.UNCONFIRMED, NOW), attempt=doubted)
        assert await record_transitions(tx, [moved]) == [True]

    await race(stage.database, give_up, wire.answer)

    [stored] = await stage.attempts(wire.message)
    assert (stored.state, stored.provider_message_id) == (AttemptState.SUBMITTED, "uuid-1")
    assert await stage.states([wire.message]) == ["submitted"]


async def claimed_message(stage):
    """Return a message that a dispatcher has, with a slot that is now."""
    message = make_message(
        state=MessageState.CLAIMED, slot_at=NOW, lease_until=NOW + timedelta(seconds=30)
    )
    await stage.store(message)
    return message


def block(message):
    """Return the move by which an opt-out keeps a message back."""
    return Transition(message.move_to(MessageState.BLOCKED, NOW, reason="opted_out"))


async def test_a_stop_that_is_first_keeps_the_message_back(stage):
    """Nothing reaches a phone after its STOP was taken: the last check waits for it and sees it."""
    message, provider = await claimed_message(stage), FakeProvider(stage.clock)
    dispatcher = make_dispatcher(stage, provider)

    async def stop(tx):
        assert await record_transitions(tx, [block(message)]) == [True]

    await race(stage.database, stop, lambda: dispatcher._send(message, turn=1, probed=frozenset()))

    assert provider.submitted == []
    assert await stage.attempts(message) == []
    assert await stage.states([message]) == ["blocked"]


async def test_a_stop_that_is_second_finds_the_message_gone(stage):
    """Its commit was the moment at which it left: nobody is told that it was kept back."""
    message = await claimed_message(stage)
    sending = message.move_to(MessageState.SENDING, NOW, attempts=1)

    async def begin(tx):
        begun = Transition(sending, begun=make_attempt(sending))
        assert await begin_sending(tx, [begun]) == [True]

    async def stop():
        async with stage.database.transaction() as tx:
            return await record_transitions(tx, [block(message)])

    assert await race(stage.database, begin, stop) == [False]
    assert await stage.states([message]) == ["sending"]


async def is_in(stage, message, state):
    return (await stage.message(message)).state is state
