"""How much, how long and how many at once the client for others' addresses takes."""

import asyncio

import pytest
from aiohttp import web

from tests.egress_site import (
    BYTES_MAX,
    egress_maker,
    open_site,
    raw_server,
    refused,
    says,
)
from tests.virtual_clock import settle
from wirephoto.egress import EgressLimits


@pytest.fixture
async def site():
    async with open_site() as made:
        yield made


@pytest.fixture
async def make_egress(clock):
    async with egress_maker(clock) as make:
        yield make


# Sizes


async def test_a_file_of_exactly_the_limit_passes(site, make_egress):
    """The limit is the largest size that may go out."""
    fetched = await make_egress().fetch(site.url(), body_bytes_max=7)

    assert fetched.body == b"picture"


async def test_a_file_that_says_it_is_too_large_is_not_read(make_egress):
    """Its Content-Length is enough: this server never sends the file."""
    async with raw_server(says(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n")) as port:
        failure = await refused(make_egress(), f"http://127.0.0.1:{port}/", 1000)

    assert (failure.reason, failure.retryable) == ("too_large", False)


@pytest.mark.parametrize(
    "head",
    [b"Content-Type: image/png", b"Transfer-Encoding: chunked"],
    ids=["without a length", "chunked"],
)
async def test_a_file_that_hides_its_size_is_cut_at_the_limit(make_egress, head):
    """A body without end must not fill the memory; this server never stops by itself."""

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"64\r\n" + bytes(100) + b"\r\n")
            await writer.drain()

    async with raw_server(endless) as port:
        failure = await refused(make_egress(), f"http://127.0.0.1:{port}/")

    assert failure.reason == "too_large"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"",
    ],
)
async def test_a_broken_answer_may_be_whole_next_time(make_egress, answer):
    """Half a file is never taken for a whole one."""
    async with raw_server(says(answer, closes=True)) as port:
        failure = await refused(make_egress(), f"http://127.0.0.1:{port}/")

    assert (failure.reason, failure.retryable) == ("unreachable", True)


async def test_a_compressed_answer_is_refused(site, make_egress):
    """We asked for none; unpacked it could be any size."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})

    site.answer = answer
    failure = await refused(make_egress(), site.url())

    assert (failure.reason, failure.retryable) == ("bad_status", False)


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        *[(status, False) for status in (204, 206, 304, 400, 401, 403, 404, 410)],
        *[(status, True) for status in (408, 425, 429, 500, 502, 503, 504)],
    ],
)
async def test_a_status_tells_whether_to_try_again(site, make_egress, status, retryable):
    """A missing picture stays missing; a server in trouble recovers."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    site.answer = answer
    failure = await refused(make_egress(), site.url())

    assert (failure.reason, failure.retryable) == ("bad_status", retryable)


# Times


async def test_a_slow_drip_is_broken_off(site, make_egress, clock):
    """A byte now and then would otherwise hold a place for hours; time is the test's own here."""

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await clock.advance(1)
            await response.write(b"x")

    site.answer = drip
    limits = EgressLimits(rate_grace_s=5, rate_bytes_per_s=10)
    failure = await refused(make_egress(limits=limits), site.url())

    assert (failure.reason, failure.retryable) == ("unreachable", True)
    assert clock.monotonic() < 60


async def test_a_body_at_the_least_rate_is_read_to_its_end(site, make_egress, clock):
    """A slow server is no hostile one."""

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(20):
            await clock.advance(1)
            await response.write(bytes(20))
        return response

    site.answer = slow
    limits = EgressLimits(rate_grace_s=5, rate_bytes_per_s=10)
    fetched = await make_egress(limits=limits).fetch(site.url(), body_bytes_max=BYTES_MAX)

    assert len(fetched.body) == 400


@pytest.mark.parametrize(
    ("limits", "answer"),
    [
        (EgressLimits(connect_s=0.01, first_byte_s=0.01), b""),
        (EgressLimits(connect_s=0.01, first_byte_s=0.01), b"HTTP/1.1 200 OK\r\n"),
        (EgressLimits(read_s=0.02), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
        (EgressLimits(total_s=0.02), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
        (EgressLimits(total_s=0.02), b""),
    ],
    ids=["no answer", "half a head", "a stalled body", "too long in all", "never begun"],
)
async def test_a_server_that_stalls_is_left(make_egress, limits, answer):
    """Each stage has its own limit, so that no single one can be drawn out."""
    async with raw_server(says(answer)) as port:
        failure = await refused(make_egress(limits=limits), f"http://127.0.0.1:{port}/")

    assert (failure.reason, failure.retryable) == ("unreachable", True)


async def test_a_tls_handshake_that_stalls_counts_as_connecting(make_egress):
    """Accepting a connection costs a server nothing, holding ours costs us."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with raw_server(silent) as port:
        failure = await refused(
            make_egress(limits=EgressLimits(connect_s=0.02)), f"https://127.0.0.1:{port}/"
        )

    assert failure.reason == "unreachable"


async def test_a_look_up_that_stalls_is_left(make_egress):
    """The name server may be the attacker's as well."""

    async def never(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    egress = make_egress(resolve=never, limits=EgressLimits(connect_s=0.02))

    assert (await refused(egress, "http://cat.example/")).reason == "unreachable"


# Running many, and the end


async def test_no_more_than_the_limit_run_at_once(site, make_egress):
    """Each fetch may hold a whole file in memory."""
    running, most = 0, 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await settle()
        running -= 1
        return web.Response(body=b"x")

    site.answer = answer
    egress = make_egress(limits=EgressLimits(concurrent=2))
    await asyncio.gather(*(egress.fetch(site.url(), body_bytes_max=9) for _ in range(6)))

    assert (most, len(site.requests)) == (2, 6)


async def test_closing_breaks_off_what_is_under_way(site, make_egress):
    """A stop must not wait for a stranger's server."""
    begun = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        begun.set()
        await asyncio.Event().wait()
        return web.Response()

    site.answer = answer
    egress = make_egress()
    fetch = asyncio.create_task(refused(egress, site.url()))
    await begun.wait()
    await egress.close()

    assert (await fetch).reason == "unreachable"
    assert (await refused(egress, site.url())).reason == "unreachable"
    assert len(site.requests) == 1
