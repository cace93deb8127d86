"""What a caller asks for, and the rules that it must keep: pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, TypeAlias

import msgspec

from wirephoto.domain.address import Network
from wirephoto.domain.channel import TEXT_CHARS_MAX, Channel
from wirephoto.domain.media import Media, MediaKind, Profile
from wirephoto.domain.message import Category, Priority
from wirephoto.domain.origin import Origins
from wirephoto.domain.phone import Refusal, parse_recipient
from wirephoto.domain.place import valid_state, valid_zone
from wirephoto.domain.url import check_url
from wirephoto.errors import Fault, RequestRefused

MEDIA_MAX = 10
"""Attachments of one message; what other providers document (facts 4.1), ours does not say."""
METADATA_PAIRS_MAX = 20
METADATA_KEY_CHARS_MAX = 40
METADATA_VALUE_CHARS_MAX = 500
REFERENCE_CHARS_MAX = 200
AHEAD_MAX = timedelta(days=30)
"""How far ahead a message may be scheduled or expire (DESIGN, rule 11)."""
PAST_MAX = timedelta(hours=1)
"""How far in the past `send_at` may lie and still mean now: a clock, not a mistake."""

NOT_HOSTED = "This gateway hosts no files: its operator must set PUBLIC_URL."
Uploads: TypeAlias = Mapping[str, MediaKind | None]
"""What each upload is that a request speaks of; None where its bytes are gone."""

AwareInstant = Annotated[datetime, msgspec.Meta(tz=True)]


class MediaRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One attachment: a public address, or an upload by its id."""

    url: str | None = None
    kind: MediaKind | None = None
    upload: str | None = None
    still_allowed: bool = False


