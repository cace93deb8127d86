"""The look-up of an attempt, against a provider made of raw bytes."""

import base64
import json
import logging
import socket
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.vonage.raw_provider import HANG_UP, SILENCE, UUID, answer, provider
from wirephoto.domain.look_up import LookUp
from wirephoto.domain.outcome import ReceiptState
from wirephoto.errors import ReportsUnavailable
from wirephoto.vonage.inquiry import PAGES_MAX
from wirephoto.vonage.reports import ANSWER_BYTES_MAX, ReportsClient

OTHER = "cccccccc-bbbb-4ccc-8ddd-0123456789ab"
SINCE = datetime(2026, 3, 1, 12, 0, 0, 700_400, tzinfo=UTC)
LOOK_UP = LookUp(
    client_ref="ref-1",
    provider_message_id=None,
    sender="+14155550100",
    recipient="+12125550123",
    since=SINCE,
    until=SINCE + timedelta(seconds=40),
)
BY_ID = replace(LOOK_UP, provider_message_id=UUID)


def record(client_ref="ref-1", status="submitted", message_id=UUID, second=5):
    return {
        "message_id": message_id,
        "client_ref": client_ref,
        "status": status,
        "date_received": f"2026-03-01T12:00:{second:02}+00:00",
    }


def page(*records, **more):
    return answer(200, json.dumps({"records": list(records), **more}).encode())


@pytest.fixture
async def ask():
    """Return a function that looks an attempt up; its clients are closed when the test ends."""
    clients = []

    async def find(base_url, look_up=LOOK_UP, **options):
        client = ReportsClient(
            base_url=base_url, api_key="abcd1234", api_secret="s3cret-s3cret", **options
        )
        clients.append(client)
        return await client.find(look_up)

    yield find
    for client in clients:
        await client.close()


def query_of(request):
    target = request.line.split(" ")[1]
    return dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))


# The question


async def test_an_attempt_without_an_id_is_looked_up_by_numbers_and_time(ask):
    """There is no filter for the reference, so the question is as narrow as can be (5.1)."""
    async with provider(page(record())) as (served, url):
        receipt = await ask(url + "/")

    assert receipt.provider_message_id == UUID
    (request,) = served.posts
    assert request.line.startswith("GET /v2/reports/records?")
    assert query_of(request) == {
        "product": "MESSAGES",
        "account_id": "abcd1234",
        "direction": "outbound",
        "from": "14155550100",
        "to": "12125550123",
        "date_start": "2026-03-01T12:00:00.000Z",
        "date_end": "2026-03-01T12:00:40.701Z",
    }


async def test_an_attempt_with_an_id_is_looked_up_by_it(ask):
    """No other parameter is accepted beside an id."""
    async with provider(page(record(status="delivered"))) as (served, url):
        receipt = await ask(url, BY_ID)

    assert receipt.state is ReceiptState.DELIVERED
    assert query_of(served.posts[0]) == {
        "product": "MESSAGES",
        "account_id": "abcd1234",
        "direction": "outbound",
        "id": UUID,
    }


async def test_times_are_asked_in_utc(ask):
    """A database may give its instants in another zone."""
    zone = timezone(timedelta(hours=-5))
    look_up = replace(LOOK_UP, since=SINCE.astimezone(zone))
    async with provider(page()) as (served, url):
        await ask(url, look_up)

    assert query_of(served.posts[0])["date_start"] == "2026-03-01T12:00:00.000Z"


async def test_it_asks_with_key_and_secret(ask):
    """A token is refused here (contract 5.1)."""
    async with provider(page()) as (served, url):
        await ask(url)

    scheme, _, credentials = served.posts[0].headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(credentials)) == ("Basic", b"abcd1234:s3cret-s3cret")
    assert served.posts[0].headers["accept-encoding"] == "identity"


# The answer


@pytest.mark.parametrize(
    "records",
    [
        [],
        [record("ref-2")],
        [record("ref-10")],
        [record("REF-1")],
        [record(None)],
    ],
)
async def test_only_the_very_attempt_is_found(records, ask):
    """Another picture to the same number in the same minute must not settle this one."""
    async with provider(page(*records)) as (_, url):
        assert await ask(url) is None


