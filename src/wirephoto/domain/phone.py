"""Phone numbers: who may receive a picture, who may send one, and how a number is shown in logs.

A recipient is refused only for what makes it impossible: no number at all, the wrong shape, the
wrong country, or an area code that is not in service. The library's own `is_valid_number` is not
asked, because it does not know ten area codes that are (facts 2.2).

A number that is already digits takes one pattern and one look-up; the library is needed, and
loaded, for what people type.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from wirephoto.domain.area_codes import AreaCode, AreaKind, find_area_code

TYPED_CHARS_MAX = 64
"""Characters that a typed number may have: twice what any country needs with its punctuation."""


class RefusalReason(StrEnum):
    """Why a number was refused (facts 3)."""

    NOT_A_NUMBER = "not_a_number"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NOT_US = "not_us"
    TERRITORY = "territory"
    TOLL_FREE = "toll_free"
    PREMIUM = "premium"
    FICTIONAL = "fictional"
    SHORT_CODE = "short_code"
    HAS_EXTENSION = "has_extension"
    UNASSIGNED_AREA_CODE = "unassigned_area_code"


class SenderKind(StrEnum):
    """What a sender is; carriers meter and limit each kind differently (facts 3, contract 4)."""

    TEN_DLC = "10dlc"
    TOLL_FREE = "toll_free"
    SHORT_CODE = "short_code"


@dataclass(frozen=True, slots=True)
class Number:
    """A number that may receive a picture.

    `e164` starts with `+`. `state` and `zones` (IANA names, from east to west) are where the area
    code is: people keep their numbers when they move. They are None and empty for a made-up area
    code.
    """

    e164: str
    area_code: str
    state: str | None
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A number that cannot be used: why, and a sentence for people that never repeats it."""

    reason: RefusalReason
    message: str


def parse_recipient(text: str, *, fictional_allowed: bool) -> Number | Refusal:
    """Return the number that `text` means, or why no picture can go there.

    Accepted are E.164 (`+12127365000`), ten or eleven digits, and what people type: spaces, dashes,
    dots, parentheses, the prefixes 00 and 011, full-width and other digits, invisible marks.

    `fictional_allowed` lets pass what the real provider must never be asked for: 555-0100 to
    555-0199 of any area code in service, and every number of the area code 555, which nobody has
    and which samples like to use.
    """
    match = _PLAIN(text)
    digits = match[1] if match else _digits_of(text)
    if isinstance(digits, Refusal):
        return digits
    return _judge(digits, fictional_allowed=fictional_allowed)


def parse_sender(text: str) -> str | Refusal:
    """Return the sender that `text` means: E.164 with `+`, or a short code's five or six digits.

    It is judged more mildly than a recipient, because the provider knows which numbers an account
    owns: area codes that are newer than our table, Canadian and made-up numbers pass.
    """
    short_code = _plain_text(text[: TYPED_CHARS_MAX + 1])
    if _SHORT_CODE(short_code) and len(text) <= TYPED_CHARS_MAX:
        return short_code
    digits = _digits_of(text)
    if isinstance(digits, Refusal):
        return _NO_SENDER if digits.reason is _R.NOT_A_NUMBER else digits
    number = "+1" + digits
    if sender_kind(number):
        return number
    area = find_area_code(digits[:3])
    return _refuse_area(area) if area else _REFUSED_UNASSIGNED


def sender_kind(sender: str) -> SenderKind | None:
    """Return what kind of sender this is (as `parse_sender` returns it), or None if it is none."""
    if _SHORT_CODE(sender):
        return SenderKind.SHORT_CODE
    match = _E164(sender)
    if match is None or _RESERVED_AREA(match[1]):
        return None
    area = find_area_code(match[1][:3])
    if area is None:
        return SenderKind.TEN_DLC
    if area.kind is AreaKind.TOLL_FREE:
        return SenderKind.TOLL_FREE
    if area.kind is AreaKind.GEOGRAPHIC and area.country in ("US", "CA"):
        return SenderKind.TEN_DLC
    return None


