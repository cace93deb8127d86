"""Races that only several sessions of one PostgreSQL can run, stepped by hand."""

import asyncio

import pytest

from tests.engine.stage import FakeProvider, eventually, make_dispatcher
from tests.factories import NOW, make_attempt, make_message
from wirephoto.domain.message import AttemptState, MessageState
from wirephoto.domain.outcome import Outcome, Verdict
from wirephoto.engine.maintenance import DEADLINE_MARGIN, Rescuer
from wirephoto.storage.messages import Transition, record_transitions
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
        await eventually(lambda: waits_for_a_lock(stage))
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
    async with stage.database.transaction() as tx:
        moved = message.move_to(MessageState.SUBMITTED, NOW)
        await record_transitions(tx, [Transition(moved, attempt=answered)])
        rescuing = asyncio.create_task(rescuer.turn())
        await eventually(lambda: waits_for_a_lock(stage))

    await rescuing

    [stored] = await stage.attempts(message)
    assert stored.state is AttemptState.SUBMITTED
    assert (await stage.message(message)).state is MessageState.SUBMITTED


async def waits_for_a_lock(stage):
    """Tell whether a session waits for a row that another one holds."""
    async with stage.database.read() as tx:
        waiting = await tx.connection.exec_driver_sql(
            "SELECT count(*) FROM pg_locks WHERE NOT granted"
        )
        return waiting.scalar_one() > 0


async def is_in(stage, message, state):
    return (await stage.message(message)).state is state