@pytest.mark.parametrize(
    ("found", "is_found"),
    [
        (record(), True),
        (record(None), True),
        (record("ref-2"), False),
        (record(message_id=OTHER), False),
    ],
)
async def test_an_id_counts_unless_another_reference_comes_with_it(found, is_found, ask):
    """The provider may leave the reference out, but never swap it."""
    async with provider(page(found)) as (_, url):
        receipt = await ask(url, BY_ID)

    assert (receipt is not None) is is_found


async def test_an_id_that_is_not_found_is_no_fault(ask):
    """A fresh message takes its time to show up."""
    async with provider(answer(200, b'{"ids_not_found":"x","items_count":0}')) as (_, url):
        assert await ask(url, BY_ID) is None


async def test_a_match_on_the_second_page_is_found(ask):
    """With the question repeated: the link alone lacks its times and would be refused."""
    first = page(record("ref-2"), cursor="a+b/c==", iv="8a2c")
    async with provider(first, page(record(status="rejected"))) as (served, url):
        receipt = await ask(url)

    assert receipt.state is ReceiptState.REJECTED
    one, two = map(query_of, served.posts)
    assert two == {**one, "cursor": "a+b/c==", "iv": "8a2c"}


@pytest.mark.parametrize(
    ("look_up", "answered", "requests"),
    [
        (LOOK_UP, page(cursor="a", iv="b"), 1),
        (BY_ID, page(record("ref-2"), cursor="a", iv="b"), 1),
    ],
)
async def test_pages_end(look_up, answered, requests, ask):
    """An empty page is the last one, and a question by id has one page."""
    async with provider(answered) as (served, url):
        assert await ask(url, look_up) is None

    assert len(served.posts) == requests


async def test_without_a_match_pages_that_never_end_prove_nothing(ask):
    """Each record is paid for; and what was not read must not count as absent."""
    async with provider(page(record("ref-2"), cursor="a", iv="b")) as (served, url):
        with pytest.raises(ReportsUnavailable) as caught:
            await ask(url)

    assert caught.value.reason == "incomplete"
    assert len(served.posts) == PAGES_MAX


async def test_with_a_match_pages_that_never_end_do_not_matter(ask):
    """What was found is there."""
    async with provider(page(record(), cursor="a", iv="b")) as (_, url):
        assert (await ask(url)).provider_message_id == UUID


async def test_a_record_that_cannot_be_read_may_be_the_one(ask):
    """Its absence would be a guess, and a second picture the price of it."""
    async with provider(page(record("ref-2"), {"client_ref": "ref-1"})) as (_, url):
        with pytest.raises(ReportsUnavailable, match="incomplete"):
            await ask(url)


async def test_of_several_records_the_one_that_knows_most_counts(ask, capsys):
    """One reference with two messages is a picture that was taken twice: somebody must hear."""
    records = [
        record(status="undeliverable", message_id=OTHER, second=9),
        record(status="delivered"),
        record(status="rejected", message_id=OTHER, second=9),
    ]
    async with provider(page(*records)) as (_, url):
        receipt = await ask(url)

    assert (receipt.state, receipt.provider_message_id) == (ReceiptState.DELIVERED, UUID)
    assert "records_doubled" in capsys.readouterr().out


async def test_one_message_listed_twice_is_no_double(ask, capsys):
    """Pages that move while they are read show a record again."""
    first = page(record(), cursor="a", iv="b")
    async with provider(first, page(record(status="delivered"))) as (_, url):
        receipt = await ask(url)

    assert receipt.state is ReceiptState.DELIVERED
    assert "records_doubled" not in capsys.readouterr().out


# No answer

REFUSALS = [
    (401, "unauthorized"),
    (402, "forbidden"),
    (403, "forbidden"),
    (400, "refused"),
    (404, "refused"),
    (422, "refused"),
    (301, "refused"),
    (408, "unreachable"),
    (500, "unreachable"),
    (502, "unreachable"),
    (503, "unreachable"),
    (204, "unreadable"),
]


