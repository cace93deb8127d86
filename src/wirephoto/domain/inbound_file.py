"""Attachments of messages from phones: fetched while their addresses live, and then kept."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from wirephoto.domain.retry import RetryPolicy, retry_at
from wirephoto.errors import MediaRefused

ADDRESS_LIFE = timedelta(hours=48)
"""How long the provider keeps an attachment at its address (contract 2.3)."""
TRY_AGAIN = RetryPolicy(first_s=10.0, longest_s=1800.0)
"""When to try again; how often does not count, only whether the address still lives."""


class FileState(StrEnum):
    """Where an attachment is."""

    WAITING = "waiting"
    """At the provider's address; it is to be fetched."""
    STORED = "stored"
    GONE = "gone"
    """It could not be had, and never will be."""


@dataclass(frozen=True, slots=True)
class InboundFile:
    """One attachment of an inbound message, at its place in the message's `media`.

    `due_at` is when to fetch it, `dies_at` when its address ends. `tries` counts how often that
    was begun: who has begun one may only record what came of it while nobody has begun another.
    """

    inbound_id: str
    position: int
    tenant_id: str
    dies_at: datetime
    state: FileState = FileState.WAITING
    tries: int = 0
    due_at: datetime | None = None
    file_id: str | None = None
    media_type: str | None = None
    size_bytes: int | None = None
    reason: str | None = None
    detail: str | None = None
    settled_at: datetime | None = None

    def stored(
        self, file_id: str, *, media_type: str, size_bytes: int, now: datetime
    ) -> "InboundFile":
        """Return it as it is once its bytes are kept."""
        return replace(
            self,
            state=FileState.STORED,
            due_at=None,
            file_id=file_id,
            media_type=media_type,
            size_bytes=size_bytes,
            reason=None,
            detail=None,
            settled_at=now,
        )

    def failed(self, refused: MediaRefused, *, jitter: float, now: datetime) -> "InboundFile":
        """Return it after a try that failed: to be fetched again while that can help, or gone."""
        why = replace(self, reason=refused.reason, detail=str(refused))
        again_at = retry_at(TRY_AGAIN, tries=self.tries, jitter=jitter, now=now, retry_after_s=None)
        if refused.retryable and again_at < self.dies_at:
            return replace(why, due_at=again_at)
        return replace(why, state=FileState.GONE, due_at=None, settled_at=now)
