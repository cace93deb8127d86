"""Phone numbers: what people type is understood, what cannot receive is refused with its reason."""

import subprocess
import sys

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wirephoto.domain.phone import (
    Number,
    Refusal,
    RefusalReason,
    SenderKind,
    masked,
    parse_recipient,
    parse_sender,
    sender_kind,
)

HOTEL = Number("+12127365000", "212", "NY", ("America/New_York",))
"""Hotel Pennsylvania's, famous from a song."""

# In service, and unknown to the number library (facts 2.2).
UNKNOWN_TO_THE_LIBRARY = ["357", "436", "457", "621", "624", "679", "729", "837", "861", "924"]

SPELLINGS = [
    "+12127365000",
    "12127365000",
    "2127365000",
    "(212) 736-5000",
    "212-736-5000",
    "212.736.5000",
    "212 736 5000",
    "212/736-5000",
    "1 212 736 5000",
    "1-212-736-5000",
    "+1 (212) 736-5000",
    "(+1) 212 736 5000",
    "[212] 736 5000",
    "011 1 212 736 5000",
    "001 212 736 5000",
    "0012127365000",
    "  +12127365000\n",
    "212\u2013736\u20135000",
    "212\u2011736\u20115000",
    "212\u00a0736\u00a05000",
    "\u200e+1 212 736 5000\u202c",
    "212\u200b736\u200b5000",
    "\ufeff2127365000",
    "\uff0b\uff11\uff12\uff11\uff12\uff17\uff13\uff16\uff15\uff10\uff10\uff10",
    "\uff08212\uff09 736\uff0d5000",
    "\u0662\u0661\u0662 \u0667\u0663\u0666 \u0665\u0660\u0660\u0660",
]

REFUSED = {
    "not_a_number": [
        "",
        " ",
        "+",
        "hello",
        "+4",
        "+999 123456",
        "call me at 212-736-5000",
        "212-736-5000 (mobile)",
        "212-RENTALS",
        "1-800-FLOWERS",
        "+1212736500O",
        "tel:+12127365000",
        "+12127365000;phone-context=+44",
        "212-736-5000; 212-736-5001",
        "212-736-5000, 212-736-5001",
        "212-736-5000\n212-736-5001",
        "++12127365000",
        "2+12127365000",
        "212736500\u00b2",
        "212736500\u2460",
        "*67 212 736 5000",
        "\U0001f4de 2127365000",
        "\x002127365000",
        "\ud8002127365000",
        "+1 212 136 5000",
        "+1 212 036 5000",
        "+1 212 911 5000",
        "+1 212 411 5000",
    ],
    "too_short": ["911", "736-5000", "7365000", "555-0123", "+1 212", "+1 212 736 500", "+44 2"],
    "too_long": [
        "+1 212 736 5000 0",
        "21273650001",
        "1 1 212 736 5000",
        "+1 (0) 212 736 5000",
        "212-736-5000/212-736-5001",
        "+1 52 55 1234 5678",
        "1" * 65,
        "call me, please, whenever you find the time for it, at 212-736-5000",
    ],
    "not_us": [
        "+442079460958",
        "+44 20 7946 0958",
        "0044 20 7946 0958",
        "011 44 20 7946 0958",
        "+52 1 55 1234 5678",
        "00 212 736 5000",
        "+14165550100",
        "416-736-5000",
        "+18675550100",
        "+16005550100",
        *(f"+1{code}7365000" for code in ("242", "246", "264", "268", "284", "345", "441", "473")),
        *(f"+1{code}7365000" for code in ("649", "658", "664", "721", "758", "767", "784", "809")),
        *(f"+1{code}7365000" for code in ("829", "849", "868", "869", "876")),
    ],
    "territory": [f"+1{code}7365000" for code in ("340", "670", "671", "684", "787", "939")],
    "toll_free": [f"{c}7365000" for c in ("800", "833", "844", "855", "866", "877", "888")],
    "premium": ["+19007365000", "+15007365000", "533 736 5000", "+17007365000", "+17107365000"],
    "fictional": ["+12125550100", "2125550123", "(907) 555-0199", "+13575550150"],
    "short_code": ["12345", "262966", " 262966 ", "\uff12\uff16\uff12\uff19\uff16\uff16"],
    "has_extension": [
        "212-736-5000 x5",
        "212-736-5000x123",
        "212-736-5000 ext. 5",
        "212-736-5000 extension 5",
        "212-736-5000,,12",
        "212-736-5000#12",
        "+1 212 736 5000 #12",
        "+12127365000;ext=4",
    ],
    "unassigned_area_code": [
        "+15551234567",
        "+12117365000",
        "+19117365000",
        "+12927365000",
        "+19997365000",
        "222-736-5000",
        "+11237365000",
        "0127365000",
    ],
}


