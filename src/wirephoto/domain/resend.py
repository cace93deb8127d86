"""A message that was taken and then turned down: whether it is submitted anew, and when."""

from datetime import datetime, timedelta

from wirephoto.domain.daily_cap import next_pacific_midnight
from wirephoto.domain.line import PROBE_FIRST_S
from wirephoto.domain.message import AttemptState, Message
from wirephoto.domain.outcome import Failure, FailureClass
from wirephoto.domain.retry import ResendPolicy, retry_at

UNDELIVERABLE_RESENDS_MAX = 1
"""The provider could not hand it on: worth one later retry (contract 2.2)."""

_TEMPORARY = frozenset({FailureClass.RETRY, FailureClass.SENDER, FailureClass.ACCOUNT})
"""What is no fault of the message or the recipient. A fault of the sender or the account stops
the line as well, so that the message waits there until it is removed."""


def resend_at(
    message: Message,
    state: AttemptState,
    failure: Failure | None,
    *,
    policy: ResendPolicy,
    jitter: float,
    now: datetime,
) -> datetime | None:
    """Return when to submit `message` anew, or None when its latest attempt was its last.

    `state` is what became of that attempt. It was its last as well when the next would come after
    the message's expiry: the customer hears the carrier's word rather than `expired`.
    """
    resends_max = _resends_max(state, failure, policy)
    if message.resends >= resends_max:
        return None
    if failure and failure.daily_cap:
        due_at = next_pacific_midnight(now)
    elif failure and failure.kind in (FailureClass.SENDER, FailureClass.ACCOUNT):
        # Not before the stopped line's first probe: the stop is stored a moment after this.
        due_at = now + timedelta(seconds=PROBE_FIRST_S)
    else:
        # Half of the wait is certain: each further attempt costs money.
        due_at = retry_at(
            policy.backoff,
            tries=message.resends + 1,
            jitter=(1.0 + jitter) / 2,
            now=now,
            retry_after_s=None,
        )
    return due_at if due_at < message.expires_at else None


def _resends_max(state: AttemptState, failure: Failure | None, policy: ResendPolicy) -> int:
    if failure is None or failure.kind not in _TEMPORARY:
        return 0
    if state is AttemptState.UNDELIVERABLE:
        return min(UNDELIVERABLE_RESENDS_MAX, policy.resends_max)
    return policy.resends_max
