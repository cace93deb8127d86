"""How the provider's answers move an attempt, and how the message follows."""

from datetime import timedelta

import pytest

from tests.domain.said import (
    LATER,
    OVERTAKEN,
    UUID,
    A,
    M,
    V,
    answered,
    outcome,
    pair,
    receipt,
    reported,
)
from wirephoto.domain.message import MessageState
from wirephoto.domain.outcome import Verdict

ANSWERS = [
    (V.ACCEPTED, A.SUBMITTED, M.SUBMITTED),
    (V.RETRY, A.NOT_ACCEPTED, M.QUEUED),
    (V.FAIL, A.NOT_ACCEPTED, M.FAILED),
    (V.SUPPRESS, A.NOT_ACCEPTED, M.FAILED),
    (V.PAUSE_CAMPAIGN, A.NOT_ACCEPTED, M.QUEUED),
    (V.STOP_LINE, A.NOT_ACCEPTED, M.QUEUED),
    (V.HELD_BACK, A.NOT_ACCEPTED, M.QUEUED),
    (V.UNKNOWN, A.UNCONFIRMED, M.UNCONFIRMED),
]


@pytest.mark.parametrize("attempt_state", [A.SENDING, A.UNCONFIRMED])
@pytest.mark.parametrize(("verdict", "attempt_after", "message_after"), ANSWERS)
def test_an_answer_moves_the_attempt_and_its_message(
    verdict, attempt_state, attempt_after, message_after
):
    """An answer that comes after its deadline still settles its own attempt (DESIGN, rule 4)."""
    before = pair(M(attempt_state.value), attempt_state)

    after = answered(before, outcome(verdict))

    assert after.attempt.state is attempt_after
    assert after.message.state is message_after
    known_already = verdict is V.UNKNOWN and attempt_state is A.UNCONFIRMED
    assert after.message.version == before.message.version + (0 if known_already else 1)
    if known_already:
        assert after == before


def test_every_verdict_has_a_row_in_the_table():
    """A verdict that nobody decided about would end as a retry by accident."""
    assert {verdict for verdict, *_ in ANSWERS} == set(Verdict)


def test_an_accepted_answer_keeps_the_providers_name_and_no_reason():
    """Receipts and support requests name it; `accepted` is no reason for anything."""
    after = answered(pair(), outcome(V.ACCEPTED))

    assert after.message.provider_message_id == after.attempt.provider_message_id == UUID
    assert after.message.submitted_at == after.attempt.ended_at == LATER
    assert (after.attempt.reason, after.message.reason) == (None, None)
    assert after.attempt.http_status == 202


@pytest.mark.parametrize("verdict", [v for v in Verdict if v is not V.ACCEPTED])
def test_an_answer_that_is_no_acceptance_says_why(verdict):
    """Whoever looks at a message that waits or failed wants to know why, in words."""
    said = outcome(verdict, provider_code="1360")

    after = answered(pair(), said)

    assert (after.message.reason, after.message.detail) == (said.reason, said.detail)
    assert (after.attempt.reason, after.attempt.detail) == (said.reason, said.detail)
    assert (after.attempt.http_status, after.attempt.provider_code) == (500, "1360")


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize(("state", "attempt_after", "message_after"), OVERTAKEN)
def test_a_receipt_that_overtook_the_answer_knows_more(
    verdict, state, attempt_after, message_after
):
    """The answer may be lost on its way or come last: the carrier's word stands (rule 3)."""
    early = reported(pair(), receipt(state))
    assert (early.attempt.state, early.message.state) == (attempt_after, message_after)

    assert answered(early, outcome(verdict)) == early


@pytest.mark.parametrize("state", [M.QUEUED, M.CLAIMED])
def test_a_late_acceptance_withdraws_the_next_try(state):
    """Somebody judged it not sent; now it is known that it was: a second one must not leave."""
    after = answered(pair(state, A.UNCONFIRMED), outcome(V.ACCEPTED))

    assert after.message.state is M.SUBMITTED
    assert after.message.provider_message_id == UUID


