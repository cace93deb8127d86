"""The HTTP server: whom it believes, and how many it takes."""

import asyncio

import httpx
import pytest

from tests.serving import raw, serving

FORWARDED = {"X-Forwarded-For": "198.51.100.7, 10.1.2.3", "X-Forwarded-Proto": "https"}


async def test_nobody_is_believed_who_was_not_named():
    """Else a caller could say that they are this machine (OWASP ASVS 4.1.3)."""
    async with serving() as url, httpx.AsyncClient(base_url=url) as http:
        answer = await http.get("/who", headers=FORWARDED)

    assert answer.json() == {"host": "127.0.0.1", "scheme": "http"}


@pytest.mark.parametrize(
    ("trusted", "host"),
    [
        (("127.0.0.0/8",), "10.1.2.3"),
        (("127.0.0.0/8", "10.0.0.0/8"), "198.51.100.7"),
        (("192.0.2.0/24",), "127.0.0.1"),
    ],
)
async def test_the_caller_is_the_last_whom_no_trusted_proxy_is(trusted, host):
    """What stands left of an address that is not ours was written by a stranger."""
    async with serving(trusted_proxies=trusted) as url, httpx.AsyncClient(base_url=url) as http:
        answer = await http.get("/who", headers=FORWARDED)

    assert answer.json()["host"] == host


async def test_connections_beyond_the_bound_are_closed_at_once():
    """Those that are there go on; each takes a file of this process."""
    async with serving(connections_max=10) as url:
        port = int(url.rpartition(":")[2])
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
        assert await raw(url, b"GET /who HTTP/1.1\r\nHost: x\r\n\r\n") == b""

        reader, writer = held[0]
        writer.write(b"GET /who HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        for _, writer in held:
            writer.close()
        async with httpx.AsyncClient(base_url=url) as http:
            assert (await http.get("/who")).status_code == 200
