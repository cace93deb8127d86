"""Posting to others' addresses: through the guard of fetches, without redirects."""

import asyncio

import pytest
from aiohttp import web

from tests.egress_site import LOOPBACK, Names, egress_maker, open_site
from tests.virtual_clock import VirtualClock
from wirephoto.egress import EgressLimits
from wirephoto.errors import EgressRefused

HEADERS = {"Content-Type": "application/json", "webhook-id": "evt_1"}


@pytest.fixture
async def site():
    async with open_site() as made:
        yield made


@pytest.fixture
async def make_egress():
    async with egress_maker(VirtualClock()) as make:
        yield make


async def post(egress, url):
    return await egress.post(url, body=b'{"a":1}', headers=HEADERS)


async def refusal_of(egress, url):
    with pytest.raises(EgressRefused) as caught:
        await post(egress, url)
    return caught.value.reason


async def test_a_body_is_posted_with_its_headers(site, make_egress):
    """The signature is over these bytes."""
    got = []

    async def answer(request):
        got.append((request.method, await request.read(), request.headers["webhook-id"]))
        return web.Response(status=201)

    site.answer = answer
    posted = await post(make_egress(), site.url("/hook?x=1"))

    assert (posted.status, posted.retry_after_s) == (201, None)
    assert got == [("POST", b'{"a":1}', "evt_1")]
    assert site.requests[0].path_qs == "/hook?x=1"


async def test_a_redirect_is_an_answer(site, make_egress):
    """What was checked is the first address, not where it leads."""
    site.redirects_to(site.url("/elsewhere"), status=307)

    assert (await post(make_egress(), site.url("/hook"))).status == 307
    assert len(site.requests) == 1


@pytest.mark.parametrize(
    ("header", "seconds"), [("30", 30.0), ("Wed, 04 Mar 2026 15:00:00 GMT", None), ("-1", None)]
)
async def test_a_wait_is_read_in_seconds(site, make_egress, header, seconds):
    """A date would depend on two clocks."""

    async def answer(request):
        return web.Response(status=429, headers={"Retry-After": header})

    site.answer = answer

    assert (await post(make_egress(), site.url())).retry_after_s == seconds


async def test_internal_addresses_are_not_reached(site, make_egress):
    """Else an endpoint would be a way into the operator's network."""
    egress = make_egress(allow=())

    assert await refusal_of(egress, "https://127.0.0.1/hook") == "blocked_address"
    assert await refusal_of(egress, "https://shop.example.com/hook") == "blocked_address"
    assert site.requests == []


async def test_plain_http_goes_only_where_the_operator_allows(site, make_egress):
    """Whoever listens on the way would read everything."""
    public = make_egress(allow=LOOPBACK, resolve=Names(["8.8.8.8"]))

    assert await refusal_of(public, "http://shop.example.com/hook") == "bad_url"
    assert (await post(make_egress(), site.url(host="inside.test"))).status == 200


async def test_what_takes_too_long_is_given_up(site, make_egress):
    """Others wait for the place."""

    async def hang(request):
        await asyncio.Event().wait()

    site.answer = hang
    egress = make_egress(limits=EgressLimits(total_s=0.1))

    assert await refusal_of(egress, site.url()) == "unreachable"
