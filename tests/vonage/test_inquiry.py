"""One look-up in the provider's records, page by page and without a network."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from wirephoto.domain.look_up import LookUp
from wirephoto.errors import ReportsUnavailable
from wirephoto.vonage.inquiry import PAGES_MAX, Inquiry, read_page, refusal

SINCE = datetime(2026, 3, 1, 12, tzinfo=UTC)
LOOK_UP = LookUp(
    client_ref="ref-1",
    provider_message_id=None,
    sender="+14155550100",
    recipient="+12125550123",
    since=SINCE,
    until=SINCE + timedelta(seconds=40),
)


def page(*client_refs, cursor=None):
    records = [
        {
            "message_id": f"uuid-of-{client_ref}",
            "client_ref": client_ref,
            "status": "submitted",
            "date_received": "2026-03-01T12:00:05Z",
        }
        for client_ref in client_refs
    ]
    following = {"cursor": cursor, "iv": "iv"} if cursor else {}
    return read_page(json.dumps({"records": records, **following}).encode())


def test_each_page_leads_to_the_next_until_the_last():
    """The attempt may stand on any of them, and a second one with its reference as well."""
    inquiry = Inquiry(LOOK_UP, api_key="abcd1234")
    first = inquiry.question

    inquiry.take(page("ref-2", cursor="c1"))
    second = inquiry.question
    inquiry.take(page("ref-1"))

    assert second == {**first, "cursor": "c1", "iv": "iv"}
    assert inquiry.question is None
    assert inquiry.answer().provider_message_id == "uuid-of-ref-1"


def test_pages_without_an_end_prove_nothing():
    """That the attempt was not on the pages read does not say that it was not taken."""
    inquiry = Inquiry(LOOK_UP, api_key="abcd1234")

    for number in range(PAGES_MAX):
        assert inquiry.question is not None
        inquiry.take(page("ref-2", cursor=f"c{number}"))

    assert inquiry.question is None
    with pytest.raises(ReportsUnavailable, match="incomplete"):
        inquiry.answer()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (204, "unreadable"),
        (401, "unauthorized"),
        (402, "forbidden"),
        (403, "forbidden"),
        (408, "unreachable"),
        (422, "refused"),
        (429, "rate_limited"),
        (503, "unreachable"),
    ],
)
def test_a_refusal_says_what_it_means(status, reason):
    """One is a matter of time, another of the account, a third of the question itself."""
    assert refusal(status, {}).reason == reason
