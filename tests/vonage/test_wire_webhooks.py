"""Receipts and inbound messages, in every spelling that the provider is known to use."""

import contextlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wirephoto.domain.outcome import FailureClass, InboundMedia, ReceiptState
from wirephoto.vonage import codes, wire

UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"

# Receipts (contract 2.2)

STAMP = "2026-03-01T12:00:00.250Z"
SEEN_AT = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


def make_status(status="delivered", **more):
    fields = {
        "message_uuid": UUID,
        "to": "12125550123",
        "from": "14155550100",
        "timestamp": STAMP,
        "status": status,
        "channel": "mms",
        "client_ref": "ref-1",
    }
    return json.dumps({**fields, **more}).encode()


@pytest.mark.parametrize("state", ReceiptState)
def test_every_state_of_a_receipt_is_read(state):
    """`read` is not documented for MMS, but accepted."""
    receipt = wire.read_status(make_status(state.value))

    assert receipt.state is state
    assert (receipt.provider_message_id, receipt.client_ref) == (UUID, "ref-1")
    assert receipt.reported_at == SEEN_AT
    assert (receipt.failure is not None) is (state in ("rejected", "undeliverable"))


def test_what_a_receipt_tells_beside_the_state_is_kept():
    """Price and network are the only word on cost and carrier that ever comes."""
    body = make_status(
        "submitted",
        usage={"currency": "EUR", "price": "0.0333"},
        destination={"network_code": "310260"},
        workflow={"id": "3TcNj", "item_number": 1, "total_items": "2"},
        sms={"count_total": "2"},
        something_new=[{}],
    )

    receipt = wire.read_status(body)

    assert (receipt.price, receipt.currency) == ("0.0333", "EUR")
    assert receipt.network_code == "310260"


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2026-03-01T12:00:00Z", SEEN_AT.replace(microsecond=0)),
        ("2026-03-01T12:00:00.250Z", SEEN_AT),
        ("2026-03-01T12:00:00.250123456Z", SEEN_AT.replace(microsecond=250_123)),
        ("2026-03-01T07:00:00.250-05:00", SEEN_AT),
        ("2026-03-01T12:00:00.250", SEEN_AT),
        (1_772_366_400.25, SEEN_AT),
        (1_772_366_400_250, SEEN_AT),
    ],
)
def test_a_timestamp_may_be_spelled_in_several_ways(stamp, expected):
    """With and without milliseconds are both seen (contract 2.2)."""
    assert wire.read_status(make_status(timestamp=stamp)).reported_at == expected


@pytest.mark.parametrize("stamp", [None, "", "soon", True, {}, 10**30, "0001-01-01T00:00:00+23:59"])
def test_the_time_of_arrival_stands_in_for_an_unreadable_timestamp(stamp):
    """Losing a receipt because of its clock would leave the message unsettled."""
    body = make_status(timestamp=stamp)

    assert wire.read_status(body, received_at=SEEN_AT).reported_at == SEEN_AT
    with pytest.raises(wire.WireError, match="timestamp"):
        wire.read_status(body)


ERRORS = [  # the error object, in every shape that official test data shows (contract 2.2)
    {"type": "https://developer.vonage.com/api-errors/messages#1240", "title": "1240"},
    {"type": "https://developer.nexmo.com/api-errors/messages/#1240", "title": "Opted out"},
    {"type": "https://developer.vonage.com/api-errors/messages#1240", "title": 1000},
    {"title": 1240, "detail": "Opted out"},
    {"title": "1240"},
    {"error": {"title": "1240"}},
    {"error": {"title": 1240, "type": "about:blank"}},
    {"code": 1240, "title": "Opted out"},
    "1240",
    1240,
]


@pytest.mark.parametrize("error", ERRORS)
def test_a_failure_code_is_found_wherever_it_stands(error):
    """The STOP of a recipient must not be missed because of a spelling."""
    failure = wire.read_status(make_status("rejected", error=error)).failure

    assert failure is not None
    assert (failure.code, failure.reason, failure.opted_out) == ("1240", "opted_out", True)


