"""Attempts whose outcome nobody knows: who settles them, when, and how.

In this order: a receipt; the provider's records, where they may be asked; a human (`resolve`); the
policy `at_least_once`, where the operator chose it (DESIGN, rule 5).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from wirephoto.domain.follow import Pair
from wirephoto.domain.message import Attempt, AttemptState, MessageState
from wirephoto.errors import IllegalTransition

LOOK_UP_AFTER = tuple(timedelta(minutes=minutes) for minutes in (2, 5, 15, 60, 240, 720))
"""How long to wait before each look-up in the provider's records, while they know nothing new.

How soon they show a message is not documented; minutes are assumed (contract 5.1). Each look-up
costs money, so they become rare, and after some 17 hours there are no more.
"""


_UNSETTLED = frozenset({AttemptState.UNCONFIRMED, AttemptState.SUBMITTED})


class Delivery(StrEnum):
    """What becomes of an attempt in doubt that nothing settles."""

    AT_MOST_ONCE = "at_most_once"
    """It stays visibly in doubt until somebody decides: nothing is ever sent twice."""
    AT_LEAST_ONCE = "at_least_once"
    """It is sent again after a grace time, and may arrive twice."""


class Step(StrEnum):
    """What to do about an attempt now."""

    LOOK_UP = "look_up"
    REPEAT = "repeat"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class DoubtPolicy:
    """What the operator allows: `looks_up` where the provider's records may be asked."""

    delivery: Delivery = Delivery.AT_MOST_ONCE
    grace: timedelta = timedelta(minutes=5)
    looks_up: bool = False
    tries_max: int = 16
    """Tries of a message, repeats among them; after that it stays in doubt."""

    @property
    def acts(self) -> bool:
        """Tell whether there is anything to do but to wait for receipts and humans."""
        return self.looks_up or self.delivery is Delivery.AT_LEAST_ONCE


@dataclass(frozen=True, slots=True)
class NextStep:
    """A step, and when there will be another (None: never)."""

    step: Step
    check_at: datetime | None = None


def next_step(pair: Pair, policy: DoubtPolicy, now: datetime) -> NextStep:
    """Return what to do about an attempt whose `check_at` has come.

    An attempt that the provider took and whose receipt is overdue is only looked up, never
    repeated. One in doubt is repeated after the grace time and, where the records may be asked,
    not before they were asked.
    """
    attempt = pair.attempt
    if attempt.state not in _UNSETTLED:
        return NextStep(Step.WAIT)
    look_up_at = _look_up_at(attempt, now) if policy.looks_up else None
    repeat_at = _repeat_at(attempt, policy) if _may_be_repeated(pair, policy, now) else None
    if repeat_at is not None and repeat_at <= now:
        return NextStep(Step.REPEAT)
    if look_up_at is not None and look_up_at <= now:
        return NextStep(Step.LOOK_UP)
    times = [at for at in (look_up_at, repeat_at) if at is not None]
    return NextStep(Step.WAIT, min(times, default=None))


def looked_up(attempt: Attempt, now: datetime) -> Attempt:
    """Return an attempt of which the provider's records know nothing new.

    A doubt is looked up again, ever less often; a last word that is overdue there as well is not,
    and neither is what was settled while the question was out.
    """
    checks = attempt.checks + 1
    more = checks < len(LOOK_UP_AFTER) and attempt.state is AttemptState.UNCONFIRMED
    return replace(attempt, checks=checks, check_at=now + LOOK_UP_AFTER[checks] if more else None)


def _look_up_at(attempt: Attempt, now: datetime) -> datetime | None:
    if attempt.checks >= len(LOOK_UP_AFTER):
        return None
    if attempt.checks == 0 and attempt.state is AttemptState.UNCONFIRMED:
        return _ended_at(attempt) + LOOK_UP_AFTER[0]
    return now


def _repeat_at(attempt: Attempt, policy: DoubtPolicy) -> datetime | None:
    unasked = policy.looks_up and attempt.checks == 0
    if attempt.state is not AttemptState.UNCONFIRMED or unasked:
        return None
    at_least_once = policy.delivery is Delivery.AT_LEAST_ONCE
    return _ended_at(attempt) + policy.grace if at_least_once else None


def _may_be_repeated(pair: Pair, policy: DoubtPolicy, now: datetime) -> bool:
    """Tell whether a message still waits for this attempt, is young enough, and has tries left."""
    message, attempt = pair.message, pair.attempt
    stands = message.state is MessageState.UNCONFIRMED and attempt.number == message.attempts
    return stands and message.expires_at > now and message.tries + 1 < policy.tries_max


def _ended_at(attempt: Attempt) -> datetime:
    return attempt.ended_at or attempt.deadline_at


def repeat(pair: Pair, policy: DoubtPolicy, now: datetime) -> Pair:
    """Return a message whose attempt in doubt is followed by another, though it may have arrived.

    The attempt stays in doubt: a receipt may still tell what became of it. Only for a pair of which
    `next_step` said so.
    """
    message, attempt = pair.message, replace(pair.attempt, check_at=None)
    assert _may_be_repeated(pair, policy, now), "the next step of another pair"
    queued = message.move_to(
        MessageState.QUEUED,
        now,
        due_at=now,
        tries=message.tries + 1,
        duplicate_possible=True,
        reason="repeated",
        detail="Nobody knows whether it left, and at_least_once is set: it is sent again.",
    )
    return Pair(queued, attempt)


class Resolution(StrEnum):
    """What a human knows, or decides, about a message in doubt."""

    SENT = "sent"
    """The provider took it: receipts may follow."""
    NOT_SENT = "not_sent"
    """The provider never got it: it is sent again."""
    ABANDON = "abandon"
    """Whatever became of it, it is not sent again."""


def resolve(
    pair: Pair, resolution: Resolution, now: datetime, *, provider_message_id: str | None = None
) -> Pair:
    """Return a message in doubt, and its latest attempt, as a human settled them.

    `provider_message_id` is the provider's name for what was sent, where the human knows it. An
    abandoned attempt stays in doubt, and a receipt may still say what became of it; the message
    has had its last word.

    Raises:
        IllegalTransition: the message is not in doubt.
    """
    message, attempt = pair.message, pair.attempt
    if message.state is not MessageState.UNCONFIRMED:
        raise IllegalTransition(message.state, resolution)
    why = {"reason": f"resolved_{resolution}", "detail": _DETAILS[resolution]}
    if resolution is Resolution.SENT:
        name = provider_message_id or attempt.provider_message_id
        submitted = message.move_to(MessageState.SUBMITTED, now, provider_message_id=name, **why)
        sent = attempt.move_to(AttemptState.SUBMITTED, now, provider_message_id=name, **why)
        return Pair(submitted, sent)
    if resolution is Resolution.NOT_SENT:
        queued = message.move_to(MessageState.QUEUED, now, due_at=now, **why)
        return Pair(queued, attempt.move_to(AttemptState.NOT_ACCEPTED, now, **why))
    failed = message.move_to(MessageState.FAILED, now, **why)
    return Pair(failed, replace(attempt, check_at=None))


_DETAILS: Mapping[Resolution, str] = MappingProxyType(
    {
        Resolution.SENT: "Somebody found out that it was sent.",
        Resolution.NOT_SENT: "Somebody found out that it was not sent: it is sent again.",
        Resolution.ABANDON: "Nobody knows whether it was sent; somebody gave it up.",
    }
)