@pytest.mark.parametrize(("status", "reason"), REFUSALS)
async def test_a_refusal_says_whether_asking_again_is_worth_while(status, reason, ask):
    """Nothing is repeated here: the caller knows when it is due again."""
    location = "Location: http://127.0.0.1:9/v2/reports/records"
    async with provider(answer(status, b"", location)) as (served, url):
        with pytest.raises(ReportsUnavailable) as caught:
            await ask(url)

    assert (caught.value.reason, caught.value.retry_after_s) == (reason, None)
    assert len(served.posts) == 1


@pytest.mark.parametrize(
    ("headers", "retry_after_s"),
    [(["Retry-After: 15"], 15.0), ([], None), (["Retry-After: soon"], None)],
)
async def test_a_limit_hands_the_wish_to_wait_on(headers, retry_after_s, ask):
    """It is optional, in seconds (contract 1.8)."""
    async with provider(answer(429, b"", *headers)) as (_, url):
        with pytest.raises(ReportsUnavailable) as caught:
            await ask(url)

    assert (caught.value.reason, caught.value.retry_after_s) == ("rate_limited", retry_after_s)


BROKEN = {
    "hang up": (HANG_UP, "unreachable"),
    "silence": (SILENCE, "unreachable"),
    "cut short": (answer(200, b'{"records":[').replace(b": 12", b": 99"), "unreachable"),
    "another protocol": (b"220 mail.example ESMTP\r\n\r\n", "unreachable"),
    "broken JSON": (answer(200, b'{"records":['), "unreadable"),
    "HTML": (answer(200, b"<html></html>"), "unreadable"),
    "something else": (answer(200, b'{"status":"ok"}'), "unreadable"),
    "oversized": (page(filler=" " * ANSWER_BYTES_MAX), "unreadable"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_no_answer_is_no_finding(name, ask):
    """None would say that the records do not have it; here nobody knows."""
    reply, reason = BROKEN[name]
    async with provider(reply) as (served, url):
        with pytest.raises(ReportsUnavailable) as caught:
            await ask(url, timeout_s=0.3)

    assert caught.value.reason == reason
    assert len(served.posts) == 1


async def test_nobody_listening_is_no_finding_either(ask):
    """An outage of the look-up is not an answer."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ReportsUnavailable, match="unreachable"):
            await ask(f"http://127.0.0.1:{taken.getsockname()[1]}")


async def test_an_answer_just_within_its_bound_is_read(ask):
    """A page of a thousand records has nearly that size."""
    head = len(page(record(), filler="").partition(b"\r\n\r\n")[2])
    async with provider(page(record(), filler=" " * (ANSWER_BYTES_MAX - head))) as (_, url):
        assert await ask(url) is not None


async def test_a_client_can_be_closed_unused_and_used_again():
    """Connections are opened by a question, not before."""
    async with provider(page(record())) as (served, url):
        client = ReportsClient(base_url=url, api_key="a", api_secret="b")
        await client.close()
        assert served.connections == 0
        for _ in range(2):
            assert await client.find(LOOK_UP) is not None
            await client.close()

    assert served.connections == 2


async def test_a_connection_serves_several_questions(ask):
    """Not every look-up pays for a handshake."""
    first = page(record("ref-2"), cursor="a", iv="b")
    async with provider(first, page(record())) as (served, url):
        await ask(url)

    assert {request.connection for request in served.posts} == {1}


async def test_neither_numbers_nor_the_secret_are_ever_shown(ask, caplog, capsys):
    """The address of the question has the numbers; errors of HTTP clients like to quote it."""
    caplog.set_level(logging.DEBUG)
    shown = []
    for reply in (b"HTTP/1.1 abc\r\n\r\n", HANG_UP, answer(500), answer(200, b"{"), page()):
        async with provider(reply) as (_, url):
            try:
                await ask(url)
            except ReportsUnavailable as error:
                shown += [repr(error), *traceback.format_exception(error)]
    client = ReportsClient(base_url="http://x.example", api_key="a", api_secret="s3cret-s3cret")
    shown += [repr(client), repr(vars(client)), caplog.text, *capsys.readouterr()]

    text = "".join(shown)
    assert "unreachable" in text
    assert "2125550123" not in text
    assert "s3cret" not in text
    assert base64.b64encode(b"abcd1234:s3cret-s3cret").decode() not in text
