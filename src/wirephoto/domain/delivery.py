"""Deliveries: one try to tell an endpoint of an event, how it is signed, and when it is repeated.

Source of schedule, headers and verdicts: Standard Webhooks 1.0 (facts 6).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from standardwebhooks import Webhook

from wirephoto.domain.retry import RETRY_AFTER_S_MAX

WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""How long after each try comes the next; after the last one the event is given up."""
JITTER_SHARE = 0.2
"""How much longer a wait may be, so that what failed together does not come back together."""
_GONE = 410


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one try: the HTTP status, or the reason why there is none."""

    status: int | None = None
    reason: str | None = None
    retry_after_s: float | None = None

    @property
    def is_success(self) -> bool:
        """Tell whether the endpoint took it: 2xx alone says so, a redirect does not."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Tell whether the endpoint wants no more events, ever."""
        return self.status == _GONE

    @property
    def rest_s(self) -> float:
        """Return how long the endpoint asks to be left alone, in seconds."""
        return 0.0 if self.is_success else min(self.retry_after_s or 0.0, RETRY_AFTER_S_MAX)


def next_try_at(
    tries: int, *, jitter: float, now: datetime, retry_after_s: float | None
) -> datetime | None:
    """Return when an event is tried again after the try number `tries`; None where it is given up.

    `jitter` is a random number in [0, 1).
    """
    if tries > len(WAITS):
        return None
    wait = WAITS[tries - 1] * (1.0 + JITTER_SHARE * jitter)
    asked = timedelta(seconds=min(max(0.0, retry_after_s or 0.0), RETRY_AFTER_S_MAX))
    return now + max(wait, asked)


def signed_headers(
    event_id: str, body: str, *, secrets: Iterable[str], at: datetime
) -> dict[str, str]:
    """Return the headers that prove where an event comes from: a signature for each secret.

    The id is the same on every try, so that an event that comes twice is known again.
    """
    signatures = [Webhook(secret).sign(event_id, at, body) for secret in secrets]
    return {
        "Content-Type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
