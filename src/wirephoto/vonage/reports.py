"""Look an attempt up in the provider's records: the Reports API, a paid product (contract 5.1)."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import aiohttp
from yarl import URL

from wirephoto.domain.look_up import LookUp
from wirephoto.domain.outcome import Receipt, ReceiptState
from wirephoto.errors import ReportsUnavailable
from wirephoto.telemetry import LogEvent, get_log
from wirephoto.vonage import wire
from wirephoto.vonage.records import Page, read_records
from wirephoto.vonage.transport import USER_AGENT, open_session, read_capped

_log = get_log()

TIMEOUT_S = 10.0
"""How long one page may take, from the wait for a connection to the last byte."""
ANSWER_BYTES_MAX = 1_000_000
"""A page may have so many bytes: about a thousand records."""
PAGES_MAX = 10
"""A look-up reads so many pages at most: each record costs money, and the question is narrow."""
_CONNECTIONS = 2
_KEEPALIVE_S = 4.0
_TICK = timedelta(milliseconds=1)

_REASON_BY_STATUS = {
    401: "unauthorized",
    # Not in the documents of this product; in others it says that there is no credit.
    402: "forbidden",
    403: "forbidden",
    408: "unreachable",
    429: "rate_limited",
}
_STATES = tuple(ReceiptState)
"""From the least to the most that is known of a message."""


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
        query = self._login.account | _question(look_up)
        found: list[Receipt] = []
        is_complete = True
        for _ in range(PAGES_MAX):
            page = await self._ask(query)
            found += (receipt for receipt in page.receipts if _is_meant(receipt, look_up))
            is_complete = is_complete and page.is_complete
            # Only a question by time has pages. An empty one is the last, whatever it says.
            if not page.following or not page.receipts or "id" in query:
                break
            query |= page.following
        else:
            is_complete = False
        if not found and not is_complete:
            raise ReportsUnavailable("incomplete")
        return _furthest(found, look_up)

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
                    raise _refusal(head)
                body = await read_capped(head.content, ANSWER_BYTES_MAX + 1)
        except (aiohttp.ClientError, OSError) as error:
            raise _unreachable(error) from None
        if len(body) > ANSWER_BYTES_MAX:
            raise ReportsUnavailable("unreadable", detail="too long")
        try:
            return read_records(body)
        except wire.WireError as error:
            raise ReportsUnavailable("unreadable", detail=error.reason) from error

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
    def account(self) -> dict[str, str]:
        """The parameters of every question: whose outbound messages are meant."""
        return {"product": "MESSAGES", "account_id": self.api_key, "direction": "outbound"}

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


def _question(look_up: LookUp) -> dict[str, str]:
    """Return the narrowest question that has the attempt: there is no filter for `client_ref`."""
    if look_up.provider_message_id is not None:
        return {"id": look_up.provider_message_id}
    return {
        "from": look_up.sender.removeprefix("+"),
        "to": look_up.recipient.removeprefix("+"),
        # The start is compared with a field of whole seconds; the end is exclusive.
        "date_start": _stamp(look_up.since.replace(microsecond=0)),
        "date_end": _stamp(look_up.until + _TICK),
    }


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_meant(receipt: Receipt, look_up: LookUp) -> bool:
    """Tell whether a receipt is about the attempt; its id is enough where no reference came."""
    if look_up.provider_message_id is None:
        return receipt.client_ref == look_up.client_ref
    same = receipt.provider_message_id == look_up.provider_message_id
    return same and receipt.client_ref in (None, look_up.client_ref)


def _furthest(found: list[Receipt], look_up: LookUp) -> Receipt | None:
    """Return the receipt that knows most, and the latest of those.

    Several messages with one reference are a picture that was taken twice.
    """
    messages = {receipt.provider_message_id for receipt in found}
    if len(messages) > 1:
        _log.warning(
            LogEvent.RECORDS_DOUBLED, client_ref=look_up.client_ref, messages=len(messages)
        )
    return max(
        found,
        key=lambda receipt: (_STATES.index(receipt.state), receipt.reported_at),
        default=None,
    )


def _refusal(answer: aiohttp.ClientResponse) -> ReportsUnavailable:
    """Return what an answer other than 200 means; its body adds nothing that could be acted on."""
    status = answer.status
    if 200 <= status < 300:
        reason = "unreadable"
    else:
        reason = _REASON_BY_STATUS.get(status, "unreachable" if status >= 500 else "refused")
    return ReportsUnavailable(
        reason, wire.retry_after_s(answer.headers), detail=f"HTTP {answer.status}"
    )
