"""Reading JSON of any shape: the provider spells the same thing in several ways (contract 2.2).

Each function gives what it was asked for or nothing, and never raises for what it is given.
"""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

LINE_CHARS_MAX = 300
"""Longer texts that are not a message's own are cut."""
_ID = re.compile(r"[0-9A-Za-z_.-]{1,100}")
_AMOUNT = re.compile(r"[0-9]+(\.[0-9]+)?")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]+")
_EPOCH_MS_MIN = 1e11  # larger numbers are milliseconds: as seconds they lie beyond the year 5000
_EPOCH_MS_MAX = 1e14


def decode(body: bytes) -> Any:
    """Return the JSON in `body`; half an emoji or a broken byte is no reason to lose the rest."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        pass
    try:
        return json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def mapping(value: Any) -> dict[str, Any]:
    """Return an object, or an empty one."""
    return value if isinstance(value, dict) else {}


def array(value: Any) -> list[Any]:
    """Return an array, or an empty one."""
    return value if isinstance(value, list) else []


def scalar(value: Any) -> str | None:
    """Return a text or a number as one short line, and nothing for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, int) and value.bit_length() > 64:
        return None
    return line(str(value)) or None


def identifier(value: Any) -> str | None:
    """Return an id of the provider's: a UUID by its documents, which nothing here depends on."""
    given = scalar(value)
    return given if given and _ID.fullmatch(given) else None


def amount(value: Any) -> str | None:
    """Return a price as a decimal number in text, and nothing for what is none."""
    given = scalar(value)
    return given if given and _AMOUNT.fullmatch(given) else None


def text(value: Any) -> str | None:
    """Return a text whole, but for what a database cannot hold; nothing for an empty one."""
    if not isinstance(value, str):
        return None
    return value.replace("\0", "").encode("utf-8", "replace").decode() or None


def line(words: str) -> str:
    """Return `words` as one printable line of at most `LINE_CHARS_MAX` characters."""
    return _UNPRINTABLE.sub(" ", words).encode("utf-8", "replace").decode().strip()[:LINE_CHARS_MAX]


def join(said: Iterable[str | None]) -> str | None:
    """Return what there is of `said` as one line."""
    return line("; ".join(part for part in said if part)) or None


def fragment(url: Any) -> str:
    """Return what stands behind the `#` of an error's `type`, in lower case.

    Its host and path come in several spellings, so nothing else of it is used (contract 1.8).
    """
    try:
        return urlsplit(scalar(url) or "").fragment.strip("/").lower()
    except ValueError:
        return ""


def instant(value: Any) -> datetime | None:
    """Return a timestamp in UTC: ISO 8601 with or without milliseconds, or a Unix time."""
    try:
        if isinstance(value, str):
            parsed = datetime.fromisoformat(value.strip())
            return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
        if type(value) in (int, float) and 0 < value < _EPOCH_MS_MAX:
            seconds = value / 1000 if value > _EPOCH_MS_MIN else value
            return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError):
        return None
    return None
