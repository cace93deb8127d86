"""How receipts move an attempt, and how the message follows its attempts."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.said import (
    LATER,
    OVERTAKEN,
    RESENDS,
    UUID,
    A,
    M,
    R,
    V,
    answered,
    outcome,
    pair,
    receipt,
    reported,
)
from tests.factories import NOW, make_attempt, make_message
from wirephoto.domain.follow import Pair, contradicts, time_to_live_s
from wirephoto.domain.message import MessageState
from wirephoto.domain.outcome import Failure, FailureClass, Outcome, ReceiptState, Verdict


@pytest.mark.parametrize("origin", [M.SENDING, M.UNCONFIRMED, M.SUBMITTED])
@pytest.mark.parametrize(("state", "attempt_after", "message_after"), OVERTAKEN)
def test_a_receipt_moves_the_attempt_and_its_message(origin, state, attempt_after, message_after):
    """The carrier's word is what the customer is waiting for."""
    before = pair(origin, A(origin.value))

    after = reported(before, receipt(state))

    if origin is M.SUBMITTED and state is R.SUBMITTED:
        assert after.message is before.message
        return
    assert (after.attempt.state, after.message.state) == (attempt_after, message_after)
    assert after.message.provider_message_id == UUID
    assert after.message.version == before.message.version + 1


def test_a_failure_gives_its_reason_to_the_attempt_and_the_message():
    """Failures are counted by cause, and each has a sentence for people."""
    after = reported(pair(M.SUBMITTED, A.SUBMITTED), receipt(R.REJECTED))

    assert (after.attempt.reason, after.attempt.provider_code) == ("because_rejected", "1430")
    assert (after.message.reason, after.message.detail) == ("because_rejected", "It was rejected.")


def test_a_receipt_tells_what_it_cost_and_which_network_it_was():
    """The price comes with `submitted`, the network sometimes later: neither is lost."""
    priced = receipt(R.SUBMITTED, price="0.0105", currency="EUR")
    placed = receipt(R.DELIVERED, network_code="310260")

    for first, second in itertools.permutations([priced, placed]):
        attempt = reported(reported(pair(), first), second).attempt
        assert (attempt.price, attempt.currency) == ("0.0105", "EUR")
        assert attempt.network_code == "310260"


def test_a_receipt_proves_a_broken_answer_wrong():
    """A 500 whose message was taken all the same: the retry that waits is withdrawn (rule 5)."""
    waiting = answered(pair(), outcome(V.RETRY))
    assert waiting.message.state is M.QUEUED

    after = reported(waiting, receipt(R.SUBMITTED))

    assert (after.attempt.state, after.message.state) == (A.SUBMITTED, M.SUBMITTED)


@pytest.mark.parametrize("state", [M.QUEUED, M.CLAIMED])
@pytest.mark.parametrize("said", [R.SUBMITTED, R.DELIVERED, R.READ])
def test_a_message_that_was_taken_after_all_is_withdrawn_from_the_queue(state, said):
    """Nothing of the next try has left, so nothing of it ever must."""
    after = reported(pair(state, A.UNCONFIRMED), receipt(said))

    assert after.message.state is M(said.value)
    assert not after.message.duplicate_possible


@pytest.mark.parametrize("state", [M.QUEUED, M.CLAIMED])
@pytest.mark.parametrize("said", [R.REJECTED, R.UNDELIVERABLE])
def test_a_failure_of_the_last_try_leaves_the_next_one_in_the_queue(state, said):
    """Somebody decided to send it again; that the first one failed is no reason against it."""
    before = pair(state, A.UNCONFIRMED)

    assert reported(before, receipt(said)).message is before.message


@pytest.mark.parametrize(
    ("state", "duplicate_possible"),
    [
        (M.QUEUED, False),
        (M.CLAIMED, False),
        (M.SENDING, True),
        (M.UNCONFIRMED, True),
        (M.SUBMITTED, True),
    ],
)
@pytest.mark.parametrize("said", [R.DELIVERED, R.READ])
def test_a_delivery_of_an_earlier_attempt_ends_the_message(state, duplicate_possible, said):
    """The later one is withdrawn if nothing of it left; else the customer hears of the risk."""
    after = reported(pair(state, A.UNCONFIRMED, attempts=2, number=1), receipt(said))

    assert after.message.state is M(said.value)
    assert after.message.duplicate_possible is duplicate_possible
    assert after.message.provider_message_id == UUID


