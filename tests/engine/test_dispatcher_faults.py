"""When things go wrong or end while messages are on their way: nothing is lost, nothing doubled."""

import asyncio

import pytest

from tests.engine.stage import (
    FailingCommits,
    FakeProvider,
    Stage,
    UnansweredCommits,
    logged,
    make_dispatcher,
    make_inbound,
    receipt,
)
from tests.factories import make_message
from wirephoto.domain.message import AttemptState, Message, MessageState
from wirephoto.domain.outcome import Outcome, Verdict
from wirephoto.engine.dispatcher import RECORD_REST_S, Dispatcher
from wirephoto.engine.maintenance import Rescuer
from wirephoto.storage.messages import begin_sending, lock_messages, record_transitions

LOST = Outcome(Verdict.UNKNOWN, "connection_lost", "Gone.")
REFUSED = Outcome(Verdict.FAIL, "invalid_recipient", "No.", http_status=422)


class SlowProvider(FakeProvider):
    """Answers when told to."""

    def __init__(self, clock, *outcomes):
        super().__init__(clock, *outcomes)
        self.answering = asyncio.Event()
        self.witness = self._wait

    async def _wait(self, _submission):
        await self.answering.wait()


async def begin(stage: Stage, provider: FakeProvider, *messages: Message) -> Dispatcher:
    """Store messages, claim them, and let the first one leave."""
    await stage.store(*messages)
    dispatcher = make_dispatcher(stage, provider)
    await dispatcher.turn()
    await stage.advance(0.04)
    assert len(provider.submitted) == 1
    return dispatcher


async def test_a_graceful_stop_returns_what_has_not_left_and_waits_for_the_rest(stage):
    """An operator who restarts the gateway neither loses nor doubles anything."""
    messages = [make_message() for _ in range(3)]
    provider = SlowProvider(stage.clock)
    dispatcher = await begin(stage, provider, *messages)

    stopping = asyncio.create_task(dispatcher.stop(60.0))
    await stage.advance(0.5)
    assert not stopping.done()
    provider.answering.set()
    await stopping

    assert len(provider.submitted) == 1
    assert sorted(await stage.states(messages)) == ["queued", "queued", "submitted"]
    assert dispatcher.in_flight == 0


async def test_what_is_unanswered_after_the_grace_stays_in_doubt(stage):
    """It may have been taken: only a receipt, a report or a human may say."""
    message, provider = make_message(), SlowProvider(stage.clock)
    dispatcher = await begin(stage, provider, message)

    await dispatcher.stop(0.01)

    assert (await stage.message(message)).state is MessageState.SENDING
    assert dispatcher.in_flight == 0


async def test_a_stop_waits_for_the_claim_that_is_under_way(stage):
    """Otherwise its messages would stay claimed by nobody until their leases end."""
    message, provider = make_message(), FakeProvider(stage.clock)
    await stage.store(message)
    dispatcher = make_dispatcher(stage, provider)
    async with stage.database.transaction() as tx:
        await lock_messages(tx, [message.id])
        turn = asyncio.create_task(dispatcher.turn())
        await asyncio.sleep(0)  # noqa: TID251 - the turn begins, and waits for the lock
        stopping = asyncio.create_task(dispatcher.stop(60.0))
        await stage.clock.advance(0)
        assert not stopping.done()

    await turn
    await stage.advance(1.0)
    await stopping

    assert provider.submitted == []
    assert (await stage.message(message)).state is MessageState.QUEUED


async def test_a_dispatcher_that_stops_claims_nothing_more(stage):
    """Its duty may still be run for a moment."""
    dispatcher = make_dispatcher(stage, FakeProvider(stage.clock))
    await dispatcher.stop(1.0)
    message = make_message()
    await stage.store(message)

    await dispatcher.turn()

    assert (await stage.message(message)).state is MessageState.QUEUED


async def test_after_a_kill_the_next_process_sends_what_had_not_left(stage):
    """What was claimed goes at once; what was on the wire is never sent again on its own."""
    messages = [make_message() for _ in range(3)]
    killed = SlowProvider(stage.clock)
    dispatcher = await begin(stage, killed, *messages)
    for sending in list(dispatcher._sending):
        sending.cancel()
    await stage.quiet()

    rescuer = Rescuer(stage.database, stage.clock, stage.ids)
    await rescuer.release_all()
    provider = FakeProvider(stage.clock)
    successor = make_dispatcher(stage, provider)
    for _ in range(10):
        await successor.turn()
        await stage.advance(4.0)
        await rescuer.turn()

    states = await stage.states(messages)
    assert sorted(states) == ["submitted", "submitted", "unconfirmed"]
    assert len(provider.submitted) == 2


