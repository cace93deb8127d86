"""Files that are fetched: into a sink, and again only where they have changed."""

from io import BytesIO

import pytest
from aiohttp import web

from tests.egress_site import BYTES_MAX, egress_maker, open_site, raw_server, refused, says
from wirephoto.egress import VALIDATOR_CHARS_MAX, Validators
from wirephoto.errors import EgressRefused


@pytest.fixture
async def site():
    async with open_site() as made:
        yield made


@pytest.fixture
async def make_egress(clock):
    async with egress_maker(clock) as make:
        yield make


async def test_a_body_goes_to_its_sink_as_it_comes(site, make_egress):
    """A file of 25 MB does not stand in memory."""
    sink = BytesIO()

    fetched = await make_egress().fetch(site.url(), body_bytes_max=BYTES_MAX, sink=sink)

    assert (fetched.body, sink.getvalue()) == (b"", b"picture")


async def test_a_sink_gets_no_more_than_was_allowed(site, make_egress):
    """A server that lies about the length fills no disk."""

    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(10):
            await response.write(bytes(BYTES_MAX))
        return response

    site.answer = endless
    sink = BytesIO()
    egress = make_egress()
    with pytest.raises(EgressRefused) as refusal:
        await egress.fetch(site.url(), body_bytes_max=BYTES_MAX, sink=sink)

    assert refusal.value.reason == "too_large"
    assert len(sink.getvalue()) <= BYTES_MAX


async def test_a_server_is_asked_whether_its_file_has_changed(site, make_egress):
    """With both of its own words, and what it says is kept for the next time."""

    async def unchanged(_request):
        headers = {"ETag": '"v2"', "Last-Modified": "now", "Cache-Control": "max-age=5"}
        return web.Response(status=304, headers=headers)

    site.answer = unchanged
    known = Validators('"v1"', "Wed, 04 Mar 2026 15:00:00 GMT")

    fetched = await make_egress().fetch(site.url(), body_bytes_max=BYTES_MAX, known=known)

    asked = site.requests[0].headers
    assert (asked["If-None-Match"], asked["If-Modified-Since"]) == (
        known.etag,
        known.last_modified,
    )
    assert fetched.unchanged
    assert (fetched.validators, fetched.cache_control) == (Validators('"v2"', "now"), "max-age=5")


async def test_unchanged_means_nothing_to_who_has_nothing(site, make_egress):
    """A server that answers so anyway has no file for us."""

    async def unchanged(_request):
        return web.Response(status=304)

    site.answer = unchanged

    failure = await refused(make_egress(), site.url())

    assert failure.reason == "bad_status"
    assert "If-None-Match" not in site.requests[0].headers


async def test_a_sink_gets_the_last_hop_alone(site, make_egress):
    """What a redirect says in its body is no part of the file."""

    async def answer(request):
        if request.path == "/a":
            return web.Response(status=302, headers={"Location": "/b"}, body=b"moved")
        return web.Response(body=b"picture")

    site.answer = answer
    sink = BytesIO()

    await make_egress().fetch(site.url("/a"), body_bytes_max=BYTES_MAX, sink=sink)

    assert sink.getvalue() == b"picture"


@pytest.mark.parametrize(
    "etag", [b'"\xff"', b'"\xc3\xa9"', b'"' + b"x" * VALIDATOR_CHARS_MAX + b'"', b""]
)
async def test_a_validator_that_cannot_be_kept_is_none(make_egress, etag):
    """No column takes half a character; the file is fetched again instead."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nETag: " + etag + b"\r\n\r\nabc"

    async with raw_server(says(head)) as port:
        fetched = await make_egress().fetch(f"http://127.0.0.1:{port}/", body_bytes_max=BYTES_MAX)

    assert (fetched.body, fetched.validators) == (b"abc", Validators())
