"""Answers of the Reports API in the spellings of its documents, and what they mean to us."""

import contextlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wirephoto.domain.outcome import FailureClass, ReceiptState
from wirephoto.vonage.records import read_records
from wirephoto.vonage.wire import WireError

# The fields of `MessagesOutboundRecord`, with its examples where they concern us: document of the
# Reports API, version 3.1.4. Every value is a string there.
RECORD = {
    "account_id": "123g4567",
    "message_id": "a1aa2bcd-6a96-4a9b-bd9d-a72477238b22",
    "client_ref": "my-personal-reference",
    "direction": "outbound",
    "from": "447700900001",
    "to": "447700900000",
    "country": "ES",
    "country_name": "Spain",
    "provider": "mms",
    "network": "12345 MX-FIXED",
    "network_name": "Airtel Nigeria",
    "date_received": "2024-02-02T13:50:00+00:00",
    "date_finalized": "2024-02-02T13:50:07+00:00",
    "latency": "67",
    "status": "delivered",
    "currency": "EUR",
    "estimated_price": "0.036",
    "total_price": "0.038",
    "pricing_model": "single message",
    "id": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
}
# `BaseRecordsResponse` of the same document.
ENVELOPE = {
    "_links": {"self": {"href": "https://api.nexmo.com/v2/reports/sms/records?product=SMS"}},
    "request_id": "a91b34c2-5d98-4c0e-8f23-a6b1c7d4e9f0",
    "request_status": "SUCCESS",
    "received_at": "2024-02-07T14:22:08+00:00",
    "items_count": 1,
    "product": "MESSAGES",
}
# A record as on the page "Get records synchronously by date range" of 2021: a missing reference is
# null, the offset has no colon, and an error code says that there was none.
RECORD_OF_2021 = {
    "account_id": "abcd1234",
    "message_id": "12000000E506AC66",
    "client_ref": None,
    "direction": "outbound",
    "from": "Acme Inc.",
    "to": "447700123456",
    "network": "23410",
    "date_received": "2020-06-04T12:21:35+0000",
    "date_finalized": "2020-06-04T12:21:37+0000",
    "latency": "2274",
    "status": "delivered",
    "error_code": "0",
    "error_code_description": "Delivered",
    "currency": "EUR",
    "total_price": "0.03330000",
}


def page_of(*records, **more):
    return read_records(json.dumps({**ENVELOPE, "records": list(records), **more}).encode())


def receipt_of(**changes):
    [receipt] = page_of({**RECORD, **changes}).receipts
    return receipt


def test_a_record_is_read_as_a_receipt():
    """Settled by a record or by a webhook: the message must look the same afterwards."""
    receipt = receipt_of()

    assert receipt.provider_message_id == "a1aa2bcd-6a96-4a9b-bd9d-a72477238b22"
    assert receipt.client_ref == "my-personal-reference"
    assert receipt.state is ReceiptState.DELIVERED
    assert receipt.reported_at == datetime(2024, 2, 2, 13, 50, 7, tzinfo=UTC)
    assert (receipt.price, receipt.currency, receipt.network_code) == ("0.038", "EUR", "12345")
    assert receipt.failure is None


def test_a_record_of_the_older_documents_is_read_as_well():
    """Which of them an account is answered with is not known."""
    page = page_of(RECORD_OF_2021)

    [receipt] = page.receipts
    assert receipt.client_ref is None
    assert receipt.state is ReceiptState.DELIVERED
    assert receipt.reported_at == datetime(2020, 6, 4, 12, 21, 37, tzinfo=UTC)
    assert (receipt.price, receipt.network_code) == ("0.03330000", "23410")
    assert receipt.failure is None
    assert page.is_complete


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("submitted", ReceiptState.SUBMITTED),
        ("DELIVERED", ReceiptState.DELIVERED),
        ("rejected", ReceiptState.REJECTED),
        ("undeliverable", ReceiptState.UNDELIVERABLE),
        ("read", ReceiptState.READ),
        ("accepted", ReceiptState.SUBMITTED),
        ("", ReceiptState.SUBMITTED),
        (None, ReceiptState.SUBMITTED),
    ],
)
def test_any_record_proves_that_the_message_was_taken(status, state):
    """A status that we do not know must not leave the message in doubt."""
    assert receipt_of(status=status).state is state


