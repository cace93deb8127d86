"""From the queue to the provider's answer: slots, attempts, and what each answer means."""

import asyncio
from datetime import timedelta

import pytest

from tests.engine.stage import FakeProvider, Stage, eventually, make_dispatcher
from tests.factories import NOW, RECIPIENT, SENDER, make_message
from wirephoto.domain.event import message_event
from wirephoto.domain.message import AttemptState, Message, MessageState
from wirephoto.domain.outcome import Outcome, Verdict
from wirephoto.domain.pacing import LATE_MAX
from wirephoto.domain.retry import RetryPolicy
from wirephoto.engine.dispatcher import HEAD_START_S, HEAD_START_S_MAX, Dispatcher
from wirephoto.engine.line import THROTTLED_S
from wirephoto.engine.loop import Runner
from wirephoto.engine.moves import cancel
from wirephoto.storage.acceptance import Acceptance, Entry, accept
from wirephoto.storage.messages import lock_messages


async def send_one(stage: Stage, provider: FakeProvider, message: Message) -> Dispatcher:
    """Store a message and take it through one turn, to its answer."""
    await stage.store(message)
    dispatcher = make_dispatcher(stage, provider)
    await dispatcher.turn()
    await stage.advance(0.1)
    return dispatcher


async def test_a_message_that_is_taken_is_submitted(stage):
    """The main way: message, attempt and events agree with what the provider was asked."""
    message, provider = make_message(), FakeProvider(stage.clock)

    await send_one(stage, provider, message)

    stored, [attempt] = await stage.message(message), await stage.attempts(message)
    [asked] = provider.submitted
    assert (stored.state, stored.provider_message_id) == (MessageState.SUBMITTED, "uuid-1")
    assert stored.submitted_at == stage.clock.now() - timedelta(seconds=0.07)
    assert (stored.attempts, stored.slot_at, stored.lease_until) == (1, None, None)
    assert (attempt.state, attempt.number) == (AttemptState.SUBMITTED, 1)
    assert (attempt.provider_message_id, attempt.http_status) == ("uuid-1", 202)
    assert attempt.slot_at == NOW + timedelta(seconds=HEAD_START_S)
    assert attempt.client_ref == asked.client_ref
    assert (asked.sender, asked.recipient, asked.text) == (SENDER, RECIPIENT, message.text)
    assert [each.url for each in asked.media] == [each.url for each in message.media]
    assert asked.ttl_s == 24 * 3600
    assert attempt.request is not None
    assert f'"client_ref":"{asked.client_ref}"' in attempt.request
    assert asked.recipient[1:] not in attempt.request
    assert await stage.events(message) == ["sending", "submitted"]


async def test_the_attempt_is_stored_before_the_first_byte_leaves(stage):
    """A receipt may overtake the answer, and a crash must leave a trace of what may be gone."""
    message, provider = make_message(), FakeProvider(stage.clock)
    seen = []

    async def witness(submission):
        stored, [attempt] = await stage.message(message), await stage.attempts(message)
        seen.append((stored.state, attempt.state, attempt.client_ref == submission.client_ref))

    provider.witness = witness
    await send_one(stage, provider, message)

    assert seen == [(MessageState.SENDING, AttemptState.SENDING, True)]


async def test_the_provider_has_until_the_attempt_s_deadline(stage):
    """After it nothing leaves, and whoever finds the attempt may call it unconfirmed."""
    message, provider = make_message(), FakeProvider(stage.clock)

    await send_one(stage, provider, message)

    [attempt] = await stage.attempts(message)
    left_at = provider.times[0] + timedelta(seconds=provider.timeouts_s[0])
    assert left_at == attempt.deadline_at
    assert attempt.deadline_at == attempt.slot_at + LATE_MAX + timedelta(seconds=30)


def refusal(verdict: Verdict, **changes: object) -> Outcome:
    return Outcome(verdict, "why", "Because.", **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcome", "state", "attempt_state", "tries"),
    [
        (refusal(Verdict.RETRY), "queued", "not_accepted", 1),
        (refusal(Verdict.RETRY, throttled=True, http_status=429), "queued", "not_accepted", 0),
        (refusal(Verdict.HELD_BACK), "queued", "not_accepted", 0),
        (refusal(Verdict.FAIL), "failed", "not_accepted", 0),
        (refusal(Verdict.SUPPRESS), "failed", "not_accepted", 0),
        (refusal(Verdict.PAUSE_CAMPAIGN), "queued", "not_accepted", 0),
        (refusal(Verdict.STOP_LINE), "queued", "not_accepted", 0),
        (refusal(Verdict.UNKNOWN), "unconfirmed", "unconfirmed", 0),
    ],
)
async def test_each_answer_leaves_the_message_where_it_belongs(
    stage, outcome, state, attempt_state, tries
):
    """What surely was not taken goes again or fails; what may have been taken never goes again."""
    message = make_message()

    await send_one(stage, FakeProvider(stage.clock, outcome), message)

    stored, [attempt] = await stage.message(message), await stage.attempts(message)
    assert (stored.state, stored.tries, stored.reason, stored.detail) == (
        state,
        tries,
        "why",
        "Because.",
    )
    assert (attempt.state, attempt.reason, attempt.detail) == (attempt_state, "why", "Because.")
    assert (await stage.events(message))[-1] == state


