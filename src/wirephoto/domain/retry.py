"""When to try again after a failed attempt."""

from dataclasses import dataclass
from datetime import datetime, timedelta

RETRY_AFTER_S_MAX = 3600.0
"""The longest `Retry-After` that is obeyed; a provider's typing error must not park a message."""

DOUBLINGS_MAX = 64
"""Beyond any wait in years; a float would overflow where a setting allows a thousand tries."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter: a wait between 0 and `first_s` · 2^(tries-1)."""

    tries_max: int = 8
    first_s: float = 2.0
    longest_s: float = 600.0


@dataclass(frozen=True, slots=True)
class ResendPolicy:
    """How often, and when, a message is submitted anew that was taken and then turned down.

    To the provider each is a new message with a price of its own (contract 3), so the bound is
    lower than that of tries which cost nothing.
    """

    resends_max: int = 3
    backoff: RetryPolicy = RetryPolicy(first_s=120.0, longest_s=3600.0)


def backoff_s(policy: RetryPolicy, *, tries: int, jitter: float) -> float:
    """Return how long to wait after the try number `tries`, in seconds.

    Full jitter spreads the retries of many messages evenly, so that they do not come back as one.
    `jitter` is a random number in [0, 1).
    """
    doublings = min(max(0, tries - 1), DOUBLINGS_MAX)
    ceiling = min(policy.longest_s, policy.first_s * 2.0**doublings)
    return float(ceiling * jitter)


def retry_at(
    policy: RetryPolicy, *, tries: int, jitter: float, now: datetime, retry_after_s: float | None
) -> datetime:
    """Return when to try again: never before the provider's `Retry-After`."""
    wait_s = backoff_s(policy, tries=tries, jitter=jitter)
    if retry_after_s is not None:
        wait_s += min(max(0.0, retry_after_s), RETRY_AFTER_S_MAX)
    return now + timedelta(seconds=wait_s)
