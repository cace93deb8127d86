"""Doubts that receipts did not settle: asked of the records, or repeated where that is wanted."""

from datetime import timedelta

import pytest

from tests.engine.stage import Stage, logged, make_receipts, replies_on
from tests.factories import NOW, make_attempt, make_message
from wirephoto.domain.doubt import LOOK_UP_AFTER, Delivery, DoubtPolicy
from wirephoto.domain.follow import Pair
from wirephoto.domain.message import AttemptState, MessageState
from wirephoto.domain.outcome import Failure, FailureClass, Receipt, ReceiptState
from wirephoto.engine.reconciliation import (
    LEASE,
    LOOK_UP_REST_S,
    NOT_ALLOWED_REST_S,
    REST_S,
    UNAVAILABLE_REST_S,
    Reconciler,
)
from wirephoto.errors import ReportsUnavailable
from wirephoto.storage.messages import record_transitions

GRACE = timedelta(minutes=5)
FIRST_S = LOOK_UP_AFTER[0].total_seconds()


class FakeRecords:
    """Gives the scripted answers, then knows nothing; remembers what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    async def find(self, look_up):
        self.asked.append(look_up)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer


def record(state=ReceiptState.DELIVERED, **changes):
    return Receipt("uuid-1", None, state, NOW, **changes)


def reconciler(stage: Stage, *, delivery=Delivery.AT_MOST_ONCE, records=None, **rules):
    return Reconciler(
        database=stage.database,
        records=records,
        receipts=make_receipts(stage, **rules),
        replies=replies_on(stage),
        policy=DoubtPolicy(delivery, GRACE, looks_up=records is not None),
        clock=stage.clock,
        ids=stage.ids,
    )


async def doubted(stage: Stage, *, state=MessageState.UNCONFIRMED, **changes):
    """Store a message whose attempt is in doubt since now; return both."""
    message = make_message(state=state, attempts=1, **changes)
    attempt = make_attempt(
        message, state=AttemptState(state.value), ended_at=NOW, check_at=NOW, deadline_at=NOW
    )
    await stage.store(message)
    await stage.store_attempts(attempt)
    return message, attempt


async def test_the_records_settle_a_doubt(stage):
    """Found there, the picture was taken; what became of it is known at the same moment."""
    message, attempt = await doubted(stage)
    records = FakeRecords(record(price="0.01", currency="EUR"))
    duty = reconciler(stage, records=records)
    await duty.turn()
    assert records.asked == []
    await stage.advance(FIRST_S)

    with logged() as lines:
        assert await duty.turn() == LOOK_UP_REST_S

    [asked] = records.asked
    assert (asked.client_ref, asked.recipient) == (attempt.client_ref, message.recipient)
    stored, [settled] = await stage.message(message), await stage.attempts(message)
    assert (stored.state, settled.state) == (MessageState.DELIVERED, AttemptState.DELIVERED)
    assert (settled.provider_message_id, settled.price) == ("uuid-1", "0.01")
    assert settled.check_at is None
    assert await stage.events(message) == ["delivered"]
    assert "doubt_settled" in [line["event"] for line in lines]


async def test_what_the_records_do_not_know_stays_in_doubt_and_is_asked_ever_less_often(stage):
    """Not to be found is no proof that it was not sent: nobody sends it again for that."""
    message, _ = await doubted(stage)
    records = FakeRecords()
    duty = reconciler(stage, records=records)
    for wait in LOOK_UP_AFTER:
        await duty.turn()
        await stage.advance(wait.total_seconds())
        await duty.turn()
    await stage.advance(86_400.0)
    await duty.turn()

    assert len(records.asked) == len(LOOK_UP_AFTER)
    stored, [attempt] = await stage.message(message), await stage.attempts(message)
    assert (stored.state, attempt.checks) == (MessageState.UNCONFIRMED, len(LOOK_UP_AFTER))
    assert attempt.check_at is None
    assert await stage.events(message) == []


async def test_the_records_are_asked_of_one_attempt_at_a_time(stage):
    """They share the account's limit of requests with the messages themselves."""
    for _ in range(3):
        await doubted(stage)
    records = FakeRecords()
    duty = reconciler(stage, records=records)
    for _ in range(3):
        await duty.turn()
    await stage.advance(FIRST_S)

    assert await duty.turn() == LOOK_UP_REST_S
    assert len(records.asked) == 1


@pytest.mark.parametrize(
    ("error", "rest_s"),
    [
        (ReportsUnavailable("unreachable"), UNAVAILABLE_REST_S),
        (ReportsUnavailable("rate_limited", 7.0), 7.0),
        (ReportsUnavailable("rate_limited", 10.0**9), 3600.0),
        (ReportsUnavailable("unauthorized"), NOT_ALLOWED_REST_S),
        (ReportsUnavailable("forbidden", 1.0), NOT_ALLOWED_REST_S),
    ],
)
async def test_records_that_do_not_answer_are_asked_later(stage, error, rest_s):
    """An outage uses up no question, and nothing is concluded from it."""
    message, _ = await doubted(stage)
    records = FakeRecords(error, record())
    duty = reconciler(stage, records=records)
    await duty.turn()
    await stage.advance(FIRST_S)

    with logged() as lines:
        assert await duty.turn() == rest_s
    await stage.advance(LEASE.total_seconds())
    await duty.turn()

    assert "records_unavailable" in [line["event"] for line in lines]
    assert (await stage.message(message)).state is MessageState.DELIVERED


