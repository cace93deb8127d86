"""How messages, events and attempts look from outside."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from wirephoto.domain.channel import Channel
from wirephoto.domain.event import Event, told
from wirephoto.domain.marketing import WARNED
from wirephoto.domain.media import Fitting, Form, Media, MediaKind
from wirephoto.domain.message import Attempt, AttemptState, Category, Message, MessageState
from wirephoto.domain.request import Fallback, SmsFallback
from wirephoto.storage.hosting import (
    MediaFetch,
)
from wirephoto.storage.media import (
    Original,
    Rendition,
)

NO_CONSENT = "No consent of the recipient is on record."
TOO_LATE = (
    "What waits before it takes longer than the message may wait: it will probably expire. "
    "Raise the rate of its campaign, or `expires_at`."
)
PriorityName = Literal["urgent", "normal", "bulk"]
_PRIORITY_NAMES: tuple[PriorityName, ...] = ("urgent", "normal", "bulk")


class FormView(msgspec.Struct):
    """What a file is."""

    media_type: str
    size_bytes: int
    width: int | None
    height: int | None
    frames: int | None
    duration_s: float | None


class FittingView(msgspec.Struct):
    """What the pipeline made of a file."""

    original: FormView
    sent: FormView
    steps: list[str]
    warnings: list[str]
    took_ms: int


class MediaView(msgspec.Struct):
    """One attachment: what was given, and what is sent of it."""

    url: str | None
    upload: str | None
    kind: MediaKind
    media_id: str | None
    fitting: FittingView | None


class RenditionView(msgspec.Struct):
    """What the pipeline made of an original for one target, or why it refused to."""

    target: str
    fitting: FittingView | None
    reason: str | None
    detail: str | None
    created_at: datetime


class MediaDetail(msgspec.Struct):
    """An original: an upload, or what an address held."""

    id: str
    kind: MediaKind
    media_type: str
    size_bytes: int
    url: str | None
    available: bool
    created_at: datetime
    used_at: datetime
    renditions: list[RenditionView]


class FetchView(msgspec.Struct):
    """One fetch of a hosted file: evidence that the attempt was accepted."""

    attachment: int
    method: str
    user_agent: str | None
    at: datetime


class MessageView(msgspec.Struct, rename={"sender": "from", "recipient": "to"}):
    """A message: what was asked, and where it is."""

    id: str
    state: MessageState
    recipient: str
    sender: str
    text: str | None
    media: list[MediaView]
    channel: Channel
    fallback: Fallback | None
    category: Category
    priority: PriorityName
    ordered: bool
    allowed_by: Mapping[str, str] | None
    reference: str | None
    metadata: Mapping[str, str]
    hold_reason: str | None
    reason: str | None
    detail: str | None
    attempts: int
    resends: int
    message_uuid: str | None
    duplicate_possible: bool
    receipt_overdue: bool
    warnings: list[str]
    due_at: datetime
    expected_at: datetime | None
    expires_at: datetime
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime | None
    final_at: datetime | None


class MessageList(msgspec.Struct):
    """A page of messages, the newest first; `next_cursor` is null on the last one."""

    messages: list[MessageView]
    next_cursor: str | None


class AttemptView(msgspec.Struct):
    """One try to submit a message."""

    number: int
    channel: Channel
    state: AttemptState
    client_ref: str
    slot_at: datetime | None
    started_at: datetime
    deadline_at: datetime
    ended_at: datetime | None
    reason: str | None
    detail: str | None
    http_status: int | None
    provider_code: str | None
    message_uuid: str | None
    price: str | None
    currency: str | None
    network_code: str | None
    request: str | None
    answer: str | None
    checks: int
    fetches: list[FetchView]


class EventView(msgspec.Struct):
    """One entry of a message's timeline."""

    id: str
    type: str
    at: datetime
    data: Mapping[str, str | int]


class Timeline(msgspec.Struct):
    """What became of a message: its events in order, and every try to submit it."""

    events: list[EventView]
    attempts: list[AttemptView]
    next_cursor: str | None


class FeedEventView(msgspec.Struct):
    """One entry of the feed: an event, and the message that it is about."""

    id: str
    type: str
    at: datetime
    message_id: str | None
    data: Mapping[str, str | int]


class Feed(msgspec.Struct):
    """What happened to all messages; `cursor` is where the feed goes on, now or later."""

    events: list[FeedEventView]
    cursor: str
    has_more: bool