@pytest.mark.parametrize("answer", [None, LOST, REFUSED])
async def test_a_receipt_that_overtakes_the_answer_wins(stage, answer):
    """It is the carrier's word; the answer only adds what it knows besides."""
    message, provider = make_message(), FakeProvider(stage.clock, *filter(None, [answer]))
    inbound = make_inbound(stage)

    async def witness(submission):
        await stage.tell(receipt(submission.client_ref, "uuid-1", "delivered"))
        await inbound.turn()

    provider.witness = witness
    await stage.store(message)
    await make_dispatcher(stage, provider).turn()
    await stage.advance(0.1)

    stored, [attempt] = await stage.message(message), await stage.attempts(message)
    assert (stored.state, stored.provider_message_id) == (MessageState.DELIVERED, "uuid-1")
    assert (attempt.state, attempt.provider_message_id) == (AttemptState.DELIVERED, "uuid-1")
    assert await stage.events(message) == ["sending", "delivered"]


async def test_a_receipt_that_overtakes_the_loss_of_the_connection_settles_the_doubt(stage):
    """The commonest case of doubt: taken, connection broken, and the receipt is there first."""
    message, provider = make_message(), FakeProvider(stage.clock, LOST)
    inbound = make_inbound(stage)

    async def witness(submission):
        await stage.tell(receipt(submission.client_ref, "uuid-9", "submitted"))
        await inbound.turn()

    provider.witness = witness
    await stage.store(message)
    await make_dispatcher(stage, provider).turn()
    await stage.advance(0.1)

    stored = await stage.message(message)
    assert (stored.state, stored.provider_message_id) == (MessageState.SUBMITTED, "uuid-9")
    assert stored.reason is None


async def test_an_answer_is_kept_until_the_database_is_back(stage):
    """A restart of the database in the wrong moment must not make a sent message doubtful."""
    message, provider = make_message(), FakeProvider(stage.clock)
    commits = FailingCommits(stage.commits)
    await stage.store(message)
    dispatcher = make_dispatcher(stage, provider, commits=commits)
    await dispatcher.turn()
    commits.failing.add(record_transitions)

    await stage.advance(20 * RECORD_REST_S)
    assert (await stage.message(message)).state is MessageState.SENDING
    commits.failing.clear()
    await stage.advance(RECORD_REST_S)

    assert commits.failed == 20
    assert (await stage.message(message)).state is MessageState.SUBMITTED
    assert len(provider.submitted) == 1


async def test_an_answer_that_is_stored_late_settles_what_was_given_up(stage):
    """Whoever called the attempt unconfirmed meanwhile did not know better; the answer does."""
    message, provider = make_message(), FakeProvider(stage.clock)
    commits = FailingCommits(stage.commits)
    await stage.store(message)
    await make_dispatcher(stage, provider, commits=commits).turn()
    commits.failing.add(record_transitions)
    await stage.advance(60.0)
    await Rescuer(stage.database, stage.clock, stage.ids).turn()
    assert (await stage.message(message)).state is MessageState.UNCONFIRMED

    commits.failing.clear()
    await stage.advance(RECORD_REST_S)

    [attempt] = await stage.attempts(message)
    assert (await stage.message(message)).state is MessageState.SUBMITTED
    assert (attempt.state, attempt.provider_message_id) == (AttemptState.SUBMITTED, "uuid-1")
    assert await stage.events(message) == ["sending", "unconfirmed", "submitted"]


async def test_nothing_leaves_while_its_attempt_cannot_be_stored(stage):
    """Without a stored attempt nobody would ever know that it had left."""
    message, provider = make_message(), FakeProvider(stage.clock)
    commits = FailingCommits(stage.commits)
    commits.failing.add(begin_sending)
    await stage.store(message)

    await make_dispatcher(stage, provider, commits=commits).turn()
    await stage.advance(1.0)

    assert provider.submitted == []
    assert (await stage.message(message)).state is MessageState.QUEUED


async def test_a_beginning_whose_commit_was_not_answered_is_taken_back(stage):
    """It was stored, but nothing left: a database's restart must not leave messages in doubt."""
    message, provider = make_message(), FakeProvider(stage.clock)
    commits = UnansweredCommits(stage.commits, begin_sending)
    await stage.store(message)

    dispatcher = make_dispatcher(stage, provider, commits=commits)
    await dispatcher.turn()
    await stage.advance(1.0)

    assert provider.submitted == []
    stored = await stage.message(message)
    assert (stored.state, stored.attempts, stored.tries) == (MessageState.QUEUED, 1, 0)
    await dispatcher.turn()
    await stage.advance(1.0)
    assert len(provider.submitted) == 1
    assert (await stage.message(message)).state is MessageState.SUBMITTED


async def test_a_fault_of_our_own_leaves_the_message_in_doubt(stage):
    """Nobody can tell whether it left: it is reported, and never sent again on its own."""
    message, provider = make_message(), FakeProvider(stage.clock)

    async def witness(_submission):
        raise ZeroDivisionError

    provider.witness = witness
    await stage.store(message)
    with logged() as lines:
        await make_dispatcher(stage, provider).turn()
        await stage.advance(40.0)
    await Rescuer(stage.database, stage.clock, stage.ids).turn()

    assert "loop_failed" in [line["event"] for line in lines]
    assert (await stage.message(message)).state is MessageState.UNCONFIRMED