@pytest.mark.parametrize(
    ("status", "code", "kind", "reason"),
    [
        ("rejected", "1240", FailureClass.RECIPIENT, "opted_out"),
        ("rejected", 1000, FailureClass.RETRY, "capacity_exceeded"),
        ("rejected", "9999", FailureClass.UNKNOWN, "unlisted_code"),
        ("rejected", None, FailureClass.UNKNOWN, "unexplained"),
        ("rejected", "0", FailureClass.UNKNOWN, "unexplained"),
        ("undeliverable", None, FailureClass.RETRY, "provider_unreachable"),
    ],
)
def test_a_failure_is_classified_like_that_of_a_receipt(status, code, kind, reason):
    """One table decides what is tried again, whoever brings the news."""
    failure = receipt_of(status=status, error_code=code).failure

    assert (failure.kind, failure.reason) == (kind, reason)


def test_the_carriers_own_code_is_quoted_and_not_understood():
    """The same number means something else in a carrier's mouth."""
    failure = receipt_of(status="rejected", provider_error_code="1020").failure

    assert failure.reason == "unexplained"
    assert "carrier's code 1020" in failure.detail


@pytest.mark.parametrize(
    ("changes", "price"),
    [
        ({"total_price": None}, "0.036"),
        ({"total_price": ""}, "0.036"),
        ({"total_price": 0.05}, "0.05"),
        ({"total_price": "free", "estimated_price": None}, None),
    ],
)
def test_the_price_is_the_last_that_is_known(changes, price):
    """The final one comes with the carrier's word, the estimate before it."""
    assert receipt_of(**changes).price == price


@pytest.mark.parametrize(
    ("changes", "instant"),
    [
        ({"date_finalized": None}, "2024-02-02T13:50:00+00:00"),
        ({"date_finalized": "soon", "date_received": ""}, "2024-02-07T14:22:08+00:00"),
    ],
)
def test_a_missing_date_has_a_stand_in(changes, instant):
    """A message that waits for its end has no date of it."""
    assert receipt_of(**changes).reported_at == datetime.fromisoformat(instant)


@pytest.mark.parametrize("broken", [None, 7, {}, {**RECORD, "message_id": "a b"}])
def test_a_record_that_cannot_be_read_makes_the_page_doubtful(broken):
    """It might be the one that was looked for; the others count all the same."""
    page = page_of(broken, RECORD)

    assert len(page.receipts) == 1
    assert not page.is_complete


NEXT = {"next": {"href": "https://evil.example/v2/reports/sms/records?cursor=MTY0%3D%3D&iv=8a2c"}}


@pytest.mark.parametrize(
    ("envelope", "following"),
    [
        ({}, {}),
        ({"cursor": "MTY0==", "iv": "8a2c"}, {"cursor": "MTY0==", "iv": "8a2c"}),
        ({"_links": NEXT}, {"cursor": "MTY0==", "iv": "8a2c"}),
        ({"_links": NEXT, "cursor": "own", "iv": "its"}, {"cursor": "own", "iv": "its"}),
        ({"cursor": "alone"}, {"cursor": "alone"}),
        ({"iv": "alone"}, {}),
        ({"cursor": None, "iv": "", "_links": {"next": None}}, {}),
        ({"cursor": 7, "_links": {"next": {"href": "http://["}}}, {}),
    ],
)
def test_the_next_page_is_named_by_the_envelope_or_by_its_link(envelope, following):
    """Only the place is taken from a link: we do not go where an answer sends us."""
    assert page_of(RECORD, **envelope).following == following


def test_an_answer_that_was_cut_short_says_so():
    """`TRUNCATED` is documented without a word on when; with another page nothing is lost."""
    assert not page_of(request_status="TRUNCATED").is_complete
    assert page_of(request_status="TRUNCATED", cursor="a", iv="b").is_complete


@pytest.mark.parametrize(
    "envelope", [{"items_count": 0}, {"ids_not_found": "id-missing-1"}, {"records": []}]
)
def test_an_answer_without_records_may_leave_their_list_out(envelope):
    """The document requires no field."""
    page = read_records(json.dumps(envelope).encode())

    assert page.receipts == ()
    assert page.is_complete


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"{}", b'{"items_count":1}', b'{"records":{}}', b"<html>"],
)
def test_what_is_no_answer_is_not_taken_for_an_empty_one(body):
    """An empty answer says that nothing was taken; a broken one says nothing."""
    with pytest.raises(WireError):
        read_records(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(
    record=st.fixed_dictionaries({}, optional=dict.fromkeys(RECORD, JSON)) | JSON,
    envelope=st.fixed_dictionaries(
        {}, optional=dict.fromkeys([*ENVELOPE, "cursor", "iv", "records"], JSON)
    ),
)
def test_no_answer_breaks_the_reader(record, envelope):
    """A surprise in one record must not keep every other attempt in doubt."""
    answer = {"records": [{**RECORD, **record} if isinstance(record, dict) else record], **envelope}

    with contextlib.suppress(WireError):
        read_records(json.dumps(answer).encode())
