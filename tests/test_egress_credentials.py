"""Who we are is told to hosts that may know, one hop at a time."""

import pytest
from aiohttp import web

from tests.egress_site import BYTES_MAX, egress_maker, open_site
from wirephoto.egress import Validators

TOKEN = {"Authorization": "Bearer ours"}


@pytest.fixture
async def site():
    """Give a web site on loopback."""
    async with open_site() as made:
        yield made


@pytest.fixture
async def egress(clock):
    """Give a client that may reach loopback."""
    async with egress_maker(clock) as make:
        yield make()


def known_to(*hosts):
    """Return credentials that only these hosts may see."""
    return lambda url: TOKEN if url.host in hosts else {}


def seen(site):
    return [(each.url.host, each.headers.get("Authorization")) for each in site.requests]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("start", "end"), [("ours.test", "theirs.test"), ("theirs.test", "ours.test")]
)
async def test_each_hop_is_judged_by_its_own_host(site, egress, status, start, end):
    """A redirect out of the provider's hosts must not carry what the provider may know."""

    async def answer(request: web.Request) -> web.Response:
        if request.url.host == start:
            return web.Response(status=status, headers={"Location": site.url("/b", host=end)})
        return web.Response(body=b"picture")

    site.answer = answer

    fetched = await egress.fetch(
        site.url("/a", host=start), body_bytes_max=BYTES_MAX, credentials=known_to("ours.test")
    )

    told = {"ours.test": "Bearer ours", "theirs.test": None}
    assert fetched.redirects == 1
    assert seen(site) == [(start, told[start]), (end, told[end])]


async def test_conditions_are_asked_as_well(site, egress):
    """One does not stand in the way of the other."""
    await egress.fetch(
        site.url(host="ours.test"),
        body_bytes_max=BYTES_MAX,
        known=Validators(etag='"1"'),
        credentials=known_to("ours.test"),
    )

    [request] = site.requests
    assert request.headers["If-None-Match"] == '"1"'
    assert request.headers["Authorization"] == "Bearer ours"


async def test_nobody_is_told_who_we_are_without_a_reason(site, egress):
    """The addresses that customers give are strangers'."""
    await egress.fetch(site.url(), body_bytes_max=BYTES_MAX)

    assert seen(site) == [("127.0.0.1", None)]