def masked(e164: str) -> str:
    """Return the number as logs may show it: country, area code and last four (`+1212***0123`).

    Numbers outside +1 keep two digits in front; whatever is too short to hide anything becomes
    `***`. Short codes are public and stay. Source: facts 6, "Logs".
    """
    if _E164(e164):
        return f"{e164[:5]}***{e164[-4:]}"
    if _SHORT_CODE(e164):
        return e164
    if e164.startswith("+") and len(e164) >= _MASKABLE_CHARS_MIN:
        return f"{e164[:3]}***{e164[-4:]}"
    return "***"


def _judge(digits: str, *, fictional_allowed: bool) -> Number | Refusal:
    """Return the verdict on ten digits, the first of which is 2 to 9."""
    code = digits[:3]
    area = find_area_code(code)
    if area is None:
        if fictional_allowed and code == _FICTIONAL:
            return Number("+1" + digits, code, None, ())
        return _REFUSED_UNASSIGNED
    if area.country != "US" or area.is_territory:
        return _refuse_area(area)
    if not fictional_allowed and digits.startswith("55501", 3):
        return _REFUSED_FICTIONAL
    if not _EXCHANGE(digits, 3):
        return _REFUSED_EXCHANGE
    return Number("+1" + digits, code, area.state, area.zones)


def _refuse_area(area: AreaCode) -> Refusal:
    """Return what is wrong with an area code that is in service but not a state's."""
    if area.is_territory:
        return _REFUSED_TERRITORY
    if area.country is not None:
        return _REFUSED_ABROAD
    return _REFUSED_TOLL_FREE if area.kind is AreaKind.TOLL_FREE else _REFUSED_PREMIUM


def _digits_of(text: str) -> str | Refusal:
    """Return the ten digits after +1 that a person meant by `text`."""
    if len(text) > TYPED_CHARS_MAX:
        return _REFUSED_LENGTH
    typed = _plain_text(text)
    if match := _PLAIN(typed):
        return match[1]
    if _SHORT_CODE(typed):
        return _REFUSED_SHORT_CODE
    # `;ext=5` is an extension, but `;phone-context=+44` would quietly change the country.
    if ";" in typed:
        return _REFUSED_EXTENSION if ";ext=" in typed else _REFUSED_TEXT
    country = _country_of(typed)
    if isinstance(country, Refusal):
        return country
    # The library also finds numbers within sentences and turns letters into digits.
    if not _TYPED(typed):
        return _REFUSED_TEXT
    return _REFUSED_ABROAD if country != 1 else _digits_after_prefix(typed)


def _country_of(typed: str) -> int | Refusal:
    """Return the calling code of a typed number; one without any is American."""
    # Loading the library takes 18 ms and 3 MB, and most processes only ever see plain digits.
    import phonenumbers

    # Most of the world dials 00 where the United States dial 011, and nothing here starts so.
    international = "+" + typed[2:] if typed.startswith("00") else typed
    try:
        parsed = phonenumbers.parse(international, "US")
    except phonenumbers.NumberParseException as error:
        return {
            error.TOO_SHORT_AFTER_IDD: _REFUSED_SHORT,
            error.TOO_SHORT_NSN: _REFUSED_SHORT,
            error.TOO_LONG: _REFUSED_LENGTH,
        }.get(error.error_type, _REFUSED_TEXT)
    if parsed.extension is not None:
        return _REFUSED_EXTENSION
    return parsed.country_code or 1


def _digits_after_prefix(typed: str) -> str | Refusal:
    """Return the ten digits behind the prefixes, none of the typed ones dropped."""
    digits = _NOT_DIGITS.sub("", typed)
    match = _PREFIXED(digits)
    assert match is not None
    rest: str = match[1]
    if len(rest) != _DIGITS:
        return _REFUSED_SHORT if len(rest) < _DIGITS else _REFUSED_LENGTH
    return rest if rest[0] > "1" else _REFUSED_UNASSIGNED


