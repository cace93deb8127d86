"""The alphabet of text messages, and how many segments a text costs.

Source: 3GPP TS 23.038, section 6.2.1 (alphabet and extension table); TS 23.040, section 9.2.3.24
(what a segment of several loses to its header).
"""

import unicodedata
from collections.abc import Iterable

SEGMENT_SEPTETS = 160
"""What one message holds in this alphabet; a character of the extension table counts two."""
_PART_SEPTETS = 153
_SEGMENT_UNITS = 70
_PART_UNITS = 67
"""The same in UTF-16 code units, which a text needs that holds any other character."""

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")
_LOOKALIKES = {
    "\u2018": "'",
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u00ab": '"',
    "\u00bb": '"',
    "\u2010": "-",
    "\u2011": "-",
    "\u2013": "-",
    "\u2014": "-",
    "`": "'",
    "\t": " ",
}


def septets(text: str) -> int | None:
    """Return how long `text` is in this alphabet, or None where it cannot be written in it."""
    widths = [_width(char) for char in text]
    return sum(width for width in widths if width) if all(widths) else None


def segments(text: str) -> int:
    """Return how many messages carriers count for `text`."""
    if (length := septets(text)) is not None:
        if length <= SEGMENT_SEPTETS:
            return 1
        return _parts((_width(char) for char in text), _PART_SEPTETS)
    units = [1 if ord(char) <= _LAST_OF_ONE_UNIT else 2 for char in text]
    return 1 if sum(units) <= _SEGMENT_UNITS else _parts(units, _PART_UNITS)


def in_gsm7(text: str) -> str:
    """Return `text` in this alphabet: look-alikes and bare letters for what it lacks, else nothing.

    For names of brands in our own answers; what customers write is never changed.
    """
    return "".join(map(_nearest, unicodedata.normalize("NFC", text)))


def _parts(widths: Iterable[int], size: int) -> int:
    """Return the parts that characters fill; none is cut in two (TS 23.040)."""
    parts, filled = 1, 0
    for width in widths:
        if filled + width > size:
            parts, filled = parts + 1, 0
        filled += width
    return parts


def _width(char: str) -> int:
    return 1 if char in _BASIC else 2 if char in _EXTENSION else 0


def _nearest(char: str) -> str:
    if _width(char):
        return char
    plain = _LOOKALIKES.get(char) or unicodedata.normalize("NFKD", char)
    return "".join(letter for letter in plain if _width(letter))


_LAST_OF_ONE_UNIT = 0xFFFF