@pytest.mark.parametrize("verdict", [v for v in Verdict if v is not V.ACCEPTED])
@pytest.mark.parametrize("state", [M.QUEUED, M.CLAIMED])
def test_any_other_late_answer_leaves_the_next_try_alone(state, verdict):
    """It waits for its turn already; moving it again would only lose its place."""
    before = pair(state, A.UNCONFIRMED)

    assert answered(before, outcome(verdict)).message is before.message


@pytest.mark.parametrize("verdict", [v for v in Verdict if v is not V.ACCEPTED])
@pytest.mark.parametrize("state", [s for s in MessageState if s is not M.PREPARING])
def test_an_answer_to_an_earlier_attempt_moves_that_attempt_alone(state, verdict):
    """The message follows its latest attempt; the earlier one's answer is kept as evidence."""
    before = pair(state, A.UNCONFIRMED, attempts=2, number=1)

    after = answered(before, outcome(verdict))

    assert after.message is before.message
    assert (after.attempt == before.attempt) == (verdict is V.UNKNOWN)


@pytest.mark.parametrize(
    ("state", "after", "risk"),
    [
        (M.QUEUED, M.SUBMITTED, False),
        (M.CLAIMED, M.SUBMITTED, False),
        (M.SENDING, M.SUBMITTED, True),
        (M.UNCONFIRMED, M.SUBMITTED, True),
        (M.SUBMITTED, M.SUBMITTED, True),
        (M.DELIVERED, M.DELIVERED, True),
        (M.CANCELED, M.CANCELED, False),
    ],
)
def test_a_late_answer_that_an_earlier_attempt_was_taken_ends_the_sending(state, after, risk):
    """What is known to be taken is not sent once more, and the risk of a second one shows."""
    message = answered(
        pair(state, A.UNCONFIRMED, attempts=2, number=1), outcome(V.ACCEPTED)
    ).message

    assert (message.state, message.duplicate_possible) == (after, risk)


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("state", [s for s in MessageState if s.is_final])
def test_no_answer_takes_back_a_final_word(state, verdict):
    """A canceled or delivered message must not come back to life."""
    before = pair(state, A.SENDING)

    assert answered(before, outcome(verdict)).message is before.message


@pytest.mark.parametrize(
    ("tries", "throttled", "state", "tries_after"),
    [
        (0, False, M.QUEUED, 1),
        (1, False, M.QUEUED, 2),
        (2, False, M.FAILED, 3),
        (2, True, M.QUEUED, 2),
        (0, True, M.QUEUED, 0),
    ],
)
def test_tries_are_bounded_and_a_throttled_one_does_not_count(tries, throttled, state, tries_after):
    """A 429 storm must fail no message; a request that is broken for us must not loop for ever."""
    after = answered(pair(tries=tries), outcome(V.RETRY, throttled=throttled))

    assert (after.message.state, after.message.tries) == (state, tries_after)


@pytest.mark.parametrize("verdict", [V.STOP_LINE, V.PAUSE_CAMPAIGN, V.HELD_BACK])
def test_a_fault_of_the_line_costs_the_message_nothing(verdict):
    """A wrong key for a night must fail no message; each waits at the head of the queue."""
    after = answered(pair(tries=2), outcome(verdict))

    assert (after.message.state, after.message.tries) == (M.QUEUED, 2)
    assert after.message.due_at == LATER


def test_a_retry_waits_for_its_backoff_and_for_the_providers_wish():
    """`Retry-After` is obeyed, and the backoff spreads what comes after it."""
    said = outcome(V.RETRY, retry_after_s=30.0)

    after = answered(pair(tries=1), said, jitter=0.5)

    assert after.message.due_at == LATER + timedelta(seconds=30 + 2.0)
