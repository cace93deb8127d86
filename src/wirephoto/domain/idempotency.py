"""Idempotency keys: reading the header, and telling whether two requests ask for the same.

Source: IETF draft "The Idempotency-Key HTTP Header Field" (facts 6), whose value is a string in
quotes (RFC 8941, section 3.3.3), and the habit of many clients to send it without them.
"""

import hashlib
import re
from typing import Any

import msgspec

from wirephoto.errors import Fault, RequestRefused

HEADER = "Idempotency-Key"
KEY_CHARS_MAX = 255
"""Characters that a key may have (facts 6, "Stripe semantics")."""


def parse_key(header: str) -> str:
    """Return the key in a header's value; `"abc"` and `abc` are the same key.

    A key has 1 to 255 visible ASCII characters, no spaces. Within quotes a quote and a backslash
    are written with a backslash before them; without quotes a key has neither quote nor space.

    Raises:
        RequestRefused: the value is not a key.
    """
    value = header.strip(" \t")
    if match := _QUOTED(value):
        key = _ESCAPED.sub(r"\1", match[1])
    else:
        key = value if _BARE(value) else ""
    if not 1 <= len(key) <= KEY_CHARS_MAX:
        raise RequestRefused([_MALFORMED])
    return key


def fingerprint(body: Any) -> str:
    """Return 64 characters that are equal for equal requests and for no others (SHA-256).

    `body` is decoded JSON or a msgspec structure; the order of members does not matter, while the
    order of lists and every character of every text does.
    """
    return hashlib.sha256(msgspec.json.encode(body, order="sorted")).hexdigest()


_QUOTED = re.compile(r'"((?:[!#-\[\]-~]|\\["\\])*)"').fullmatch
_ESCAPED = re.compile(r'\\(["\\])')
_BARE = re.compile(r"[!#-~]+").fullmatch
_MALFORMED = Fault(
    field=HEADER,
    code="malformed",
    message=(
        f"An idempotency key has 1 to {KEY_CHARS_MAX} visible ASCII characters without spaces; "
        "it may stand in double quotes."
    ),
)
