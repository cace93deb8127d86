"""What the account has at the provider: numbers (contract 5.4) and 10DLC registration (5.5).

Both are read a page at a time and never changed. The answers' words are `account_answers`.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from wirephoto.clock import Clock
from wirephoto.domain.registration import OwnedNumber, RegisteredBrand, RegisteredCampaign
from wirephoto.errors import AccountUnavailable
from wirephoto.vonage import account_answers as answers
from wirephoto.vonage.hosts import is_provider
from wirephoto.vonage.transport import USER_AGENT, open_session, read_capped

TIMEOUT_S = 10.0
"""How long one page may take, from the wait for a connection to the last byte."""
ANSWER_BYTES_MAX = 4_000_000
"""A page may have so many bytes: a hundred campaigns with all their texts have about half."""
PAGE_ITEMS = 100
"""The most that a page of numbers may have (contract 5.4); assumed to be good for 10DLC too."""
PAGES_MAX = 200
"""A list is read so far: 20,000 of a kind."""
TEN_DLC_URL = "https://api-eu.vonage.com"
"""Where the 10DLC API is (contract 5.5)."""
PAUSE_S = 0.1
"""Between two questions: they count against the requests that messages need (contract 4.1)."""
_CONNECTIONS = 2
_KEEPALIVE_S = 4.0
_REASON_BY_STATUS = {
    401: "unauthorized",
    402: "forbidden",
    403: "forbidden",
    408: "unreachable",
    429: "rate_limited",
}

Item = TypeVar("Item")


def ten_dlc_url(base_url: str) -> str:
    """Return where the 10DLC API is for whoever submits messages at `base_url`.

    The provider has it on a host of its own; what stands in for the provider has everything on
    one.
    """
    return TEN_DLC_URL if is_provider(urlsplit(base_url).hostname or "") else base_url


class AccountClient:
    """Reads what the account has; every question may be asked again.

    Opens its connections with the first question, in the running event loop; `close` it in the
    same loop. When to ask again is the caller's affair.
    """

    def __init__(
        self,
        *,
        rest_url: str,
        base_url: str,
        api_key: str,
        api_secret: str,
        clock: Clock,
        timeout_s: float = TIMEOUT_S,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._numbers_url = URL(rest_url.rstrip("/") + "/account/numbers")
        self._brands_url = URL(ten_dlc_url(base_url).rstrip("/") + "/v1/10dlc/brands")
        self._headers = {
            "Authorization": aiohttp.encode_basic_auth(api_key, api_secret, "utf-8"),
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
        }
        self._clock = clock
        self._timeout_s = timeout_s
        self._ssl = ssl_context
        self._session: aiohttp.ClientSession | None = None
        self._has_asked = False

    async def numbers(self) -> list[OwnedNumber]:
        """Return the account's numbers.

        Raises:
            AccountUnavailable: no answer, or none from which anything follows.
        """
        found: list[OwnedNumber] = []
        for index in range(1, PAGES_MAX + 1):
            query = {"size": str(PAGE_ITEMS), "index": str(index)}
            page = answers.read_numbers(await self._ask("numbers", self._numbers_url, query))
            found += page.items
            if index * PAGE_ITEMS >= page.total or not page.count:
                return found
        raise AccountUnavailable("numbers", "too_much")

    async def registration(self) -> tuple[list[RegisteredBrand], list[RegisteredCampaign]]:
        """Return the brands of the account, and all their campaigns with their numbers.

        An account that has registered nothing may be answered 404 (assumed): it has none.

        Raises:
            AccountUnavailable: no answer, or none from which anything follows.
        """
        brands = await self._list("brands", self._brands_url, answers.read_brand)
        campaigns: list[RegisteredCampaign] = []
        for brand in brands:
            campaigns += await self._campaigns(brand)
        return brands, campaigns

    async def _campaigns(self, brand: RegisteredBrand) -> list[RegisteredCampaign]:
        url = self._brands_url / brand.id / "campaigns"
        campaigns = []
        for campaign in await self._list("campaigns", url, answers.read_campaign):
            of_campaign = url / campaign.id / "numbers"
            numbers = await self._list("numbers", of_campaign, answers.read_campaign_number)
            campaigns.append(replace(campaign, brand_id=brand.id, numbers=frozenset(numbers)))
        return campaigns

    async def _list(self, name: str, url: URL, read: Callable[[Any], Item | None]) -> list[Item]:
        """Return all items of a list of the 10DLC API; those that cannot be read are left out."""
        asked, found = "10DLC registration", []
        for number in range(1, PAGES_MAX + 1):
            query = {"page": str(number), "page_size": str(PAGE_ITEMS)}
            body = await self._ask(asked, url, query, may_be_missing=True)
            if body is None:
                return []
            page = answers.read_list(body, name, read)
            found += page.items
            if number >= page.total or not page.count:
                return found
        raise AccountUnavailable(asked, "too_much")

    async def close(self) -> None:
        """Close all connections; a later question would open new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _ask(
        self, asked: str, url: URL, query: Mapping[str, str], *, may_be_missing: bool = False
    ) -> Any:
        """Ask for one page, once; None for one that `may_be_missing` and is."""
        if self._has_asked:
            await self._clock.sleep(PAUSE_S)
        self._has_asked = True
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._open_session().get(
                    url.with_query(query),
                    headers=self._headers,
                    allow_redirects=False,
                ) as head,
            ):
                if head.status == 404 and may_be_missing:
                    return None
                if head.status != 200:
                    raise _refusal(asked, head.status)
                body = await read_capped(head.content, ANSWER_BYTES_MAX + 1)
        except (aiohttp.ClientError, OSError) as error:
            # Its own text may show the key: the address that it names is enough.
            detail = f"{url.host}: {type(error).__name__}"
            raise AccountUnavailable(asked, "unreachable", detail=detail) from None
        if len(body) > ANSWER_BYTES_MAX:
            raise AccountUnavailable(asked, "unreadable", detail="too long")
        return answers.read_body(body, asked)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = open_session(
                connections=_CONNECTIONS, keepalive_s=_KEEPALIVE_S, ssl_context=self._ssl
            )
        return self._session


def _refusal(asked: str, status: int) -> AccountUnavailable:
    """Return what an answer other than 200 means.

    Its body adds nothing that could be acted on, and has another shape at each host.
    """
    if 200 <= status < 300:
        reason = "unreadable"
    else:
        reason = _REASON_BY_STATUS.get(status, "unreachable" if status >= 500 else "refused")
    return AccountUnavailable(asked, reason, detail=f"HTTP {status}")
