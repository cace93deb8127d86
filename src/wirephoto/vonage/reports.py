"""Look an attempt up in the provider's records: the Reports API, a paid product (contract 5.1)."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from wirephoto.domain.look_up import LookUp
from wirephoto.domain.outcome import Receipt
from wirephoto.errors import ReportsUnavailable
from wirephoto.vonage.inquiry import Inquiry, read_page, refusal
from wirephoto.vonage.records import Page
from wirephoto.vonage.transport import USER_AGENT, open_session, read_capped

TIMEOUT_S = 10.0
"""How long one page may take, from the wait for a connection to the last byte."""
ANSWER_BYTES_MAX = 1_000_000
"""A page may have so many bytes: about a thousand records."""
_CONNECTIONS = 2
_KEEPALIVE_S = 4.0


class ReportsClient:
    """Asks what the provider knows of an attempt; every question may be asked again.

    Opens its connections with the first question, in the running event loop; `close` it in the
    same loop. Nothing is repeated here: when to ask again is the caller's affair.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        api_secret: str,
        timeout_s: float = TIMEOUT_S,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._url = URL(base_url.rstrip("/") + "/v2/reports/records")
        self._login = _Login(api_key, api_secret)
        self._timeout_s = timeout_s
        self._ssl = ssl_context
        self._session: aiohttp.ClientSession | None = None

    async def find(self, look_up: LookUp) -> Receipt | None:
        """Return the provider's word on an attempt; None while the records do not have it.

        They may have it later: how long a fresh message takes is not documented (allow minutes).

        Raises:
            ReportsUnavailable: no answer, or none from which anything follows.
        """
        inquiry = Inquiry(look_up, api_key=self._login.api_key)
        while (question := inquiry.question) is not None:
            inquiry.take(await self._ask(question))
        return inquiry.answer()

    async def close(self) -> None:
        """Close all connections; a later question would open new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _ask(self, query: Mapping[str, str]) -> Page:
        """Ask for one page, once."""
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._open_session().get(
                    self._url.with_query(query),
                    headers=self._login.headers,
                    allow_redirects=False,
                    middlewares=(_once,),
                ) as head,
            ):
                if head.status != 200:
                    raise refusal(head.status, head.headers)
                body = await read_capped(head.content, ANSWER_BYTES_MAX + 1)
        except (aiohttp.ClientError, OSError) as error:
            raise _unreachable(error) from None
        if len(body) > ANSWER_BYTES_MAX:
            raise ReportsUnavailable("unreadable", detail="too long")
        return read_page(body)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = open_session(
                connections=_CONNECTIONS, keepalive_s=_KEEPALIVE_S, ssl_context=self._ssl
            )
        return self._session


@dataclass(frozen=True, slots=True)
class _Login:
    """Key and secret, as each request needs them."""

    api_key: str
    api_secret: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every question; a token is not accepted here."""
        return {
            "Authorization": aiohttp.encode_basic_auth(self.api_key, self.api_secret, "utf-8"),
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
        }


async def _once(
    request: aiohttp.ClientRequest, proceed: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Make a request once: by itself, the HTTP client repeats a GET whose connection breaks.

    It does so for errors of its own kind only, and each question counts against a limit.
    """
    try:
        return await proceed(request)
    except (aiohttp.ClientError, OSError) as error:
        raise _unreachable(error) from None


def _unreachable(error: Exception) -> ReportsUnavailable:
    """Return what a broken connection means; the error's text may show the numbers asked for."""
    return ReportsUnavailable("unreachable", detail=type(error).__name__)
