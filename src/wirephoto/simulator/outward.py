"""The HTTP client for webhooks and media fetches: there while the simulator runs."""

from types import TracebackType
from typing import Self

import aiohttp

_CONNECTIONS_MAX = 256


class Outward:
    """Opens with the simulator and closes with it; between two runs nothing can be reached."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open client session."""
        assert self._session is not None, "the simulator is not started"
        return self._session

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS_MAX),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
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