async def test_a_process_that_dies_over_a_look_up_leaves_it_to_another(stage):
    """Its lease ends, like that of a claim."""
    await doubted(stage)
    records = FakeRecords(ConnectionError("killed"))
    duty = reconciler(stage, records=records)
    await duty.turn()
    await stage.advance(FIRST_S)
    with pytest.raises(ConnectionError):
        await duty.turn()

    assert await duty.turn() == REST_S
    await stage.advance(LEASE.total_seconds())
    await duty.turn()

    assert len(records.asked) == 2


async def test_a_temporary_rejection_in_the_records_is_followed_by_another_attempt(stage):
    """Wherever a receipt comes from, it means the same."""
    message, _ = await doubted(stage)
    busy = Failure("1180", "busy", "Busy.", FailureClass.RETRY)
    duty = reconciler(stage, records=FakeRecords(record(ReceiptState.REJECTED, failure=busy)))
    await duty.turn()
    await stage.advance(FIRST_S)

    await duty.turn()

    assert (await stage.message(message)).state is MessageState.QUEUED


async def test_a_sender_fault_in_the_records_pauses_the_campaign(stage):
    """As one of a webhook does."""
    await doubted(stage)
    fault = Failure("1420", "sender_invalid", "No.", FailureClass.SENDER)
    duty = reconciler(stage, records=FakeRecords(record(ReceiptState.REJECTED, failure=fault)))
    await duty.turn()
    await stage.advance(FIRST_S)

    await duty.turn()

    assert (await stage.campaign()).stop_reason == "sender_invalid"


async def test_an_overdue_receipt_is_looked_up_by_the_providers_name(stage):
    """The carrier may have told the provider what never reached us."""
    message, _ = await doubted(
        stage, state=MessageState.SUBMITTED, receipt_overdue=True, provider_message_id="uuid-1"
    )
    duty = reconciler(stage, records=FakeRecords(record()))

    await duty.turn()

    stored = await stage.message(message)
    assert (stored.state, stored.receipt_overdue) == (MessageState.DELIVERED, False)


async def test_an_overdue_receipt_that_the_records_lack_as_well_stays_overdue(stage):
    """Nothing is invented."""
    message, _ = await doubted(stage, state=MessageState.SUBMITTED, receipt_overdue=True)
    duty = reconciler(stage, records=FakeRecords(record(ReceiptState.SUBMITTED)))

    await duty.turn()

    stored, [attempt] = await stage.message(message), await stage.attempts(message)
    assert (stored.state, stored.receipt_overdue) == (MessageState.SUBMITTED, True)
    assert (attempt.checks, attempt.check_at) == (1, None)


async def test_at_least_once_sends_again_after_the_grace_time(stage):
    """The operator would rather have it twice than not at all."""
    message, _ = await doubted(stage)
    duty = reconciler(stage, delivery=Delivery.AT_LEAST_ONCE)
    await duty.turn()
    await stage.advance(GRACE.total_seconds() - 1)
    await duty.turn()
    assert (await stage.message(message)).state is MessageState.UNCONFIRMED
    await stage.advance(1.0)

    with logged() as lines:
        await duty.turn()

    stored, [attempt] = await stage.message(message), await stage.attempts(message)
    assert (stored.state, stored.reason) == (MessageState.QUEUED, "repeated")
    assert (attempt.state, attempt.check_at) == (AttemptState.UNCONFIRMED, None)
    assert await stage.events(message) == ["queued"]
    assert ("doubt_repeated", 1) in [(line["event"], line.get("count")) for line in lines]


@pytest.mark.parametrize("reason", ["unauthorized", "forbidden", "refused"])
async def test_at_least_once_does_not_wait_for_records_that_will_not_answer(stage, reason):
    """An account that may not ask them would otherwise keep every such message for ever."""
    message, _ = await doubted(stage)
    records = FakeRecords(ReportsUnavailable(reason))
    duty = reconciler(stage, delivery=Delivery.AT_LEAST_ONCE, records=records)
    await duty.turn()
    await stage.advance(FIRST_S)
    await duty.turn()
    await stage.advance(GRACE.total_seconds())

    await duty.turn()

    assert (await stage.message(message)).state is MessageState.QUEUED


async def test_a_message_that_grew_too_old_is_not_repeated(stage):
    """It stays visibly in doubt, and nobody looks into it any more."""
    message, _ = await doubted(stage, expires_at=NOW + timedelta(minutes=1))
    duty = reconciler(stage, delivery=Delivery.AT_LEAST_ONCE)
    await duty.turn()
    await stage.advance(GRACE.total_seconds())

    await duty.turn()

    stored, [attempt] = await stage.message(message), await stage.attempts(message)
    assert (stored.state, attempt.check_at) == (MessageState.UNCONFIRMED, None)
    assert await stage.events(message) == []


async def test_a_doubt_that_a_receipt_settled_meanwhile_is_left_alone(stage):
    """The question is out when the webhook comes: what the records then say repeats it."""
    message, _ = await doubted(stage)
    records = FakeRecords(record(ReceiptState.SUBMITTED))
    duty = reconciler(stage, records=records)
    find = records.find

    async def overtaken(look_up):
        move = make_receipts(stage).apply(Pair(message_now[0], attempt_now[0]), record())
        await stage.commits.run(record_transitions, move)
        return await find(look_up)

    records.find = overtaken
    await duty.turn()
    await stage.advance(FIRST_S)
    message_now, attempt_now = [await stage.message(message)], await stage.attempts(message)

    await duty.turn()

    stored, [settled] = await stage.message(message), await stage.attempts(message)
    assert (stored.state, settled.state) == (MessageState.DELIVERED, AttemptState.DELIVERED)
    assert await stage.events(message) == ["delivered"]