F = FailureClass
CLASSES = {  # contract 3; where it leaves a choice, the choice that `codes` explains
    F.RETRY: "1000 1030 1100 1180 1220 1230 1241 1260 1331 1460 1472",
    F.RECIPIENT: "1050 1160 1170 1190 1200 1240 1250 1251 1270 1280 1290 1300 1310 1330 1430 1470"
    " 1473 1474 1475",
    F.MESSAGE: "1010 1020 1040 1090 1130 1150 1210 1282 1360 1380 1381 1382 1400 1410 1431 1440"
    " 1450 1482 1483 2001",
    F.SENDER: "1120 1420 1476 1480 1481 1484",
    F.ACCOUNT: "1060 1070 1080 1140 1242",
    F.UNKNOWN: "1320 1490 1021 1022 1340 1350 1370 1451 1461 2002 2003 9999",
}
CODES = [(code, kind) for kind, listed in CLASSES.items() for code in listed.split()]


@pytest.mark.parametrize(("code", "kind"), CODES)
def test_a_failure_code_has_the_class_of_the_contract(code, kind):
    """The class decides between another try, a paused campaign and a stopped line."""
    failure = wire.read_status(make_status("rejected", error={"title": code})).failure

    assert failure is not None
    assert (failure.code, failure.kind) == (code, kind)
    assert failure.detail


def test_the_table_of_failure_codes_is_complete():
    """Each code of the contract stands in the table above, and no other in ours."""
    assert set(codes.RECEIPT_CODES) <= {code for code, _ in CODES}
    reasons = [failure.reason for failure in codes.RECEIPT_CODES.values()]
    assert len(set(reasons)) == len(reasons)


def marked(name):
    return {code for code, failure in codes.RECEIPT_CODES.items() if getattr(failure, name)}


def test_the_marks_on_failure_codes_are_those_of_the_contract():
    """Spam counters pause campaigns, throttling slows them, a STOP is for ever."""
    assert marked("daily_cap") == {"1460"}
    assert marked("counts_against_sender") == {"1210", "1241", "1282", "2001"}
    assert marked("throttled") == {"1000", "1241", "1472"}
    assert marked("opted_out") == {"1240"}


@pytest.mark.parametrize("error", [None, {}, [], "", {"title": "Unheard of"}, {"title": 10**400}])
@pytest.mark.parametrize(
    ("state", "reason", "kind"),
    [
        ("rejected", "unexplained", F.UNKNOWN),
        ("undeliverable", "provider_unreachable", F.RETRY),
    ],
)
def test_a_failure_without_a_code_is_judged_by_its_state(error, state, reason, kind):
    """Undeliverable means that the provider could not hand the message on (contract 2.2)."""
    failure = wire.read_status(make_status(state, error=error)).failure

    assert failure is not None
    assert (failure.code, failure.reason, failure.kind) == ("", reason, kind)


NO_STATUS = [
    b"",
    b"null",
    b"[]",
    b'"delivered"',
    b"{",
    b"\xff",
    b"{}",
    b"[" * 100_000,
    make_status("accepted"),
    make_status(None),
    make_status(["delivered"]),
    make_status(message_uuid=None),
    make_status(message_uuid="a b"),
]


@pytest.mark.parametrize("body", NO_STATUS, ids=range(len(NO_STATUS)))
def test_what_is_no_status_is_said_to_be_none(body):
    """The engine sets such a body aside; it must get this error and no other."""
    with pytest.raises(wire.WireError):
        wire.read_status(body)


# Inbound messages (contract 2.3)


def make_inbound(message_type="text", **more):
    fields = {
        "channel": "mms",
        "message_uuid": UUID,
        "to": "14155550100",
        "from": "12125550123",
        "timestamp": STAMP,
        "message_type": message_type,
    }
    return json.dumps({**fields, **more}).encode()


def url(name):
    return f"https://api-us.nexmo.com/v3/media/{name}"


def test_a_text_from_a_phone_is_read():
    """STOP comes this way."""
    body = make_inbound(text="STOP", origin={"network_code": "310260"}, usage={"price": "0.1"})

    inbound = wire.read_inbound(body)

    assert (inbound.text, inbound.media) == ("STOP", ())
    assert (inbound.sender, inbound.recipient) == ("+12125550123", "+14155550100")
    assert (inbound.sent_at, inbound.network_code) == (SEEN_AT, "310260")


