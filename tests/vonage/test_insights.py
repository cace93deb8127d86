"""A look-up of a number: what is asked, what answers mean, and what is no answer."""

import json
import socket

import pytest
from vonage_identity_insights import EmptyInsight, IdentityInsightsRequest, InsightsRequest
from vonage_identity_insights.responses import CarrierInsightResponse

from tests.vonage.raw_provider import HANG_UP, SILENCE, answer, pem, provider
from wirephoto.domain.number_facts import NumberFacts, NumberKind
from wirephoto.errors import LookUpUnavailable
from wirephoto.ids import Ids
from wirephoto.vonage.insights import (
    ANSWER_BYTES_MAX,
    InsightsClient,
    insights_url,
    read_facts,
    request_body,
)
from wirephoto.vonage.tokens import Tokens

NUMBER = "+12125550123"
MOBILE, LANDLINE = {"network_type": "MOBILE"}, {"network_type": "LANDLINE"}
OK, NOT_FOUND = {"status": {"code": "OK"}}, {"status": {"code": "NOT_FOUND"}}
INVALID = {"status": {"code": "INVALID_NUMBER_FORMAT"}}
FAILED = {"status": {"code": "SUPPLIER_ERROR"}}


def told(current=None, original=None):
    insights = {"current_carrier": current, "original_carrier": original}
    present = {name: insight for name, insight in insights.items() if insight is not None}
    return json.dumps({"request_id": "r", "insights": present}).encode()


@pytest.fixture
async def connect(key, clock):
    """Return a function that makes a client, closed when the test ends."""
    clients = []
    tokens = Tokens(
        application_id="app-1", private_key=pem(key), clock=clock, ids=Ids(), reuse=False
    )

    def make(url, **options):
        client = InsightsClient(url=url, tokens=tokens, **options)
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.close()


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://api.nexmo.com", "https://api-eu.vonage.com"),
        ("http://127.0.0.1:8900", "http://127.0.0.1:8900"),
        ("https://notvonage.com", "https://notvonage.com"),
    ],
)
def test_look_ups_are_on_a_host_of_their_own(base_url, url):
    """A token must not go to the real host from a test, nor to a wrong one from production."""
    assert insights_url(base_url) == url


def test_the_question_is_that_of_the_official_sdk():
    """What its model dumps is what the provider reads."""
    asked = IdentityInsightsRequest(
        phone_number=NUMBER.removeprefix("+"),
        insights=InsightsRequest(original_carrier=EmptyInsight(), current_carrier=EmptyInsight()),
    )

    assert json.loads(request_body(NUMBER)) == asked.model_dump(exclude_none=True)


async def test_a_phone_is_told_with_its_network(connect):
    """One request with a token of its own; the network says whose daily cap it counts against."""
    carrier = OK | MOBILE | {"name": "T", "country_code": "US", "network_code": "310260"}
    CarrierInsightResponse(**carrier)  # what the SDK reads, too
    async with provider(answer(200, told(carrier, OK | LANDLINE))) as (served, url):
        facts = await connect(url + "/").look_up(NUMBER)

    assert facts == NumberFacts(NumberKind.MOBILE, "310260")
    (request,) = served.posts
    assert request.line.split(" ")[:2] == ["POST", "/identity-insights/v1/requests"]
    assert request.headers["authorization"].startswith("Bearer ")
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("current", "original", "kind"),
    [
        (OK | MOBILE, None, "mobile"),
        (OK | {"network_type": "mobile"}, None, "mobile"),
        (OK | {"network_type": "VIRTUAL"}, OK | MOBILE, "virtual"),
        (OK | LANDLINE, OK | LANDLINE, "landline"),
        (NOT_FOUND, OK | LANDLINE, "landline"),
        ({"status": "NOT_FOUND"}, {"status": "SUCCESS"} | LANDLINE, "landline"),
        ({"status": {"code": "UNSUPPORTED_NETWORK_TYPE"}}, OK | LANDLINE, "landline"),
        (NOT_FOUND, OK | {"network_type": "tollfree"}, "landline"),
        (NOT_FOUND, OK | {"network_type": "LANDLINE_PREMIUM"}, "landline"),
        (NOT_FOUND, OK | {"network_type": "VIRTUAL"}, "virtual"),
        (NOT_FOUND, OK | MOBILE, "unassigned"),
        (NOT_FOUND, NOT_FOUND, "unknown"),
        (INVALID, INVALID, "invalid"),
        (INVALID, None, "invalid"),
        (FAILED, OK | LANDLINE, "unknown"),
        (None, OK | LANDLINE, "unknown"),
        (None, None, "unknown"),
        (OK | {"network_type": "PAGER"}, None, "unknown"),
        ("MOBILE", ["LANDLINE"], "unknown"),
        ({"status": ["NOT_FOUND"], "network_type": 7}, None, "unknown"),
    ],
)
def test_who_has_the_number_now_counts_before_who_had_it_first(current, original, kind):
    """Landlines are ported to phones; where nobody says so, they are not taken for gone."""
    assert read_facts(told(current, original)).kind == kind


@pytest.mark.parametrize("code", ["T-Mobile", "3", "3102600", {"mcc": 310}, None, ""])
def test_a_network_is_stored_only_as_its_code(code):
    """Daily caps compare it with codes, and a contact shows it."""
    facts = read_facts(told(OK | MOBILE | {"network_code": code}))

    assert facts == NumberFacts(NumberKind.MOBILE)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (answer(401, b'{"title":"Unauthorized"}'), "unauthorized"),
        (answer(402), "forbidden"),
        (answer(403), "forbidden"),
        (answer(400), "refused"),
        (answer(422), "refused"),
        (answer(302, b"", "Location: /"), "refused"),
        (answer(429, b"", "Retry-After: 7"), "rate_limited"),
        (answer(204), "unreadable"),
        (answer(502, b"<html>"), "unreachable"),
        (answer(200, b"<html>"), "unreadable"),
        (answer(200, b'{"insights": []}'), "unreadable"),
        (answer(200, b'{"title": "Malformed JSON", "detail": "no"}'), "unreadable"),
        (answer(200, b" " * (ANSWER_BYTES_MAX + 1)), "unreadable"),
        (HANG_UP, "unreachable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_no_answer_is_not_a_verdict(reply, reason, connect):
    """Nobody is refused, nor called a phone, because a look-up failed."""
    async with provider(reply) as (_, url):
        with pytest.raises(LookUpUnavailable) as caught:
            await connect(url).look_up(NUMBER)

    assert caught.value.reason == reason
    assert caught.value.retry_after_s == (7 if reason == "rate_limited" else None)
    assert NUMBER[1:] not in str(caught.value)


async def test_a_question_is_asked_once(connect):
    """Each has its price, also the one whose answer was lost."""
    async with provider(HANG_UP, answer(200, told(OK | MOBILE))) as (served, url):
        with pytest.raises(LookUpUnavailable):
            await connect(url).look_up(NUMBER)

    assert len(served.posts) == 1


async def test_a_provider_that_says_nothing_is_given_up(connect):
    """A message waits for the answer."""
    async with provider(SILENCE) as (_, url):
        with pytest.raises(LookUpUnavailable, match="unreachable"):
            await connect(url, timeout_s=0.05).look_up(NUMBER)


async def test_a_provider_that_is_not_there_is_told(connect):
    """By the kind of the failure alone."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(LookUpUnavailable, match="unreachable"):
        await connect(f"http://127.0.0.1:{port}").look_up(NUMBER)
