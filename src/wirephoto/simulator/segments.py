"""How many parts an SMS has: what the provider bills, and reports as `sms.count_total`.

By 3GPP TS 23.038 (alphabet) and TS 23.040 (what each of several parts loses to its header).
"""

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED = frozenset("\f^{}\\[~]|€")
_SEPTETS_ALONE, _SEPTETS_OF_SEVERAL = 160, 153
_UNITS_ALONE, _UNITS_OF_SEVERAL = 70, 67
_LAST_OF_ONE_UNIT = "\uffff"


def count_segments(text: str, encoding: str = "auto") -> int:
    """Return the parts of `text`; `encoding` is the request's `sms.encoding_type`."""
    if encoding != "unicode" and _BASIC.union(_ESCAPED).issuperset(text):
        widths = [1 if char in _BASIC else 2 for char in text]
        alone, of_several = _SEPTETS_ALONE, _SEPTETS_OF_SEVERAL
    else:
        widths = [1 if char <= _LAST_OF_ONE_UNIT else 2 for char in text]
        alone, of_several = _UNITS_ALONE, _UNITS_OF_SEVERAL
    if sum(widths) <= alone:
        return 1
    parts, room = 1, of_several
    for width in widths:
        if width > room:
            parts, room = parts + 1, of_several
        room -= width
    return parts
