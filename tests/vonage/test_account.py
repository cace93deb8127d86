"""What the account has, against a provider made of raw bytes."""

import base64
import json
import socket
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.vonage.raw_provider import HANG_UP, SILENCE, answer, provider
from wirephoto.domain.registration import OwnedNumber
from wirephoto.errors import AccountUnavailable
from wirephoto.vonage.account import ANSWER_BYTES_MAX, PAUSE_S, AccountClient, ten_dlc_url

APP = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"


class RestingClock:
    """A clock on which pauses take no time and are counted."""

    def __init__(self):
        self.rests = []

    async def sleep(self, seconds):
        self.rests.append(seconds)


def listed(name, *items, pages=1):
    return answer(200, json.dumps({"_embedded": {name: items}, "total_pages": pages}).encode())


def owned(*digits, count=None):
    numbers = [{"msisdn": each, "features": ["MMS"], "app_id": APP} for each in digits]
    body = {"count": count or len(numbers), "numbers": numbers}
    return answer(200, json.dumps(body).encode())


@pytest.fixture
def rests():
    return RestingClock()


@pytest.fixture
async def connect(rests):
    """Return a function that makes a client, closed when the test ends."""
    clients = []

    def make(url, **options):
        client = AccountClient(
            rest_url=url,
            base_url=url + "/",
            api_key="abcd1234",
            api_secret="s3cret-s3cret",
            clock=rests,
            **options,
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.close()


def target(request):
    url = urlsplit(request.line.split(" ")[1])
    return url.path, dict(parse_qsl(url.query))


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://api.nexmo.com", "https://api-eu.vonage.com"),
        ("https://api-us.vonage.com", "https://api-eu.vonage.com"),
        ("http://127.0.0.1:8900", "http://127.0.0.1:8900"),
        ("https://notvonage.com", "https://notvonage.com"),
    ],
)
def test_the_10dlc_api_is_on_a_host_of_its_own(base_url, url):
    """A secret must not go to a real host from a test, nor to a wrong one from production."""
    assert ten_dlc_url(base_url) == url


async def test_numbers_are_read_page_by_page(connect, rests):
    """A hundred to a page, with key and secret, and with pauses: messages need requests too."""
    first = owned(*[f"1202555{number:04}" for number in range(100)], count=101)
    async with provider(first, owned("12025559999", count=101)) as (served, url):
        numbers = await connect(url).numbers()

    assert len(numbers) == 101
    assert numbers[-1] == OwnedNumber("+12025559999", sends_mms=True, application_id=APP)
    assert [target(request) for request in served.posts] == [
        ("/account/numbers", {"size": "100", "index": "1"}),
        ("/account/numbers", {"size": "100", "index": "2"}),
    ]
    scheme, _, login = served.posts[0].headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(login)) == ("Basic", b"abcd1234:s3cret-s3cret")
    assert rests.rests == [PAUSE_S]


async def test_an_account_without_numbers_has_neither_key(connect):
    """Its answer is an empty object (contract 5.4)."""
    async with provider(answer(200, b"{}")) as (_, url):
        assert await connect(url).numbers() == []


async def test_the_registration_is_read_brand_by_brand(connect):
    """Each campaign with the numbers that are linked to it, over all pages of each list."""
    async with provider(
        listed("brands", {"brand_id": "B1", "display_name": "Cats"}, pages=2),
        listed("brands", {"brand_id": "B2"}, pages=2),
        listed("campaigns", {"campaign_id": "C1", "status": "ACTIVE"}),
        listed("numbers", {"number": "12025550100"}, {"number": "12025550101"}),
        listed("campaigns"),
    ) as (served, url):
        brands, (campaign,) = await connect(url).registration()

    assert [(brand.id, brand.name) for brand in brands] == [("B1", "Cats"), ("B2", "B2")]
    assert (campaign.brand_id, campaign.status) == ("B1", "ACTIVE")
    assert campaign.numbers == {"+12025550100", "+12025550101"}
    assert [target(request)[0] for request in served.posts] == [
        "/v1/10dlc/brands",
        "/v1/10dlc/brands",
        "/v1/10dlc/brands/B1/campaigns",
        "/v1/10dlc/brands/B1/campaigns/C1/numbers",
        "/v1/10dlc/brands/B2/campaigns",
    ]
    assert target(served.posts[1])[1] == {"page": "2", "page_size": "100"}


async def test_an_account_that_registered_nothing_has_nothing(connect):
    """Toll-free numbers need no 10DLC: a 404 is no failure (assumed)."""
    async with provider(answer(404, b"{}")) as (_, url):
        assert await connect(url).registration() == ([], [])


REFUSED = b'{"error-code":"401","error-code-label":"authentication failed"}'


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (answer(401, REFUSED), "unauthorized"),
        (answer(403), "forbidden"),
        (answer(420), "refused"),
        (answer(404), "refused"),
        (answer(429, b"", "Retry-After: 1"), "rate_limited"),
        (answer(302, b"", "Location: /"), "refused"),
        (answer(204), "unreadable"),
        (answer(502, b"<html>"), "unreachable"),
        (answer(200, b"<html>"), "unreadable"),
        (answer(200, b'{"count": 1, "numb'), "unreadable"),
        (answer(200, b"[]"), "unreadable"),
        (answer(200, b" " * (ANSWER_BYTES_MAX + 1)), "unreadable"),
        (HANG_UP, "unreachable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_no_answer_is_not_an_empty_account(reply, reason, connect):
    """Taken for one, every sender would be reported as gone."""
    async with provider(reply) as (_, url):
        with pytest.raises(AccountUnavailable) as caught:
            await connect(url).numbers()

    assert (caught.value.asked, caught.value.reason) == ("numbers", reason)
    assert "s3cret" not in str(caught.value)


async def test_a_provider_that_says_nothing_is_given_up(connect):
    """A command must end."""
    async with provider(SILENCE) as (_, url):
        with pytest.raises(AccountUnavailable, match="unreachable"):
            await connect(url, timeout_s=0.05).registration()


async def test_a_provider_that_is_not_there_is_told(connect):
    """With the host: it may be a setting that is wrong."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(AccountUnavailable, match=r"127\.0\.0\.1"):
        await connect(f"http://127.0.0.1:{port}").numbers()


async def test_pages_without_end_are_given_up(connect, monkeypatch):
    """A loop without a bound is a bug, and each page is a request that messages lack."""
    monkeypatch.setattr("wirephoto.vonage.account.PAGES_MAX", 3)
    async with provider(owned("12025550100", count=10_000)) as (served, url):
        with pytest.raises(AccountUnavailable, match="too_much"):
            await connect(url).numbers()
    async with provider(listed("brands", {"brand_id": "B1"}, pages=9)) as (_, url):
        with pytest.raises(AccountUnavailable, match="too_much"):
            await connect(url).registration()

    assert len(served.posts) == 3
