"""The HTTP client for webhooks and media fetches: there while the simulator runs."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

import aiohttp

_CONNECTIONS_MAX = 256


class Outward:
    """Opens with the simulator and closes with it; between two runs nothing can be reached.

    `open_session` makes the session; a test may have one that reaches no network.
    """

    def __init__(self, open_session: Callable[[], aiohttp.ClientSession] | None = None) -> None:
        self._open_session = open_session or _open_session
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open client session."""
        assert self._session is not None, "the simulator is not started"
        return self._session

    async def __aenter__(self) -> Self:
        self._session = self._open_session()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _open_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_CONNECTIONS_MAX),
        cookie_jar=aiohttp.DummyCookieJar(),
    )
