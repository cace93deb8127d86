"""Valid messages, attempts and senders: one line to vary what a test is about."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from wirephoto.domain.media import Media
from wirephoto.domain.message import (
    Attempt,
    AttemptState,
    Category,
    Message,
    MessageState,
    Priority,
)
from wirephoto.ids import Ids
from wirephoto.storage.schema import DEFAULT_ACCOUNT, DEFAULT_CAMPAIGN, DEFAULT_TENANT

NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)
"""When tests happen: a Wednesday, 10:00 in New York."""
SENDER = "+12025550100"
RECIPIENT = "+12125550123"
PICTURE = "https://pictures.example.com/cat.jpg"


def make_ids(seed: int = 1) -> Ids:
    """Return a source of ids that a seed repeats."""
    return Ids(Random(seed).randbytes)


_IDS = make_ids(7)


def make_message(**changes: Any) -> Message:
    """Return a valid queued message, with `changes`."""
    message = Message(
        id=_IDS.new("msg", NOW),
        tenant_id=DEFAULT_TENANT,
        account_id=DEFAULT_ACCOUNT,
        campaign_id=DEFAULT_CAMPAIGN,
        sender=SENDER,
        recipient=RECIPIENT,
        text="A cat",
        media=(Media(PICTURE),),
        category=Category.TRANSACTIONAL,
        priority=Priority.NORMAL,
        state=MessageState.QUEUED,
        version=1,
        due_at=NOW,
        expires_at=NOW + timedelta(hours=24),
        created_at=NOW,
        updated_at=NOW,
    )
    if changes.get("state") is MessageState.PREPARING:
        changes = {"lease_until": NOW} | changes
    return replace(message, **changes)


def make_attempt(message: Message, **changes: Any) -> Attempt:
    """Return a valid attempt in `sending` of `message`, with `changes`."""
    attempt = Attempt(
        id=_IDS.new("att", NOW),
        tenant_id=message.tenant_id,
        message_id=message.id,
        number=max(1, message.attempts),
        client_ref=_IDS.client_ref(),
        state=AttemptState.SENDING,
        slot_at=NOW,
        started_at=NOW,
        deadline_at=NOW + timedelta(seconds=30),
    )
    return replace(attempt, **changes)


def send_request(**changes: Any) -> Mapping[str, Any]:
    """Return the JSON of a valid `POST /v1/messages`, with `changes` (None removes a field)."""
    body = {"to": RECIPIENT, "text": "A cat", "media": [{"url": PICTURE}]} | changes
    return {name: value for name, value in body.items() if value is not None}
