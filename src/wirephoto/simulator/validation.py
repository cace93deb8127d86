"""Whether the body of a message obeys the provider's documents (contract 1.3 to 1.5)."""

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from wirephoto.simulator.problems import (
    BAD_SENDER,
    INVALID_CHANNEL_PARAMETERS,
    INVALID_CLIENT_REF,
    INVALID_JSON,
    INVALID_MESSAGE_TYPE,
    INVALID_PARAMS,
    INVALID_RECIPIENT,
    UNSUPPORTED_CHANNEL,
    InvalidParameter,
    Problem,
)

MEDIA_KINDS = frozenset({"image", "vcard", "audio", "video", "file"})
"""Message types, and types of `content` items, that carry the address of a file."""

_MESSAGE_TYPES = MappingProxyType(
    {"mms": MEDIA_KINDS | {"text", "content"}, "sms": frozenset({"text"})}
)
_TTL_S = MappingProxyType({"mms": (300, 259_200), "sms": (20, 604_800)})
_SMS_TEXT_CHARS_MAX = 3200
_CAPTION_CHARS_MAX = 3000
_CLIENT_REF_CHARS_MAX = 100
_SMS_ENCODINGS = frozenset({"text", "unicode", "auto"})
_WEBHOOK_VERSIONS = frozenset({"v1", "v0.1"})
# No plus sign and no 00 in front: the documents ask for bare digits, 7 to 15 of them.
_RECIPIENT = re.compile(r"[1-9][0-9]{6,14}")
# Short codes are senders too; alphanumeric ones are not allowed in the US.
_SENDER = re.compile(r"[1-9][0-9]{2,14}")
_REQUIRED = ("channel", "message_type", "to", "from")

Faults = Iterator[InvalidParameter]


def check_message(body: Any, senders: frozenset[str] | None) -> Problem | None:
    """Return why `body` is refused, or None; only `senders` may send (None: every number).

    The order of the checks is not documented; ours goes from the outside inwards.
    """
    if not isinstance(body, dict):
        return INVALID_JSON
    missing = tuple(InvalidParameter(name, _IS_REQUIRED) for name in _REQUIRED if name not in body)
    if missing:
        return _invalid_params(missing)
    return (
        _check_kind(body["channel"], body["message_type"])
        or _check_numbers(body["to"], body["from"], senders)
        or _check_client_ref(body.get("client_ref"))
        or _check_params(body)
        or _check_channel_object(body)
    )


