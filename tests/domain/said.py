"""What the provider may say, and what becomes of a message that hears it."""

from dataclasses import replace
from datetime import timedelta

from tests.factories import NOW, make_attempt, make_message
from wirephoto.domain.follow import (
    Pair,
    apply_answer,
    apply_receipt,
    follow_answer,
    follow_receipt,
)
from wirephoto.domain.message import AttemptState, MessageState
from wirephoto.domain.outcome import (
    Failure,
    FailureClass,
    Outcome,
    Receipt,
    ReceiptState,
    Verdict,
)
from wirephoto.domain.retry import ResendPolicy, RetryPolicy

LATER = NOW + timedelta(seconds=7)
POLICY = RetryPolicy(tries_max=3, first_s=2.0, longest_s=600.0)
RESENDS = ResendPolicy(resends_max=2, backoff=RetryPolicy(first_s=100.0, longest_s=600.0))
UUID = "aaaaaaaa-1"

M, A, V, R = MessageState, AttemptState, Verdict, ReceiptState


OVERTAKEN = [
    (R.SUBMITTED, A.SUBMITTED, M.SUBMITTED),
    (R.UNDELIVERABLE, A.UNDELIVERABLE, M.UNDELIVERABLE),
    (R.REJECTED, A.REJECTED, M.REJECTED),
    (R.DELIVERED, A.DELIVERED, M.DELIVERED),
    (R.READ, A.DELIVERED, M.READ),
]


def outcome(verdict, **changes):
    accepted = verdict is V.ACCEPTED
    return replace(
        Outcome(
            verdict,
            reason=f"because_{verdict}",
            detail=f"It was {verdict}.",
            provider_message_id=UUID if accepted else None,
            http_status=202 if accepted else 500,
        ),
        **changes,
    )


def receipt(state, **changes):
    failure = None
    if state in (R.REJECTED, R.UNDELIVERABLE):
        failure = Failure("1430", f"because_{state}", f"It was {state}.", FailureClass.MESSAGE)
    return replace(Receipt(UUID, None, state, reported_at=NOW, failure=failure), **changes)


def pair(state=M.SENDING, attempt_state=A.SENDING, *, attempts=1, number=None, tries=0):
    message = make_message(state=state, attempts=attempts, tries=tries, version=5)
    return Pair(message, make_attempt(message, number=number or attempts, state=attempt_state))


def answered(before, said, *, jitter=0.5):
    attempt = apply_answer(before.attempt, said, LATER)
    message = follow_answer(
        Pair(before.message, attempt), said, policy=POLICY, jitter=jitter, now=LATER
    )
    return Pair(message, attempt)


def reported(before, said, *, jitter=0.5, now=LATER):
    attempt = apply_receipt(before.attempt, said, now)
    message = follow_receipt(
        Pair(before.message, attempt), said, policy=RESENDS, jitter=jitter, now=now
    )
    return Pair(message, attempt)