async def test_a_retry_waits_for_its_backoff_and_for_what_the_provider_asked(stage):
    """A provider in trouble is not helped by a thousand requests at once."""
    outcome = Outcome(Verdict.RETRY, "connection_failed", "Down.", retry_after_s=7.0)
    message, provider = make_message(), FakeProvider(stage.clock, outcome)

    dispatcher = await send_one(stage, provider, message)

    stored = await stage.message(message)
    assert stored.due_at == provider.times[0] + timedelta(seconds=7.0 + RetryPolicy().first_s / 2)
    await stage.advance(7.0)
    await dispatcher.turn()
    assert (await stage.message(message)).state is MessageState.QUEUED
    await stage.advance(1.1)
    await dispatcher.turn()
    await stage.advance(0.1)
    assert (await stage.message(message)).state is MessageState.SUBMITTED
    first, second = await stage.attempts(message)
    assert (first.number, second.number) == (1, 2)
    assert first.client_ref != second.client_ref


async def test_tries_are_bounded(stage):
    """A message that can never go must end, with the reason."""
    outcome = Outcome(Verdict.RETRY, "connection_failed", "Down.")
    message = make_message(tries=RetryPolicy().tries_max - 1)

    await send_one(stage, FakeProvider(stage.clock, outcome), message)

    stored = await stage.message(message)
    assert (stored.state, stored.reason) == (MessageState.FAILED, "connection_failed")
    assert stored.tries == RetryPolicy().tries_max


@pytest.mark.parametrize(("asked_s", "waits_s"), [(5.0, 5.0), (None, THROTTLED_S), (900.0, 60.0)])
async def test_a_429_keeps_the_whole_account_back(stage, asked_s, waits_s):
    """The limit is the account's: other messages would only be refused as well."""
    outcome = Outcome(
        Verdict.RETRY,
        "rate_limited",
        "Slow down.",
        http_status=429,
        throttled=True,
        retry_after_s=asked_s,
    )
    provider = FakeProvider(stage.clock, outcome)

    await send_one(stage, provider, make_message())

    slot_at = (await stage.account()).next_slot_at
    assert slot_at == provider.times[0] + timedelta(seconds=waits_s)


async def test_messages_leave_in_their_slots(stage):
    """Not a moment before: that is the rate. Hardly after: a burst would follow."""
    await stage.prepare(rate=40.0)
    messages = [make_message() for _ in range(30)]
    await stage.store(*messages)
    provider = FakeProvider(stage.clock)
    runner = Runner(make_dispatcher(stage, provider), stage.clock)
    runner.start()

    await stage.advance(1.0)

    slots = [(await stage.attempts(message))[0].slot_at for message in messages]
    late = [at - slot for at, slot in zip(provider.times, sorted(slots), strict=True)]
    assert len(provider.times) == 30
    assert all(timedelta() <= each <= LATE_MAX for each in late)
    await runner.stop()


async def test_a_slot_that_passed_before_the_attempt_was_stored_is_forfeited(stage):
    """A slow database delays messages; it never makes them leave too close to the next one."""
    first, message = make_message(due_at=NOW - timedelta(seconds=1)), make_message()
    provider = FakeProvider(stage.clock)
    await stage.store(first, message)
    dispatcher = make_dispatcher(stage, provider)
    await dispatcher.turn()
    await stage.advance(0.05)

    async with stage.database.transaction() as tx:
        await lock_messages(tx, [message.id])
        await stage.clock.advance(0.5)
    await eventually(lambda: dispatcher.in_flight == 0)

    stored, [attempt] = await stage.message(message), await stage.attempts(message)
    assert len(provider.submitted) == 1
    assert (stored.state, stored.tries) == (MessageState.QUEUED, 0)
    assert stored.due_at == stage.clock.now()
    assert (attempt.state, attempt.reason) == (AttemptState.NOT_ACCEPTED, "slot_missed")


