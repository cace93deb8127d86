"""How a message, an attempt and an event stand in their rows."""

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import Column, Row

from wirephoto.domain.channel import Channel
from wirephoto.domain.event import Event
from wirephoto.domain.media import Media, MediaKind, Profile
from wirephoto.domain.message import (
    Attempt,
    AttemptState,
    Category,
    Message,
    MessageState,
    Priority,
)
from wirephoto.storage.schema import attempts, messages

MESSAGE_COLUMNS = tuple(column.name for column in messages.columns if column.name != "broadcast_id")
ATTEMPT_COLUMNS = tuple(column.name for column in attempts.columns)
EVENT_COLUMNS = ("id", "tenant_id", "message_id", "type", "data", "at")
MOVED = (
    "state",
    "hold_reason",
    "reason",
    "detail",
    "tries",
    "attempts",
    "provider_message_id",
    "duplicate_possible",
    "receipt_overdue",
    "due_at",
    "slot_at",
    "lease_until",
    "updated_at",
    "submitted_at",
    "final_at",
    "resends",
    "channel",
    "weight",
)
"""What a move may change of a message."""
PREPARED = (*MOVED, "media")
"""What the move from `preparing` to `queued` changes of a message."""
BEGUN = ("state", "attempts", "lease_until", "updated_at")
"""What the move to `sending` changes of a message."""
ANSWERED = (
    "state",
    "ended_at",
    "reason",
    "detail",
    "http_status",
    "provider_code",
    "provider_message_id",
    "price",
    "currency",
    "network_code",
    "answer",
    "check_at",
    "checks",
)
"""What an answer or a receipt may change of an attempt."""

ToDriver = Callable[[datetime | None], Any]
_JSON = msgspec.json.Encoder()


def message_columns() -> list[Column[Any]]:
    """Return the columns that `read_message` reads."""
    return [messages.c[name] for name in MESSAGE_COLUMNS]


class Fields:
    """Some fields of a message or an attempt, and how they go to the driver.

    Which of them are instants or JSON is settled once, for this runs for every row stored.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._get = attrgetter(*names)
        self._instants = [
            place
            for place, name in enumerate(names)
            if name.endswith("_at") or name in ("lease_until", "held_from")
        ]
        self._media = names.index("media") if "media" in names else None
        self._json = [
            place for place, name in enumerate(names) if name in ("metadata", "allowed_by")
        ]

    def values(self, row: Message | Attempt, instant: ToDriver) -> list[Any]:
        """Return the fields of `row` as the driver takes them."""
        values = list(self._get(row))
        for place in self._instants:
            if values[place] is not None:
                values[place] = instant(values[place])
        if self._media is not None:
            media = [_media_fields(each) for each in values[self._media]]
            values[self._media] = _JSON.encode(media).decode()
        for place in self._json:
            if values[place] is not None:
                values[place] = _JSON.encode(values[place]).decode()
        return values


MESSAGE_FIELDS = Fields(MESSAGE_COLUMNS)
ATTEMPT_FIELDS = Fields(ATTEMPT_COLUMNS)
MOVED_FIELDS = Fields(MOVED)
PREPARED_FIELDS = Fields(PREPARED)
BEGUN_FIELDS = Fields(BEGUN)
ANSWERED_FIELDS = Fields(ANSWERED)


def _media_fields(media: Media) -> dict[str, Any]:
    """Return what is stored of an attachment: no defaults, for there is one of these a message."""
    stored: dict[str, Any] = {"url": media.url, "kind": media.kind}
    if media.upload is not None:
        stored = {"upload": media.upload, "kind": media.kind}
    if media.profile is not Profile.STANDARD:
        stored["profile"] = media.profile
    if media.still_allowed:
        stored["still_allowed"] = True
    if media.prepared is not None:
        stored["prepared"] = media.prepared
    return stored


def _read_media(stored: dict[str, Any]) -> Media:
    if len(stored) == 2 and "url" in stored:
        return Media(url=stored["url"], kind=MediaKind(stored["kind"]))
    return msgspec.convert(stored, Media)


def event_values(event: Event, instant: ToDriver) -> tuple[Any, ...]:
    """Return an event's `EVENT_COLUMNS` as the driver takes them."""
    data = _JSON.encode(event.data).decode() if event.data else None
    at = instant(event.at)
    return (event.id, event.tenant_id, event.message_id, event.type, data, at)


def read_message(row: Row[Any]) -> Message:
    """Return the message of a row of `MESSAGE_COLUMNS`."""
    fields = dict(zip(MESSAGE_COLUMNS, row, strict=True))
    fields["media"] = tuple([_read_media(part) for part in fields["media"]])
    fields["category"] = Category(fields["category"])
    fields["priority"] = Priority(fields["priority"])
    fields["state"] = MessageState(fields["state"])
    fields["metadata"] = fields["metadata"] or {}
    fields["channel"] = Channel(fields["channel"])
    return Message(**fields)


def read_attempt(row: Row[Any]) -> Attempt:
    """Return the attempt of a row of `ATTEMPT_COLUMNS`."""
    fields = dict(zip(ATTEMPT_COLUMNS, row, strict=True))
    fields["state"] = AttemptState(fields["state"])
    fields["channel"] = Channel(fields["channel"])
    return Attempt(**fields)


def read_event(row: Row[Any]) -> Event:
    """Return the event of a row that has at least the columns of `EVENT_COLUMNS`."""
    return Event(
        id=row.id,
        tenant_id=row.tenant_id,
        message_id=row.message_id,
        type=row.type,
        data=row.data or {},
        at=row.at,
    )