@pytest.mark.parametrize("text", SPELLINGS)
def test_every_spelling_of_a_number_means_the_same_number(text):
    """People paste numbers from everywhere; an opt-out must match whatever they paste."""
    assert parse_recipient(text, fictional_allowed=False) == HOTEL


@pytest.mark.parametrize(
    ("reason", "text"), [(reason, text) for reason, texts in REFUSED.items() for text in texts]
)
def test_what_cannot_receive_is_refused_with_its_reason(reason, text):
    """Programs branch on the reason, and a wrong one sends people looking in the wrong place."""
    refusal = parse_recipient(text, fictional_allowed=False)

    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason


def test_every_reason_is_covered():
    """A reason that nothing produces would be a promise in the documents only."""
    assert set(REFUSED) == set(RefusalReason)


@pytest.mark.parametrize("code", UNKNOWN_TO_THE_LIBRARY)
@pytest.mark.parametrize("form", ["+1{}7365000", "{}7365000", "({}) 736-5000"])
def test_numbers_that_the_library_does_not_know_are_accepted(code, form):
    """Area codes are opened faster than libraries are released; these people exist."""
    number = parse_recipient(form.format(code), fictional_allowed=False)

    assert isinstance(number, Number)
    assert number.e164 == f"+1{code}7365000"
    assert number.area_code == code
    assert number.state
    assert number.zones


def test_the_library_is_still_wrong_about_those_numbers():
    """When it has learnt them all, the reason for not asking it is gone."""
    assert not all(
        phonenumbers.is_valid_number(phonenumbers.parse(f"+1{code}7365000"))
        for code in UNKNOWN_TO_THE_LIBRARY
    )


@pytest.mark.parametrize(
    ("text", "e164", "state"),
    [
        ("+12125550100", "+12125550100", "NY"),
        ("(907) 555-0199", "+19075550199", "AK"),
        ("+15551234567", "+15551234567", None),
        ("555-123-4567", "+15551234567", None),
        ("15550001111", "+15550001111", None),
    ],
)
def test_fictional_numbers_pass_where_they_are_allowed(text, e164, state):
    """Samples, tests and the simulator must never use a number that somebody has."""
    number = parse_recipient(text, fictional_allowed=True)

    assert isinstance(number, Number)
    assert (number.e164, number.state) == (e164, state)
    assert bool(number.zones) == (state is not None)


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        *((r, t) for r, ts in REFUSED.items() for t in ts if r != "fictional" and "+1555" not in t),
        ("toll_free", "+18005550199"),
        ("territory", "+17875550100"),
    ],
)
def test_allowing_fiction_allows_nothing_else(reason, text):
    """The sandbox must refuse what production would refuse."""
    refusal = parse_recipient(text, fictional_allowed=True)

    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason


@pytest.mark.parametrize("text", ["+12125550099", "+12125550200", "+12125551212", "+12125650100"])
def test_numbers_beside_the_fictional_ones_are_real(text):
    """Only 0100 to 0199 of the exchange 555 are reserved."""
    assert isinstance(parse_recipient(text, fictional_allowed=False), Number)


@given(st.text(max_size=80) | st.text(alphabet="0123456789+()-. x#,;/\u200e\uff11", max_size=80))
def test_any_text_gives_a_number_made_of_its_digits_or_a_refusal(text):
    """Nothing typed is an error of ours, and no digit is dropped or invented."""
    result = parse_recipient(text, fictional_allowed=True)

    if isinstance(result, Number):
        typed = "".join(str(int(char)) for char in text if char.isdecimal())
        assert typed.removesuffix(result.e164[2:]) in ("", "1", "0111", "001")