async def test_each_missed_slot_gives_the_next_claim_more_time(stage):
    """However slow the database is, at some head start messages leave; then it shrinks again."""
    message, provider = make_message(), FakeProvider(stage.clock)
    await stage.store(message)
    dispatcher = make_dispatcher(stage, provider)
    head_starts = []
    for _ in range(7):
        await dispatcher.turn()
        claimed = await stage.message(message)
        head_starts.append((claimed.slot_at - stage.clock.now()).total_seconds())
        stage.clock._elapsed_s += 3.0  # the process is held up, whatever it was about to do
        await stage.advance(0)

    assert (await stage.message(message)).state is MessageState.QUEUED
    # The first was recorded ahead of its slot already; the others had not even begun.
    assert [attempt.reason for attempt in await stage.attempts(message)] == ["slot_missed"]
    assert head_starts == [0.03, 0.06, 0.12, 0.24, 0.48, 0.96, HEAD_START_S_MAX]
    await dispatcher.turn()
    await stage.advance(1.1)
    assert len(provider.submitted) == 1
    assert dispatcher._head_start_s < HEAD_START_S_MAX


async def test_what_is_canceled_after_its_claim_never_leaves(stage):
    """A customer who hears "canceled" relies on it."""
    message, provider = make_message(), FakeProvider(stage.clock)
    await stage.prepare(rate=10.0)
    first = make_message(due_at=NOW - timedelta(seconds=1))
    await stage.store(first, message)
    dispatcher = make_dispatcher(stage, provider)
    await dispatcher.turn()

    _, canceled = await cancel(
        stage.database,
        stage.commits,
        tenant_id=message.tenant_id,
        message_id=message.id,
        clock=stage.clock,
        ids=stage.ids,
    )
    await stage.advance(0.5)

    assert canceled
    assert len(provider.submitted) == 1
    assert (await stage.message(message)).state is MessageState.CANCELED
    assert await stage.attempts(message) == []


async def test_what_grew_too_old_after_its_claim_expires(stage):
    """The last look before it leaves is in the statement that lets it leave."""
    message = make_message(expires_at=NOW + timedelta(seconds=0.05))
    first = make_message(due_at=NOW - timedelta(seconds=1))
    await stage.store(first, message)
    provider = FakeProvider(stage.clock)

    await make_dispatcher(stage, provider).turn()
    await stage.advance(0.5)

    assert len(provider.submitted) == 1
    stored = await stage.message(message)
    assert (stored.state, stored.reason) == (MessageState.EXPIRED, "expired")
    assert await stage.events(message) == ["expired"]


async def test_no_more_is_in_flight_than_the_settings_allow(stage):
    """Beyond the connections that there are, messages would only wait where nobody sees them."""
    await stage.prepare(rate=1000.0, account_rate=1000.0)
    messages = [make_message() for _ in range(12)]
    await stage.store(*messages)
    provider, answering = FakeProvider(stage.clock), asyncio.Event()

    async def witness(_submission):
        await answering.wait()

    provider.witness = witness
    dispatcher = make_dispatcher(stage, provider, in_flight_max=4)
    runner = Runner(dispatcher, stage.clock)
    runner.start()
    await stage.advance(2.0)
    assert len(provider.submitted) == dispatcher.in_flight == 4

    answering.set()
    await stage.advance(1.0)

    assert await stage.states(messages) == ["submitted"] * 12
    await runner.stop()


async def test_an_accepted_message_wakes_the_dispatcher(stage):
    """It leaves at once, not at the end of a rest."""
    provider = FakeProvider(stage.clock)
    dispatcher = make_dispatcher(stage, provider)
    runner = Runner(dispatcher, stage.clock)
    runner.start()
    await stage.quiet()
    message = make_message()
    entry = Entry(message, message_event(stage.ids.new("evt", NOW), message))

    await stage.commits.run(accept, Acceptance((entry,)))
    await stage.advance(HEAD_START_S + 0.001)

    assert len(provider.submitted) == 1
    await runner.stop()


async def test_slots_that_were_taken_are_counted_by_campaign(stage):
    """How much of a rate is used is what an operator asks first; a long text takes several."""
    dispatcher = make_dispatcher(stage, FakeProvider(stage.clock))
    await stage.prepare(rate=40.0)
    message = make_message(weight=3)
    await stage.store(message)

    await dispatcher.turn()
    await stage.advance(1.0)
    await dispatcher.drain()

    assert dispatcher.slots == {message.campaign_id: 3}