def _plain_text(text: str) -> str:
    """Return `text` in ASCII as far as it is a number: digits, dashes and spaces of any script.

    Marks that cannot be seen (zero-width, writing direction) come along when a number is copied.
    """
    return "".join([_plain_char(char) for char in text]).strip()


def _plain_char(char: str) -> str:
    if char.isascii():
        return char
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    if "\uff01" <= char <= "\uff5e":
        return chr(ord(char) - _FULL_WIDTH_OFFSET)
    return _BY_CATEGORY.get(unicodedata.category(char), char)


_BY_CATEGORY = {"Cf": "", "Pd": "-", "Zs": " "}
_DIGITS = 10
_FICTIONAL = "555"
_FULL_WIDTH_OFFSET = 0xFEE0  # from full-width forms to ASCII (Unicode, U+FF01 to U+FF5E)
_MASKABLE_CHARS_MIN = 10

_PLAIN = re.compile(r"(?:\+?1)?([2-9][0-9]{9})").fullmatch
_E164 = re.compile(r"\+1([2-9][0-9]{9})").fullmatch
_SHORT_CODE = re.compile(r"[0-9]{5,6}").fullmatch
_TYPED = re.compile(r"[(\[ ]*\+?[0-9()\[\] ./\t-]+").fullmatch
_NOT_DIGITS = re.compile(r"[^0-9]")
_PREFIXED = re.compile(r"(?:(?:00|011)?1)?([0-9]*)").fullmatch
# An area code's middle digit is never 9, and N11 are service codes, also as exchanges. An
# exchange does not start with 0 or 1 either. Source: facts 3, first row.
_RESERVED_AREA = re.compile(r".(?:9|11)").match
_EXCHANGE = re.compile(r"[2-9](?!11)").match

_R = RefusalReason
_REFUSED_TEXT = Refusal(
    _R.NOT_A_NUMBER,
    "This is not a phone number: write it as + and digits, such as +1 and ten digits.",
)
_REFUSED_EXCHANGE = Refusal(
    _R.NOT_A_NUMBER,
    "No US number looks like this: after the area code come 2 to 9 and two digits, not 11.",
)
_REFUSED_SHORT = Refusal(
    _R.TOO_SHORT, "The number is too short: a US number has ten digits with its area code."
)
_REFUSED_LENGTH = Refusal(
    _R.TOO_LONG, "The number is too long: a US number has ten digits after +1."
)
_REFUSED_ABROAD = Refusal(_R.NOT_US, "This is not a US number: only those are served.")
_REFUSED_TERRITORY = Refusal(
    _R.TERRITORY, "The number is in a US territory, which the provider does not serve."
)
_REFUSED_TOLL_FREE = Refusal(
    _R.TOLL_FREE, "This is a toll-free number: it cannot receive pictures."
)
_REFUSED_PREMIUM = Refusal(
    _R.PREMIUM,
    "This is a premium-rate, personal or service number: pictures are not carried there.",
)
_REFUSED_FICTIONAL = Refusal(
    _R.FICTIONAL, "555-0100 to 555-0199 are reserved for fiction: nobody has this number."
)
_REFUSED_SHORT_CODE = Refusal(
    _R.SHORT_CODE, "This is a short code: it can send pictures but not receive them."
)
_REFUSED_EXTENSION = Refusal(
    _R.HAS_EXTENSION, "The number has an extension, which a text message cannot reach."
)
_REFUSED_UNASSIGNED = Refusal(
    _R.UNASSIGNED_AREA_CODE, "The area code is not in service: check the number."
)
_NO_SENDER = Refusal(
    _R.NOT_A_NUMBER,
    "This is no sender: write a number as + and digits, or a short code of 5 or 6 digits.",
)