def media_of(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Return kind and address of each file of a checked message, in order."""
    kind = body["message_type"]
    if kind == "content":
        return [(item["type"], item["url"]) for item in body["content"]]
    return [(kind, body[kind]["url"])] if kind in MEDIA_KINDS else []


def _check_kind(channel: Any, message_type: Any) -> Problem | None:
    if not isinstance(channel, str) or channel not in _MESSAGE_TYPES:
        return Problem(
            422,
            "Unsupported channel",
            UNSUPPORTED_CHANNEL,
            "This simulator knows the channels mms and sms.",
        )
    if not isinstance(message_type, str) or message_type not in _MESSAGE_TYPES[channel]:
        allowed = ", ".join(sorted(_MESSAGE_TYPES[channel]))
        return Problem(
            422,
            "Invalid message type",
            INVALID_MESSAGE_TYPE,
            f"Message types of the channel {channel}: {allowed}.",
        )
    return None


def _check_numbers(to: Any, sender: Any, senders: frozenset[str] | None) -> Problem | None:
    if not isinstance(to, str) or not _RECIPIENT.fullmatch(to):
        return Problem(
            422,
            "Invalid recipient",
            INVALID_RECIPIENT,
            "The `to` parameter must have 7 to 15 digits, in E.164 form without a plus sign.",
        )
    if not isinstance(sender, str) or not _SENDER.fullmatch(sender):
        return BAD_SENDER
    return None if senders is None or sender in senders else BAD_SENDER


def _check_client_ref(client_ref: Any) -> Problem | None:
    if client_ref is None:
        return None
    if isinstance(client_ref, str) and len(client_ref) <= _CLIENT_REF_CHARS_MAX:
        return None
    return Problem(
        422,
        "Invalid client reference",
        INVALID_CLIENT_REF,
        f"The `client_ref` may have up to {_CLIENT_REF_CHARS_MAX} characters.",
    )


def _check_params(body: dict[str, Any]) -> Problem | None:
    faults = (*_payload_faults(body), *_option_faults(body))
    return _invalid_params(faults) if faults else None


def _payload_faults(body: dict[str, Any]) -> Faults:
    kind = body["message_type"]
    payload = body.get(kind)
    if payload is None:
        yield InvalidParameter(kind, _IS_REQUIRED)
    elif kind == "text":
        yield from _text_faults(payload, body["channel"])
    elif kind == "content":
        yield from _content_faults(payload)
    else:
        yield from _media_faults(payload, kind)


def _text_faults(text: Any, channel: str) -> Faults:
    if not isinstance(text, str) or not text:
        yield InvalidParameter("text", "must be a string that is not empty.")
    elif channel == "sms" and len(text) > _SMS_TEXT_CHARS_MAX:
        yield InvalidParameter("text", f"may have up to {_SMS_TEXT_CHARS_MAX} characters.")


def _content_faults(items: Any) -> Faults:
    if not isinstance(items, list) or not items:
        yield InvalidParameter("content", "must be an array that is not empty.")
        return
    for index, item in enumerate(items):
        path = f"content[{index}]"
        yield from _media_faults(item, path)
        if isinstance(item, dict) and not _is_one_of(item.get("type"), MEDIA_KINDS):
            yield InvalidParameter(f"{path}.type", f"must be one of {', '.join(_KINDS)}.")


def _media_faults(media: Any, path: str) -> Faults:
    if not isinstance(media, dict):
        yield InvalidParameter(path, "must be an object.")
        return
    if "url" not in media:
        yield InvalidParameter(f"{path}.url", _IS_REQUIRED)
    elif not _is_web_address(media["url"]):
        yield InvalidParameter(f"{path}.url", "must be a valid HTTP or HTTPS URL.")
    caption = media.get("caption")
    if caption is not None and not (
        isinstance(caption, str) and 1 <= len(caption) <= _CAPTION_CHARS_MAX
    ):
        reason = f"must have 1 to {_CAPTION_CHARS_MAX} characters."
        yield InvalidParameter(f"{path}.caption", reason)


def _option_faults(body: dict[str, Any]) -> Faults:
    low, high = _TTL_S[body["channel"]]
    ttl = body.get("ttl")
    if ttl is not None and not (type(ttl) is int and low <= ttl <= high):
        yield InvalidParameter("ttl", f"must be a whole number from {low} to {high}.")
    if body.get("webhook_url") is not None and not _is_web_address(body["webhook_url"]):
        yield InvalidParameter("webhook_url", "must be a valid HTTP or HTTPS URL.")
    version = body.get("webhook_version")
    if version is not None and not _is_one_of(version, _WEBHOOK_VERSIONS):
        yield InvalidParameter("webhook_version", "must be v1 or v0.1.")
    for flag in ("trusted_recipient", "trusted_sender"):
        if not isinstance(body.get(flag, False), bool):
            yield InvalidParameter(flag, "must be true or false.")
    if "failover" in body:
        yield InvalidParameter("failover", "is not simulated.")


def _check_channel_object(body: dict[str, Any]) -> Problem | None:
    channel = body["channel"]
    options = body.get(channel)
    if options is None:
        return None
    if not isinstance(options, dict):
        faults = [InvalidParameter(channel, "must be an object.")]
    elif channel == "sms":
        faults = list(_sms_faults(options))
    else:
        faults = list(_mms_faults(options))
    if not faults:
        return None
    return Problem(
        422,
        "Invalid channel parameters",
        INVALID_CHANNEL_PARAMETERS,
        "One or more parameters of the channel are invalid.",
        tuple(faults),
    )


def _sms_faults(options: dict[str, Any]) -> Faults:
    if not _is_one_of(options.get("encoding_type", "auto"), _SMS_ENCODINGS):
        yield InvalidParameter("sms.encoding_type", "must be text, unicode or auto.")
    for name in ("content_id", "entity_id", "pool_id"):
        if not isinstance(options.get(name, ""), str):
            yield InvalidParameter(f"sms.{name}", "must be a string.")


def _mms_faults(options: dict[str, Any]) -> Faults:
    members = options.get("participants", [])
    if not isinstance(members, list) or not all(
        isinstance(member, str) and _RECIPIENT.fullmatch(member) for member in members
    ):
        yield InvalidParameter("mms.participants", "must be an array of E.164 numbers.")


def _is_one_of(value: Any, allowed: frozenset[str]) -> bool:
    return isinstance(value, str) and value in allowed


def _is_web_address(value: Any) -> bool:
    if not isinstance(value, str) or any(char.isspace() for char in value):
        return False
    try:
        address = urlsplit(value)
        port = address.port
    except ValueError:
        return False
    return address.scheme in {"http", "https"} and bool(address.hostname) and port != 0


def _invalid_params(faults: tuple[InvalidParameter, ...]) -> Problem:
    return Problem(
        422,
        "Invalid params",
        INVALID_PARAMS,
        "The value of one or more parameters is invalid.",
        faults,
    )


_KINDS = tuple(sorted(MEDIA_KINDS))
_IS_REQUIRED = "is required."