@pytest.mark.parametrize("said", [R.REJECTED, R.UNDELIVERABLE])
@pytest.mark.parametrize("state", [s for s in MessageState if s is not M.PREPARING])
def test_any_other_report_on_an_earlier_attempt_changes_nothing(state, said):
    """The message follows its latest attempt."""
    before = pair(state, A.UNCONFIRMED, attempts=2, number=1)

    after = reported(before, receipt(said))

    assert after.message is before.message
    assert after.attempt.state is A(said.value)


@pytest.mark.parametrize("said", ReceiptState)
@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("state", [s for s in MessageState if s.is_final])
def test_no_receipt_takes_back_a_final_word_but_read_follows_delivered(state, number, said):
    """Carriers send contradictions; customers have acted on the first word already."""
    before = pair(state, A.SENDING, attempts=2, number=number)

    after = reported(before, receipt(said))

    if state is M.DELIVERED and said is R.READ:
        assert after.message.state is M.READ
    else:
        assert after.message.state is before.message.state
        assert after.message.final_at == before.message.final_at


SAID = st.sampled_from([s for s in ReceiptState if s is not R.REJECTED])
FAILED = st.sampled_from([R.SUBMITTED, R.UNDELIVERABLE, R.REJECTED])
RANK = {R.SUBMITTED: 0, R.UNDELIVERABLE: 1, R.REJECTED: 2, R.DELIVERED: 2, R.READ: 3}


def play(states):
    """Return where a message and its attempt end after receipts in this order."""
    now = pair(M.SUBMITTED, A.SUBMITTED)
    for state in states:
        now = reported(now, receipt(state))
    return now.attempt.state, now.message.state


