"""What stands in a URL: ids, cursors and filters, checked before the database is asked."""

import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from litestar import Request

from wirephoto.domain.phone import Refusal, parse_recipient, parse_sender
from wirephoto.domain.request import METADATA_KEY_CHARS_MAX, METADATA_PAIRS_MAX
from wirephoto.errors import Fault, RequestRefused
from wirephoto.storage.feed import FEED_START, FeedPosition

AnyRequest = Request[Any, Any, Any]

# Below 2^63, the largest number that the database knows.
_PLACE = re.compile(r"([0-7]?[0-9a-f]{1,15})-([0-7]?[0-9a-f]{1,15})").fullmatch
_ID = re.compile(r"[a-z]{3}_[0-9a-z]{26}").fullmatch
_METADATA = "metadata."


def is_id(text: str) -> bool:
    """Tell whether something can be an id; what cannot is not there, and nobody is asked."""
    return _ID(text) is not None


def page_cursor(typed: str | None) -> str | None:
    """Return where a page begins: the id of the last entry of the page before.

    Raises:
        RequestRefused: it never was a `next_cursor`.
    """
    if typed is not None and not is_id(typed):
        raise _refused("cursor", "invalid", "Hand in the `next_cursor` of the page before.")
    return typed


def feed_cursor(typed: str | None) -> FeedPosition:
    """Return where the feed goes on: behind what was read, or at its start.

    Raises:
        RequestRefused: it never was a `cursor` of the feed.
    """
    if typed is None:
        return FEED_START
    place = _PLACE(typed)
    if place is None:
        raise _refused("cursor", "invalid", "Hand in the `cursor` of an answer of the feed.")
    return FeedPosition(int(place[1], 16), int(place[2], 16))


def feed_cursor_text(position: FeedPosition) -> str:
    """Return what `feed_cursor` reads; clients keep it without looking inside."""
    return f"{position.xid:x}-{position.seq:x}"


def phone_number(field: str, typed: str | None) -> str | None:
    """Return a phone's number as stored; a `+` in a query string arrives as a space.

    Raises:
        RequestRefused: `field` is no phone number.
    """
    if typed is None:
        return None
    number = parse_recipient(typed.strip(), fictional_allowed=True)
    if isinstance(number, Refusal):
        raise _refused(field, number.reason, number.message)
    return number.e164


def sender_number(field: str, typed: str | None) -> str | None:
    """Return a sender as stored.

    Raises:
        RequestRefused: `field` is no sender.
    """
    if typed is None:
        return None
    sender = parse_sender(typed.strip())
    if isinstance(sender, Refusal):
        raise _refused(field, sender.reason, sender.message)
    return sender


def metadata_filters(request: AnyRequest) -> tuple[tuple[str, str], ...]:
    """Return the pairs of `metadata.KEY=VALUE`.

    Raises:
        RequestRefused: there are more pairs than a message has, or one that no message can have.
    """
    pairs = [
        (name.removeprefix(_METADATA), value)
        for name, value in request.query_params.multi_items()
        if name.startswith(_METADATA)
    ]
    if len(pairs) > METADATA_PAIRS_MAX:
        raise _refused("metadata", "too_many", f"A message has at most {METADATA_PAIRS_MAX} pairs.")
    for key, value in pairs:
        if not 1 <= len(key) <= METADATA_KEY_CHARS_MAX:
            message = f"A key has 1 to {METADATA_KEY_CHARS_MAX} characters."
            raise _refused("metadata", "length", message)
        storable("metadata", key + value)
    return tuple(pairs)


def storable(field: str, typed: str | None) -> str | None:
    """Return text that the database can be asked for.

    Raises:
        RequestRefused: it holds a null character, which PostgreSQL's text cannot.
    """
    if typed is not None and "\x00" in typed:
        raise _refused(field, "null_character", "Text cannot hold the character U+0000.")
    return typed


def instant(field: str, read: datetime | None, request: AnyRequest) -> datetime | None:
    """Return a time in UTC, if it was written as one.

    A bare number would be read as seconds: 20260304 as a day of 1970.

    Raises:
        RequestRefused: it has no zone, is a number, or lies before the year 1 or after 9999.
    """
    if read is None:
        return None
    if read.tzinfo is None or ":" not in request.query_params[field]:
        message = "Write a time with its zone, such as 2026-03-04T15:00:00Z."
        raise _refused(field, "invalid", message)
    return in_utc(field, read)


def in_utc(field: str, read: datetime) -> datetime:
    """Return a time with its zone as one in UTC.

    Raises:
        RequestRefused: there it lies before the year 1 or after 9999.
    """
    try:
        return read.astimezone(UTC)
    except OverflowError as error:
        raise _refused(
            field, "invalid", "In UTC this is no time of the years 1 to 9999."
        ) from error


def check_query(request: AnyRequest, names: Collection[str], *, metadata: bool = False) -> None:
    """Refuse what would silently filter nothing: a misspelt name, or a filter "null".

    `metadata` says that `metadata.KEY` is a filter of the route as well.

    Raises:
        RequestRefused: a parameter is unknown, or is "null".
    """
    for name, value in request.query_params.multi_items():
        if name not in names and not (metadata and name.startswith(_METADATA)):
            raise _refused(name, "unknown_parameter", "There is no such parameter here.")
        if name in ("state", "since", "until") and value.lower() == "null":
            raise _refused(name, "invalid", "Leave the parameter out instead.")


def _refused(field: str, code: str, message: str) -> RequestRefused:
    return RequestRefused([Fault(field, code, message)])