class SmsFallback(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A text in the place of a picture."""

    text: str


class Fallback(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is sent if the picture is refused for the recipient's phone or for its size."""

    sms: SmsFallback


class MessageRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A message to send."""

    to: str
    from_: str | None = msgspec.field(name="from", default=None)
    text: str | None = None
    media: list[MediaRequest] = []
    fallback: Fallback | None = None
    category: Category | None = None
    priority: Literal["urgent", "normal", "bulk"] = "normal"
    ordered: bool = False
    send_at: AwareInstant | None = None
    expires_at: AwareInstant | None = None
    recipient_zone: str | None = None
    recipient_state: str | None = None
    metadata: dict[str, str] = {}
    reference: str | None = None
    media_profile: Profile = Profile.STANDARD
    preflight: bool = False


@dataclass(frozen=True, slots=True)
class RequestRules:
    """What the settings decide of the rules.

    `real_provider` says that messages reach phones, so that fictional numbers are refused;
    `hosts_media` that the gateway gives files out itself, so that they may be uploaded;
    `sticky_waits` that who has heard from a sender of a pool hears from no other while it pauses.
    """

    default_sender: str | None
    default_category: Category
    expires_after: timedelta
    real_provider: bool
    egress_allow: Sequence[Network] = ()
    hosts_media: bool = False
    sticky_waits: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A request that keeps the rules, in our own forms.

    Its sender is to be picked `among` several where that is not None.
    """

    recipient: str
    sender: str
    among: tuple[str, ...] | None
    text: str | None
    media: tuple[Media, ...]
    category: Category
    priority: Priority
    ordered: bool
    due_at: datetime
    expires_at: datetime
    metadata: Mapping[str, str]
    reference: str | None
    recipient_zone: str | None = None
    recipient_state: str | None = None
    fallback_text: str | None = None


_PRIORITIES = {priority.name.lower(): priority for priority in Priority}


def check_request(
    request: MessageRequest,
    rules: RequestRules,
    *,
    origins: Origins,
    categories: Collection[Category],
    uploads: Uploads,
    live: bool,
    now: datetime,
) -> Draft:
    """Return what `request` asks for.

    `origins` and `uploads` are the caller's own; its key allows `categories`, and `live` tells
    whether it reaches the real provider.

    Raises:
        RequestRefused: with every rule that it breaks.
    """
    faults: list[Fault] = []
    recipient = _recipient(request.to, origins.senders, rules, live=live, faults=faults)
    chosen = origins.choose(request.from_, rules.default_sender, faults)
    category = _category(request, rules, categories, faults)
    _check_content(request, faults)
    media = _media(request, rules, uploads, faults)
    _check_labels(request, faults)
    due_at, expires_at = _times(request, rules, now, faults)
    zone, state = _whereabouts(request, faults)
    if faults:
        raise RequestRefused(faults)
    return Draft(
        recipient=recipient,
        sender=chosen if isinstance(chosen, str) else "",
        among=None if isinstance(chosen, str) else chosen,
        text=request.text or None,
        media=media,
        category=category,
        priority=_PRIORITIES[request.priority],
        ordered=request.ordered,
        due_at=due_at.astimezone(UTC),
        expires_at=expires_at.astimezone(UTC),
        metadata=request.metadata,
        reference=request.reference,
        recipient_zone=zone,
        recipient_state=state,
        fallback_text=request.fallback.sms.text if request.fallback else None,
    )


def _recipient(
    to: str, senders: Collection[str], rules: RequestRules, *, live: bool, faults: list[Fault]
) -> str:
    number = parse_recipient(to, fictional_allowed=not (live and rules.real_provider))
    if isinstance(number, Refusal):
        faults.append(Fault("to", number.reason, number.message))
        return ""
    if number.e164 in senders:
        faults.append(Fault("to", "own_number", "This is one of your own senders."))
    return number.e164


def _category(
    request: MessageRequest,
    rules: RequestRules,
    allowed: Collection[Category],
    faults: list[Fault],
) -> Category:
    category = request.category or rules.default_category
    if category not in allowed:
        message = f"This key may not send messages of the category `{category}`."
        faults.append(Fault("category", "category_not_allowed", message))
    return category


def _check_content(request: MessageRequest, faults: list[Fault]) -> None:
    if not request.media and not (request.text or "").strip():
        faults.append(Fault("media", "required", "Give a picture in `media`, or a `text`."))
    if request.text:
        channel = Channel.MMS if request.media else Channel.SMS
        _check_text("text", request.text, channel, faults)
    _check_fallback(request, faults)
    if len(request.media) > MEDIA_MAX:
        message = f"A message has at most {MEDIA_MAX} attachments."
        faults.append(Fault("media", "too_many", message))


def _check_text(field: str, text: str, channel: Channel, faults: list[Fault]) -> None:
    chars_max = TEXT_CHARS_MAX[channel]
    if len(text) > chars_max:
        what = "The text of an SMS" if channel is Channel.SMS else "The text of a picture"
        faults.append(Fault(field, "too_long", f"{what} has at most {chars_max} characters."))
    _check_storable(field, text, faults)


def _check_fallback(request: MessageRequest, faults: list[Fault]) -> None:
    if request.fallback is None:
        return
    text = request.fallback.sms.text
    if not request.media:
        message = "A message without a picture is a text already: it has no other to fall back on."
        faults.append(Fault("fallback", "conflict", message))
    if not text.strip():
        faults.append(Fault("fallback.sms.text", "required", "Say what the text shall be."))
    _check_text("fallback.sms.text", text, Channel.SMS, faults)


def _media(
    request: MessageRequest, rules: RequestRules, uploads: Uploads, faults: list[Fault]
) -> tuple[Media, ...]:
    media = []
    for index, wanted in enumerate(request.media[:MEDIA_MAX]):
        if fault := _media_fault(f"media[{index}]", wanted, rules, uploads):
            faults.append(fault)
        kind = uploads.get(wanted.upload) if wanted.upload is not None else MediaKind.IMAGE
        media.append(
            Media(
                url=wanted.url,
                kind=wanted.kind or kind or MediaKind.IMAGE,
                upload=wanted.upload,
                profile=request.media_profile,
                still_allowed=wanted.still_allowed,
            )
        )
    return tuple(media)


def _media_fault(
    field: str, wanted: MediaRequest, rules: RequestRules, uploads: Uploads
) -> Fault | None:
    """Return the first rule that an attachment breaks."""
    if wanted.upload is None:
        if wanted.url is None:
            return Fault(f"{field}.url", "required", "Give the file's address, or an `upload`.")
        fault = check_url(wanted.url, allow=rules.egress_allow)
        return Fault(f"{field}.url", fault.reason, fault.message) if fault else None
    if wanted.url is not None:
        return Fault(f"{field}.upload", "conflict", "Give either a `url` or an `upload`.")
    if not rules.hosts_media:
        return Fault(f"{field}.upload", "not_hosted", NOT_HOSTED)
    if wanted.upload not in uploads:
        message = "There is no such upload: send the file to `POST /v1/media` first."
        return Fault(f"{field}.upload", "unknown_upload", message)
    if uploads[wanted.upload] is None:
        return Fault(f"{field}.upload", "upload_gone", "The upload was deleted: upload it again.")
    return None


def _check_labels(request: MessageRequest, faults: list[Fault]) -> None:
    if request.reference is not None:
        if not 1 <= len(request.reference) <= REFERENCE_CHARS_MAX:
            message = f"A reference has 1 to {REFERENCE_CHARS_MAX} characters."
            faults.append(Fault("reference", "length", message))
        _check_storable("reference", request.reference, faults)
    if len(request.metadata) > METADATA_PAIRS_MAX:
        message = f"At most {METADATA_PAIRS_MAX} pairs are kept."
        faults.append(Fault("metadata", "too_many", message))
        return
    for key, value in request.metadata.items():
        if not 1 <= len(key) <= METADATA_KEY_CHARS_MAX or len(value) > METADATA_VALUE_CHARS_MAX:
            message = (
                f"Keys have 1 to {METADATA_KEY_CHARS_MAX} characters, values at most "
                f"{METADATA_VALUE_CHARS_MAX}."
            )
            faults.append(Fault("metadata", "length", message))
        _check_storable("metadata", key + value, faults)


def _whereabouts(request: MessageRequest, faults: list[Fault]) -> tuple[str | None, str | None]:
    """Return what the caller knows of where the recipient is: a zone, a state."""
    found: list[str | None] = []
    for name, text, check in (
        ("recipient_zone", request.recipient_zone, valid_zone),
        ("recipient_state", request.recipient_state, valid_state),
    ):
        try:
            found.append(None if text is None else check(text))
        except ValueError as error:
            found.append(None)
            faults.append(Fault(name, "unknown", f"It {error}."))
    return found[0], found[1]


def _check_storable(field: str, value: str, faults: list[Fault]) -> None:
    if "\x00" in value:
        faults.append(Fault(field, "null_character", "Text cannot hold the character U+0000."))


def _times(
    request: MessageRequest, rules: RequestRules, now: datetime, faults: list[Fault]
) -> tuple[datetime, datetime]:
    """Return when the message may leave, and when it is too old to."""
    due_at = request.send_at or now
    if due_at < now - PAST_MAX:
        faults.append(Fault("send_at", "past", "This time is past."))
    if due_at >= now + AHEAD_MAX:  # it would expire in the moment it is due
        faults.append(Fault("send_at", "too_far", f"Less than {AHEAD_MAX.days} days ahead."))
        due_at = now
    due_at = max(due_at, now)
    expires_at = request.expires_at or min(due_at + rules.expires_after, now + AHEAD_MAX)
    if request.expires_at and expires_at <= due_at:
        faults.append(Fault("expires_at", "too_soon", "It must lie after `send_at` and after now."))
    if expires_at > now + AHEAD_MAX:
        faults.append(Fault("expires_at", "too_far", f"At most {AHEAD_MAX.days} days ahead."))
    return due_at, expires_at
