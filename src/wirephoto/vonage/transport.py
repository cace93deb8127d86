"""What the provider's clients share: a pool of connections, and answers read up to a bound."""

import ssl

import aiohttp

from wirephoto import __version__

USER_AGENT = f"wirephoto/{__version__}"


def open_session(
    *, connections: int, keepalive_s: float, ssl_context: ssl.SSLContext | None
) -> aiohttp.ClientSession:
    """Open a pool of at most `connections`, in the running event loop.

    It keeps no cookies, obeys no proxy of the environment and has no time limit of its own: the
    deadline of each call covers everything, from the wait for a connection on.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=connections, keepalive_timeout=keepalive_s, ssl=ssl_context or True
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        trust_env=False,
    )


async def read_capped(stream: aiohttp.StreamReader, bytes_max: int) -> bytes:
    """Return an answer's body, or its first `bytes_max` bytes."""
    body = bytearray(await stream.read(bytes_max))
    while len(body) < bytes_max and not stream.at_eof():
        body += await stream.read(bytes_max - len(body))
    return bytes(body)