@pytest.mark.parametrize("kind", ["image", "video", "audio", "vcard", "file"])
def test_an_attachment_from_a_phone_is_read(kind):
    """Its caption is what the sender wrote, and may be a STOP as well."""
    item = {"url": url("1"), "name": "a.bin", "caption": "Stop 🛑"}

    inbound = wire.read_inbound(make_inbound(kind, **{kind: item}))

    assert inbound.media == (InboundMedia(kind, url("1"), "a.bin"),)
    assert inbound.text == "Stop 🛑"


def test_several_attachments_are_read_once_each():
    """Whether `content` repeats the first attachment is not documented."""
    content = [
        {"type": "image", "url": url("1")},
        {"type": "video", "url": url("2"), "caption": "second"},
        {"type": "hologram", "url": url("3")},
        {"type": "image"},
        "noise",
    ]

    inbound = wire.read_inbound(make_inbound("image", image={"url": url("1")}, content=content))

    assert [(media.kind, media.url) for media in inbound.media] == [
        ("image", url("1")),
        ("video", url("2")),
        ("file", url("3")),
    ]
    assert inbound.text == "second"


@pytest.mark.parametrize("message_type", ["content", "unsupported", "sticker"])
def test_a_kind_of_message_that_is_not_listed_is_still_stored(message_type):
    """The official SDKs know more kinds than the document (contract 2.3)."""
    assert wire.read_inbound(make_inbound(message_type)).media == ()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("12125550123", "+12125550123"),
        ("+12125550123", "+12125550123"),
        (12125550123, "+12125550123"),
        ("447700900000", "+447700900000"),
        ("72345", "72345"),
        ("623456", "623456"),
        ("VERIZON", "VERIZON"),
    ],
)
def test_a_number_comes_back_in_our_spelling(given, expected):
    """Opt-outs are found by number: one spelling, or STOP does not bind."""
    assert wire.read_inbound(make_inbound(**{"from": given})).sender == expected


@pytest.mark.parametrize(
    ("raw", "text"),
    [(rb"cut \ud83d", "cut ?"), (rb"nul\u0000!", "nul!"), (b"bad \xff byte", "bad � byte")],
)
def test_a_damaged_text_does_not_lose_the_message(raw, text):
    """Carriers cut texts inside an emoji; a database takes no NUL."""
    body = make_inbound(text="RAW").replace(b"RAW", raw)

    assert wire.read_inbound(body).text == text


NO_INBOUND = [
    b"",
    b"[]",
    b"{}",
    make_status(),
    make_inbound(None),
    make_inbound(message_uuid=7.5e300),
    make_inbound(message_uuid=""),
    make_inbound(**{"from": None}),
    make_inbound(to={"number": "1"}),
    make_inbound(timestamp=None),
]


@pytest.mark.parametrize("body", NO_INBOUND, ids=range(len(NO_INBOUND)))
def test_what_is_no_inbound_message_is_said_to_be_none(body):
    """A status posted to the wrong address must not become a message from a customer."""
    with pytest.raises(wire.WireError):
        wire.read_inbound(body)


# Anything at all

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
STATUS_FIELDS = ["message_uuid", "timestamp", "status", "client_ref", "error", "usage"]
INBOUND_FIELDS = ["to", "from", "message_type", "text", "image", "content", "channel", "origin"]
PROBLEM_FIELDS = ["title", "type", "detail", "invalid_parameters"]
FIELDS = STATUS_FIELDS + INBOUND_FIELDS + PROBLEM_FIELDS
STARTS = [{}, json.loads(make_status("rejected")), json.loads(make_inbound("image"))]


@settings(max_examples=300, deadline=None, database=None)
@given(st.sampled_from(STARTS), st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=3))
def test_no_body_breaks_the_readers(start, changed):
    """A webhook of any shape is understood or refused by our own error, and so is an answer."""
    body = json.dumps({**start, **changed}).encode()

    for read in (wire.read_status, wire.read_inbound):
        with contextlib.suppress(wire.WireError):
            read(body)
    assert wire.read_answer(422, {}, body).detail
