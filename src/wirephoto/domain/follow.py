"""How answers and receipts move an attempt, and how the message follows its attempts."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from wirephoto.domain.daily_cap import HELD
from wirephoto.domain.fallback import fall_back, may_fall_back
from wirephoto.domain.message import (
    TRANSITIONS,
    WITHDRAWN,
    Attempt,
    AttemptState,
    Message,
    MessageState,
)
from wirephoto.domain.outcome import Outcome, Receipt, ReceiptState, Verdict
from wirephoto.domain.resend import resend_at
from wirephoto.domain.retry import ResendPolicy, RetryPolicy, retry_at

_ANSWER_STATE = {
    Verdict.ACCEPTED: AttemptState.SUBMITTED,
    Verdict.UNKNOWN: AttemptState.UNCONFIRMED,
}
_RECEIPT_STATE = {
    ReceiptState.SUBMITTED: AttemptState.SUBMITTED,
    ReceiptState.UNDELIVERABLE: AttemptState.UNDELIVERABLE,
    ReceiptState.REJECTED: AttemptState.REJECTED,
    ReceiptState.DELIVERED: AttemptState.DELIVERED,
    ReceiptState.READ: AttemptState.DELIVERED,
}
_TURNED_DOWN = {
    AttemptState.UNDELIVERABLE: MessageState.UNDELIVERABLE,
    AttemptState.REJECTED: MessageState.REJECTED,
}
_REFUSALS = frozenset({ReceiptState.REJECTED, ReceiptState.UNDELIVERABLE})
_MAY_BE_SENT_AGAIN = frozenset(
    {
        MessageState.QUEUED,
        MessageState.CLAIMED,
        MessageState.SENDING,
        MessageState.UNCONFIRMED,
    }
)
_IN_DOUBT = frozenset({MessageState.SENDING, MessageState.UNCONFIRMED})
_FAULT_ELSEWHERE = frozenset({Verdict.STOP_LINE, Verdict.PAUSE_CAMPAIGN, Verdict.HELD_BACK})


@dataclass(frozen=True, slots=True)
class Pair:
    """A message and one of its attempts, as they stand together."""

    message: Message
    attempt: Attempt


def apply_answer(attempt: Attempt, outcome: Outcome, now: datetime) -> Attempt:
    """Return `attempt` as it stands after the provider's answer.

    A receipt that overtook the answer knows more: then only the provider's id is added.
    """
    state = _ANSWER_STATE.get(outcome.verdict, AttemptState.NOT_ACCEPTED)
    provider_message_id = attempt.provider_message_id or outcome.provider_message_id
    if state.rank <= attempt.state.rank:
        return replace(attempt, provider_message_id=provider_message_id, answer=outcome.answer)
    accepted = state is AttemptState.SUBMITTED
    return attempt.move_to(
        state,
        now,
        provider_message_id=provider_message_id,
        answer=outcome.answer,
        http_status=outcome.http_status,
        provider_code=outcome.provider_code,
        reason=None if accepted else outcome.reason,
        detail=None if accepted else outcome.detail,
    )


def follow_answer(
    pair: Pair, outcome: Outcome, *, policy: RetryPolicy, jitter: float, now: datetime
) -> Message:
    """Return the message as it stands after its attempt's answer (`pair.attempt` has it already).

    `jitter` is a random number in [0, 1). The message is returned unchanged when it has moved on
    without this attempt, or knows more than the answer says. A message that waits to be sent again
    is withdrawn when a late answer shows that it was taken after all.
    """
    message, attempt = pair.message, pair.attempt
    if attempt.number != message.attempts:
        return _taken_earlier(message, attempt, now)
    if attempt.state is AttemptState.SUBMITTED and _may_follow(message, MessageState.SUBMITTED):
        return _submitted(message, attempt, now)
    if message.state not in _IN_DOUBT:
        return message
    if attempt.state is AttemptState.UNCONFIRMED:
        if message.state is MessageState.UNCONFIRMED:
            return message
        return message.move_to(
            MessageState.UNCONFIRMED, now, reason=outcome.reason, detail=outcome.detail
        )
    if attempt.state is AttemptState.NOT_ACCEPTED:
        return _not_accepted(message, outcome, policy=policy, jitter=jitter, now=now)
    return message


def _not_accepted(
    message: Message, outcome: Outcome, *, policy: RetryPolicy, jitter: float, now: datetime
) -> Message:
    why: dict[str, Any] = {"reason": outcome.reason, "detail": outcome.detail}
    if outcome.verdict in (Verdict.FAIL, Verdict.SUPPRESS):
        return message.move_to(MessageState.FAILED, now, **why)
    if outcome.verdict in _FAULT_ELSEWHERE:
        return message.move_to(MessageState.QUEUED, now, due_at=now, **why)
    tries = message.tries if outcome.throttled else message.tries + 1
    if tries >= policy.tries_max:
        return message.move_to(MessageState.FAILED, now, tries=tries, **why)
    due_at = retry_at(
        policy, tries=tries, jitter=jitter, now=now, retry_after_s=outcome.retry_after_s
    )
    return message.move_to(MessageState.QUEUED, now, due_at=due_at, tries=tries, **why)


def apply_receipt(attempt: Attempt, receipt: Receipt, now: datetime) -> Attempt:
    """Return `attempt` as it stands after `receipt`.

    A receipt that repeats, or reports an earlier stage than is known, moves nothing: carriers do
    both (contract 2.1, 2.2). What it knows of price and network is kept all the same.
    """
    learned = replace(
        attempt,
        provider_message_id=attempt.provider_message_id or receipt.provider_message_id,
        price=receipt.price or attempt.price,
        currency=receipt.currency or attempt.currency,
        network_code=receipt.network_code or attempt.network_code,
    )
    state = _RECEIPT_STATE[receipt.state]
    if state.rank <= attempt.state.rank:
        return learned
    failure = receipt.failure
    return learned.move_to(
        state,
        now,
        reason=failure.reason if failure else None,
        detail=failure.detail if failure else None,
        provider_code=failure.code if failure else attempt.provider_code,
    )


def contradicts(attempt: Attempt, receipt: Receipt) -> bool:
    """Tell whether a receipt says the opposite of the last word that an attempt has had.

    The first one stands (contract 2.2).
    """
    final = frozenset({AttemptState.REJECTED, AttemptState.DELIVERED})
    said = _RECEIPT_STATE[receipt.state]
    return attempt.state in final and said is not attempt.state and said in final


def follow_receipt(
    pair: Pair,
    receipt: Receipt,
    *,
    policy: ResendPolicy,
    jitter: float,
    now: datetime,
    media_url: str = "",
) -> Message:
    """Return the message as it stands after a receipt for one of its attempts.

    `pair.attempt` has the receipt already; `jitter` is a random number in [0, 1). `delivered` on
    any attempt ends the message and withdraws a later attempt that has not left; if that one has
    left, `duplicate_possible` is set. `submitted` does the same while the message has not been
    taken otherwise. Other reports count only for the attempt that leads. One that was turned down
    for a time is followed by another attempt, and is not yet the message's last word; nor is one
    whose picture was refused where a text may follow, with links to `media_url`.
    """
    message, attempt = pair.message, pair.attempt
    if attempt.state is AttemptState.DELIVERED:
        return _delivered(message, attempt, read=receipt.state is ReceiptState.READ, now=now)
    if not _leads(message, attempt):
        return _taken_earlier(message, attempt, now)
    if attempt.state is AttemptState.SUBMITTED:
        return _submitted(message, attempt, now)
    if receipt.state in _REFUSALS:
        if _needs_a_text(message, attempt, receipt, now):
            return _as_a_text(message, attempt, media_url=media_url, now=now)
        return _turned_down(message, attempt, receipt, policy=policy, jitter=jitter, now=now)
    return message


def _submitted(message: Message, attempt: Attempt, now: datetime) -> Message:
    if not _may_follow(message, MessageState.SUBMITTED):
        return message
    return message.move_to(
        MessageState.SUBMITTED, now, provider_message_id=attempt.provider_message_id
    )


def _needs_a_text(message: Message, attempt: Attempt, receipt: Receipt, now: datetime) -> bool:
    refused = receipt.failure is not None and receipt.failure.picture_refused
    # Only with the first such report: it may come again while the text waits already.
    open_ = attempt.state in _TURNED_DOWN and _may_follow(message, _TURNED_DOWN[attempt.state])
    return refused and open_ and may_fall_back(message, now)


def _as_a_text(message: Message, attempt: Attempt, *, media_url: str, now: datetime) -> Message:
    return fall_back(
        message,
        now,
        reason=attempt.reason,
        detail=attempt.detail,
        media_url=media_url,
        due_at=now,
        resends=message.resends + 1,
        provider_message_id=attempt.provider_message_id,
    )


def _turned_down(
    message: Message,
    attempt: Attempt,
    receipt: Receipt,
    *,
    policy: ResendPolicy,
    jitter: float,
    now: datetime,
) -> Message:
    if attempt.state not in _TURNED_DOWN or not _may_follow(message, _TURNED_DOWN[attempt.state]):
        return message
    why: dict[str, Any] = {
        "reason": attempt.reason,
        "detail": attempt.detail,
        "provider_message_id": attempt.provider_message_id,
    }
    due_at = resend_at(
        message, attempt.state, receipt.failure, policy=policy, jitter=jitter, now=now
    )
    if due_at is None:
        return message.move_to(_TURNED_DOWN[attempt.state], now, **why)
    capped = receipt.failure is not None and receipt.failure.daily_cap
    hold_reason = HELD if capped else None
    return message.move_to(
        MessageState.QUEUED,
        now,
        due_at=due_at,
        resends=message.resends + 1,
        hold_reason=hold_reason,
        **why,
    )


def _may_follow(message: Message, to: MessageState) -> bool:
    return to in TRANSITIONS[message.state]


def _leads(message: Message, attempt: Attempt) -> bool:
    """Tell whether the message follows this attempt: the one it was submitted by, or the latest.

    An earlier attempt that was taken after all leads from then on, whatever becomes of the later.
    """
    name = message.provider_message_id
    if message.state is MessageState.SUBMITTED and name is not None:
        return attempt.provider_message_id == name
    return attempt.number == message.attempts


def _taken_earlier(message: Message, attempt: Attempt, now: datetime) -> Message:
    """Return the message after word that an attempt was taken which it does not follow.

    What would be sent again is not; where a later attempt has left, the message is marked.
    """
    if attempt.state not in (AttemptState.SUBMITTED, AttemptState.DELIVERED):
        return message
    risk = message.duplicate_possible or _another_left(message, attempt)
    if message.state in _MAY_BE_SENT_AGAIN:
        return message.move_to(
            MessageState.SUBMITTED,
            now,
            provider_message_id=attempt.provider_message_id,
            duplicate_possible=risk,
        )
    if risk == message.duplicate_possible:
        return message
    return message.touched(now, duplicate_possible=risk)


def _delivered(message: Message, attempt: Attempt, *, read: bool, now: datetime) -> Message:
    to = MessageState.READ if read else MessageState.DELIVERED
    if not _may_follow(message, to):
        return _taken_earlier(message, attempt, now)
    return message.move_to(
        to,
        now,
        provider_message_id=attempt.provider_message_id,
        duplicate_possible=message.duplicate_possible or _another_left(message, attempt),
    )


def _another_left(message: Message, attempt: Attempt) -> bool:
    stayed = message.state.is_waiting or message.state in WITHDRAWN
    return attempt.number < message.attempts and not stayed


def time_to_live_s(message: Message, now: datetime) -> int:
    """Return how many seconds of the message's life are left, for the provider's `ttl`."""
    return max(0, int((message.expires_at - now) / timedelta(seconds=1)))