def message_view(message: Message) -> MessageView:
    """Return how a message looks from outside."""
    return MessageView(
        id=message.id,
        state=message.state,
        recipient=message.recipient,
        sender=message.sender,
        text=message.text,
        media=[_media_view(media) for media in message.media],
        channel=message.channel,
        fallback=_fallback(message),
        category=message.category,
        priority=_PRIORITY_NAMES[message.priority],
        ordered=message.ordered,
        allowed_by=message.allowed_by,
        reference=message.reference,
        metadata=message.metadata,
        hold_reason=message.hold_reason,
        reason=message.reason,
        detail=message.detail,
        attempts=message.attempts,
        resends=message.resends,
        message_uuid=message.provider_message_id,
        duplicate_possible=message.duplicate_possible,
        receipt_overdue=message.receipt_overdue,
        warnings=_warnings(message),
        due_at=message.due_at,
        expected_at=message.expected_at,
        expires_at=message.expires_at,
        created_at=message.created_at,
        updated_at=message.updated_at,
        submitted_at=message.submitted_at,
        final_at=message.final_at,
    )


def media_detail(original: Original, renditions: Sequence[Rendition]) -> MediaDetail:
    """Return how an original looks from outside, with what was made of it."""
    return MediaDetail(
        id=original.id,
        kind=original.kind,
        media_type=original.media_type,
        size_bytes=original.size_bytes,
        url=original.url,
        available=original.file_id is not None,
        created_at=original.created_at,
        used_at=original.used_at,
        renditions=[
            RenditionView(
                target=made.target,
                fitting=_fitting_view(made.fitting),
                reason=made.reason,
                detail=made.detail,
                created_at=made.created_at,
            )
            for made in renditions
        ],
    )


def _warnings(message: Message) -> list[str]:
    """Return what may go wrong with a message that waits."""
    late = message.expected_at is not None and message.expected_at >= message.expires_at
    warnings = [TOO_LATE] if late and message.state.is_waiting else []
    if (message.allowed_by or {}).get("warning") == WARNED:
        warnings.append(NO_CONSENT)
    return warnings


def _fallback(message: Message) -> Fallback | None:
    text = message.fallback_text
    return None if text is None else Fallback(SmsFallback(text))


def _media_view(media: Media) -> MediaView:
    prepared = media.prepared
    return MediaView(
        url=media.url,
        upload=media.upload,
        kind=media.kind,
        media_id=prepared.media_id if prepared else media.upload,
        fitting=_fitting_view(prepared.fitting) if prepared else None,
    )


def _fitting_view(fitting: Fitting | None) -> FittingView | None:
    if fitting is None:
        return None
    return FittingView(
        original=_form_view(fitting.original),
        sent=_form_view(fitting.sent),
        steps=list(fitting.steps),
        warnings=list(fitting.warnings),
        took_ms=fitting.took_ms,
    )


def _form_view(form: Form) -> FormView:
    return FormView(
        media_type=form.media_type,
        size_bytes=form.size_bytes,
        width=form.width,
        height=form.height,
        frames=form.frames,
        duration_s=form.duration_s,
    )


def attempt_view(attempt: Attempt, fetches: Sequence[MediaFetch] = ()) -> AttemptView:
    """Return how an attempt looks from outside; `fetches` are those of all the message's files."""
    return AttemptView(
        number=attempt.number,
        channel=attempt.channel,
        state=attempt.state,
        client_ref=attempt.client_ref,
        slot_at=attempt.slot_at,
        started_at=attempt.started_at,
        deadline_at=attempt.deadline_at,
        ended_at=attempt.ended_at,
        reason=attempt.reason,
        detail=attempt.detail,
        http_status=attempt.http_status,
        provider_code=attempt.provider_code,
        message_uuid=attempt.provider_message_id,
        price=attempt.price,
        currency=attempt.currency,
        network_code=attempt.network_code,
        request=attempt.request,
        answer=attempt.answer,
        checks=attempt.checks,
        fetches=[
            FetchView(fetch.position, fetch.method, fetch.user_agent, fetch.at)
            for fetch in fetches
            if fetch.attempt == attempt.number
        ],
    )


def event_view(event: Event) -> EventView:
    """Return how an event looks from outside."""
    return EventView(event.id, event.type, event.at, event.data)


def feed_event_view(event: Event) -> FeedEventView:
    """Return how an event looks in the feed."""
    return FeedEventView(**told(event))