@given(st.integers(min_value=0, max_value=10**10 - 1).map("{:010}".format))
def test_digits_and_typed_digits_get_the_same_verdict(digits):
    """The quick way and the thorough way must never disagree."""
    plain = parse_recipient("+1" + digits, fictional_allowed=False)
    typed = parse_recipient(
        f"+1 ({digits[:3]}) {digits[3:6]}-{digits[6:]}", fictional_allowed=False
    )

    assert plain == typed


@pytest.mark.parametrize("text", [text for texts in REFUSED.values() for text in texts])
def test_a_refusal_is_a_sentence_that_does_not_repeat_the_number(text):
    """Refusals are logged, numbers are not."""
    refusal = parse_recipient(text, fictional_allowed=False)

    assert refusal.message[0].isalnum()
    assert refusal.message.endswith(".")
    assert "7365" not in refusal.message


def test_plain_numbers_do_not_load_the_library():
    """It takes longer to load than ten thousand numbers take to check."""
    code = (
        "import sys; from wirephoto.domain.phone import parse_recipient as p;"
        "p('+12127365000', fictional_allowed=False); p('9005550100', fictional_allowed=False);"
        "assert 'phonenumbers' not in sys.modules;"
        "p('(212) 736-5000', fictional_allowed=False);"
        "assert not {'phonenumbers.geocoder', 'phonenumbers.carrier'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


SENDERS = [
    ("+12127365000", "+12127365000", SenderKind.TEN_DLC),
    ("12127365000", "+12127365000", SenderKind.TEN_DLC),
    ("(212) 736-5000", "+12127365000", SenderKind.TEN_DLC),
    ("+12125550100", "+12125550100", SenderKind.TEN_DLC),
    ("15551234567", "+15551234567", SenderKind.TEN_DLC),
    ("+12227365000", "+12227365000", SenderKind.TEN_DLC),
    ("+14167365000", "+14167365000", SenderKind.TEN_DLC),
    ("+17877365000", "+17877365000", SenderKind.TEN_DLC),
    ("+18337365000", "+18337365000", SenderKind.TOLL_FREE),
    ("1-800-555-0199", "+18005550199", SenderKind.TOLL_FREE),
    ("12345", "12345", SenderKind.SHORT_CODE),
    (" 262966 ", "262966", SenderKind.SHORT_CODE),
]


@pytest.mark.parametrize(("text", "sender", "kind"), SENDERS)
def test_a_sender_is_a_number_or_a_short_code(text, sender, kind):
    """Each kind has limits and rates of its own; the provider knows which ones an account owns."""
    assert parse_sender(text) == sender
    assert sender_kind(sender) is kind


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not_a_number"),
        ("ACME", "not_a_number"),
        ("ACME 12345", "not_a_number"),
        ("1234", "too_short"),
        ("1234567", "too_short"),
        ("+12127365000 x5", "has_extension"),
        ("12345" + " " * 60 + "ACME", "too_long"),
        ("+442079460958", "not_us"),
        ("+12427365000", "not_us"),
        ("+16007365000", "not_us"),
        ("+19007365000", "premium"),
        ("+15007365000", "premium"),
        ("+12997365000", "unassigned_area_code"),
        ("+19117365000", "unassigned_area_code"),
    ],
)
def test_what_cannot_send_is_refused_with_its_reason(text, reason):
    """Names as senders do not exist in the United States; a typing error is found at the start."""
    refusal = parse_sender(text)

    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason


@pytest.mark.parametrize("text", ["", "ACME", "1234", "2127365000", "+442079460958", "+1212736500"])
def test_what_is_no_sender_has_no_kind(text):
    """The kind is asked of stored senders; anything else is no basis for a rate."""
    assert sender_kind(text) is None


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+12125550123", "+1212***0123"),
        ("+18005550199", "+1800***0199"),
        ("+442079460958", "+44***0958"),
        ("262966", "262966"),
        ("+1212", "***"),
        ("+44207946", "***"),
        ("2125550123", "***"),
        ("someone@example.com", "***"),
        ("", "***"),
    ],
)
def test_logs_show_country_area_and_last_four(number, shown):
    """Phone numbers are personal data; a log needs just enough to recognise one."""
    assert masked(number) == shown