@given(st.one_of(st.lists(SAID, min_size=1), st.lists(FAILED, min_size=1)), st.randoms())
def test_order_and_repetition_of_receipts_change_nothing_of_the_attempt(states, random):
    """Webhooks are repeated for a day and arrive in any order (contract 2.1)."""
    shuffled = states + states[: len(states) // 2]
    random.shuffle(shuffled)

    assert play(shuffled)[0] is play(sorted(set(states), key=RANK.__getitem__))[0]


@given(st.lists(st.sampled_from(ReceiptState), min_size=1))
def test_between_contradictions_the_first_final_word_stands(states):
    """`delivered` is never undone, and a rejection is none the less one (contract 2.2)."""
    finals = [A.REJECTED if s is R.REJECTED else A.DELIVERED for s in states if RANK[s] >= 2]

    attempt, message = play(states)

    if finals:
        assert attempt is finals[0]
    if finals and message in (M.DELIVERED, M.READ):
        assert attempt is A.DELIVERED


@given(
    st.lists(
        st.one_of(st.sampled_from(Verdict).map(outcome), st.sampled_from(ReceiptState).map(receipt))
    )
)
def test_answers_and_receipts_in_any_order_keep_to_the_table(said):
    """No sequence of what the outside may say ends in an illegal move or takes back an end."""
    now = pair()
    for one in said:
        before = now
        now = answered(now, one) if isinstance(one, Outcome) else reported(now, one)
        assert now.attempt.state.rank >= before.attempt.state.rank
        assert now.message.version - before.message.version in (0, 1)
        if before.message.state.is_final and now.message != before.message:
            assert (before.message.state, now.message.state) == (M.DELIVERED, M.READ)


@pytest.mark.parametrize(
    ("left", "ttl_s"),
    [
        (timedelta(hours=24), 86_400),
        (timedelta(seconds=1.9), 1),
        (timedelta(0), 0),
        (timedelta(seconds=-5), 0),
    ],
)
def test_the_provider_may_try_for_as_long_as_the_message_lives(left, ttl_s):
    """A picture of yesterday's offer must not arrive tomorrow."""
    assert time_to_live_s(make_message(expires_at=NOW + left), NOW) == ttl_s


def temporary(state=R.REJECTED, provider_message_id=UUID, **marks):
    failure = Failure("1000", "busy", "Busy.", FailureClass.RETRY, **marks)
    return receipt(state, failure=failure, provider_message_id=provider_message_id)


@pytest.mark.parametrize("origin", [M.SENDING, M.UNCONFIRMED, M.SUBMITTED])
@pytest.mark.parametrize("state", [R.REJECTED, R.UNDELIVERABLE])
def test_what_was_turned_down_for_a_time_is_queued_again(origin, state):
    """The customer does not hear a last word that is none."""
    before = pair(origin, A(origin.value))

    after = reported(before, temporary(state))

    assert after.attempt.state is A(state.value)
    assert (after.message.state, after.message.resends) == (M.QUEUED, 1)
    assert (after.message.reason, after.message.final_at) == ("busy", None)
    assert after.message.due_at == LATER + timedelta(seconds=75)
    assert after.message.tries == before.message.tries


def test_the_last_resend_has_the_last_word():
    """Bounded: each is paid for."""
    message = replace(pair(M.SUBMITTED, A.SUBMITTED).message, resends=RESENDS.resends_max)

    after = reported(Pair(message, pair(M.SUBMITTED, A.SUBMITTED).attempt), temporary())

    assert (after.message.state, after.message.reason) == (M.REJECTED, "busy")


def test_a_message_that_waits_for_midnight_says_so():
    """An operator sees why it is not sent today."""
    after = reported(pair(M.SUBMITTED, A.SUBMITTED), temporary(daily_cap=True))

    assert (after.message.state, after.message.hold_reason) == (M.QUEUED, "daily_limit")


@pytest.mark.parametrize("said", [R.REJECTED, R.SUBMITTED])
def test_a_receipt_that_repeats_does_not_queue_it_twice(said):
    """Carriers tell the same thing more than once (contract 2.1)."""
    once = reported(pair(M.SUBMITTED, A.SUBMITTED), temporary())

    again = reported(once, temporary() if said is R.REJECTED else receipt(said))

    assert again.message is once.message


def test_a_delivery_after_a_rejection_contradicts_it():
    """The first last word stands; the second is worth a line in the log."""
    rejected = reported(pair(M.SUBMITTED, A.SUBMITTED), receipt(R.REJECTED))

    assert contradicts(rejected.attempt, receipt(R.DELIVERED))
    assert not contradicts(rejected.attempt, receipt(R.REJECTED))
    assert not contradicts(rejected.attempt, receipt(R.SUBMITTED))
    assert reported(rejected, receipt(R.DELIVERED)).message is rejected.message


def test_a_last_word_ends_the_waiting_for_it():
    """Nobody looks into what is settled, and nothing is overdue any more."""
    message = replace(pair(M.SUBMITTED, A.SUBMITTED).message, receipt_overdue=True)
    attempt = replace(pair(M.SUBMITTED, A.SUBMITTED).attempt, check_at=NOW)

    after = reported(Pair(message, attempt), receipt(R.DELIVERED))

    assert not after.message.receipt_overdue
    assert after.attempt.check_at is None


@pytest.mark.parametrize("said", [R.SUBMITTED, R.DELIVERED])
@pytest.mark.parametrize("state", [M.SENDING, M.UNCONFIRMED, M.SUBMITTED, M.DELIVERED, M.FAILED])
def test_an_earlier_attempt_that_was_taken_after_all_shows_the_risk(state, said):
    """A second picture may have arrived, and whoever answers for it must see that."""
    before = pair(state, A.UNCONFIRMED, attempts=2, number=1)

    after = reported(before, receipt(said))

    assert after.message.duplicate_possible
    assert reported(after, receipt(said)).message is after.message


@pytest.mark.parametrize("said", [R.REJECTED, R.UNDELIVERABLE])
def test_an_earlier_attempt_that_was_turned_down_is_no_risk(said):
    """That is why there was another."""
    before = pair(M.SUBMITTED, A.UNCONFIRMED, attempts=2, number=1)

    assert not reported(before, receipt(said)).message.duplicate_possible


@pytest.mark.parametrize("state", [M.QUEUED, M.CLAIMED, M.SENDING, M.UNCONFIRMED])
def test_an_earlier_attempt_that_was_taken_leads_from_then_on(state):
    """It is not sent a third time, and its own last word is the message's."""
    taken = reported(pair(state, A.UNCONFIRMED, attempts=2, number=1), receipt(R.SUBMITTED))
    assert (taken.message.state, taken.message.provider_message_id) == (M.SUBMITTED, UUID)
    later = make_attempt(taken.message, number=2, state=A.UNCONFIRMED)

    busy = reported(Pair(taken.message, later), temporary(provider_message_id="another"))
    ended = reported(taken, receipt(R.REJECTED))

    assert busy.message.state is M.SUBMITTED
    assert (ended.message.state, ended.message.reason) == (M.REJECTED, "because_rejected")
