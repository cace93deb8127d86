"""A new attempt: what is stored before the first byte leaves, and what is then asked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wirephoto.domain.channel import Channel
from wirephoto.domain.fallback import LINK_KEPT, is_hosted, text_of
from wirephoto.domain.follow import Pair, time_to_live_s
from wirephoto.domain.media import NAME_KEPT, Attachment, extension
from wirephoto.domain.message import Attempt, AttemptState, Message, MessageState, Submission
from wirephoto.domain.pacing import LATE_MAX
from wirephoto.ids import Ids
from wirephoto.storage.hosting import (
    HostedName,
)
from wirephoto.vonage.wire import request_shown


@dataclass(frozen=True, slots=True)
class Begun:
    """A message in `sending` with its attempt, what it asks of the provider, and its files' names.

    Each attempt has its own names: who fetches one has had the request of that attempt.
    """

    pair: Pair
    submission: Submission
    names: tuple[HostedName, ...]


def begin(message: Message, *, now: datetime, ids: Ids, timeout_s: float, media_url: str) -> Begun:
    """Return the next attempt of a claimed message.

    It has `timeout_s` seconds from its slot on; hosted files are found at `media_url` and their
    name. A picture that goes on as a text has links to them in its words.
    """
    attempt = Attempt(
        id=ids.new("att", now),
        tenant_id=message.tenant_id,
        message_id=message.id,
        number=message.attempts + 1,
        client_ref=ids.client_ref(),
        state=AttemptState.SENDING,
        slot_at=message.slot_at,
        started_at=now,
        deadline_at=(message.slot_at or now) + LATE_MAX + timedelta(seconds=timeout_s),
        channel=message.channel,
    )
    ttl_s = time_to_live_s(message, now)
    names = _name_files(message, attempt, ids=ids, ttl_s=ttl_s)
    is_text = message.channel is Channel.SMS
    submission = Submission(
        client_ref=attempt.client_ref,
        sender=message.sender,
        recipient=message.recipient,
        text=text_of(message, media_url, [name.name for name in names]),
        media=() if is_text else _attachments(message, names, media_url=media_url),
        ttl_s=ttl_s,
        channel=message.channel,
    )
    sending = message.move_to(MessageState.SENDING, now, attempts=attempt.number)
    shown = replace(attempt, request=request_shown(submission))
    return Begun(Pair(sending, shown), submission, names)


def _name_files(
    message: Message, attempt: Attempt, *, ids: Ids, ttl_s: int
) -> tuple[HostedName, ...]:
    fetched_for = timedelta(seconds=ttl_s) + NAME_KEPT
    kept_for = LINK_KEPT if message.channel is Channel.SMS else fetched_for
    return tuple(
        [
            HostedName(
                name=ids.client_ref() + extension(media.prepared.fitting.sent.media_type),
                tenant_id=message.tenant_id,
                message_id=message.id,
                attempt=attempt.number,
                position=position,
                file_id=media.prepared.file_id,
                media_type=media.prepared.fitting.sent.media_type,
                expires_at=attempt.deadline_at + kept_for,
            )
            for position, media in enumerate(message.media)
            if media.prepared and is_hosted(message, media)
        ]
    )


def _attachments(
    message: Message, names: Sequence[HostedName], *, media_url: str
) -> tuple[Attachment, ...]:
    urls = {name.position: f"{media_url}{name.name}" for name in names}
    told = [urls.get(position, media.url) for position, media in enumerate(message.media)]
    return tuple(
        [
            Attachment(url, media.kind)
            for url, media in zip(told, message.media, strict=True)
            if url is not None
        ]
    )
