"""Messages from phones to the application: what the inbound webhook says (contract 2.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

import msgspec

_KIND_BY_ENDING = MappingProxyType(
    {
        **dict.fromkeys((".jpg", ".jpeg", ".png", ".gif", ".bmp", ".heic", ".webp"), "image"),
        **dict.fromkeys((".mp3", ".amr", ".midi", ".mid", ".wav", ".ac3", ".m4a"), "audio"),
        **dict.fromkeys((".mp4", ".3gp", ".avi", ".mpg", ".mpeg", ".mov"), "video"),
        ".vcf": "vcard",
    }
)
_CAPTIONED = frozenset({"image", "file"})

Digits = Annotated[str, msgspec.Meta(pattern=r"\A[1-9][0-9]{2,14}\Z")]
WebAddress = Annotated[str, msgspec.Meta(pattern=r"\Ahttps?://[^\s/]+", max_length=2048)]


class SentFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A file that a phone sends: its name says what it is, `data` is Base64 in JSON."""

    name: Annotated[str, msgspec.Meta(pattern=r"\A[^/\x00]{1,200}\Z")]
    data: bytes


class InboundOrder(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What somebody wants a phone to have sent; numbers are digits without `+`.

    `media` are addresses, told as they are; `files` are kept by the simulator, as the provider
    does. The channel is `mms` with either and `sms` without, unless it is named.
    """

    sender: Digits = msgspec.field(name="from")
    to: Digits
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=3200)] | None = None
    media: Annotated[tuple[WebAddress, ...], msgspec.Meta(max_length=10)] = ()
    files: Annotated[tuple[SentFile, ...], msgspec.Meta(max_length=10)] = ()
    channel: Literal["mms", "sms"] | None = None


@dataclass(frozen=True, slots=True)
class _Attachment:
    kind: str
    url: str
    name: str


def inbound_body(
    order: InboundOrder,
    *,
    message_uuid: str,
    at: datetime,
    repeats_first: bool,
    file_urls: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the webhook body for `order`; `file_urls` are where its files are kept.

    Of several attachments the first stands in the field of its type; `content` lists all of
    them or, without `repeats_first`, the others (the documents leave that open).

    Raises:
        ValueError: neither text nor media; media by SMS; or text with media of which none can
            carry a caption.
    """
    attachments = [_attachment(url, _name_in(url)) for url in order.media]
    attachments += [
        _attachment(url, file.name) for url, file in zip(file_urls, order.files, strict=True)
    ]
    if not attachments and order.text is None:
        raise ValueError("text or media is required")
    if attachments and order.channel == "sms":
        raise ValueError("an SMS carries no media")
    body: dict[str, Any] = {
        "channel": order.channel or ("mms" if attachments else "sms"),
        "message_uuid": message_uuid,
        "to": order.to,
        "from": order.sender,
        "timestamp": at.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    if not attachments:
        return {**body, "message_type": "text", "text": order.text}
    return {**body, **_media_fields(attachments, order.text, repeats_first=repeats_first)}


def _media_fields(
    attachments: list[_Attachment], caption: str | None, *, repeats_first: bool
) -> dict[str, Any]:
    if caption is not None:
        # Only images and files have a caption: the one that carries the text goes first.
        attachments = sorted(attachments, key=lambda item: item.kind not in _CAPTIONED)
        if attachments[0].kind not in _CAPTIONED:
            raise ValueError("text needs an image or a file to be the caption of")
    first = attachments[0]
    media = {"url": first.url, "name": first.name}
    if caption is not None:
        media["caption"] = caption
    fields: dict[str, Any] = {"message_type": first.kind, first.kind: media}
    if len(attachments) > 1:
        listed = attachments if repeats_first else attachments[1:]
        fields["content"] = [{"type": item.kind, "url": item.url} for item in listed]
    return fields


def _attachment(url: str, name: str) -> _Attachment:
    kind = _KIND_BY_ENDING.get(PurePosixPath(name).suffix.lower(), "file")
    return _Attachment(kind, url, name or "attachment")


def _name_in(url: str) -> str:
    return PurePosixPath(unquote(urlsplit(url).path)).name
