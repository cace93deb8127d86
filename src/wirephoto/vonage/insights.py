"""Look a number up: Identity Insights, a paid product, one request for each number.

Verified in the provider's documents and its own SDKs: the path, the token of the application, the
body, that each insight has a status of its own, and the names in it. Never tried against a real
account: what the answers mean for a picture is assumed, and the comments below say where.
"""

import asyncio
import re
import ssl
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from wirephoto.domain.number_facts import NumberFacts, NumberKind
from wirephoto.errors import LookUpUnavailable
from wirephoto.vonage import loose, wire
from wirephoto.vonage.hosts import is_provider
from wirephoto.vonage.tokens import Tokens
from wirephoto.vonage.transport import USER_AGENT, open_session, read_capped

TIMEOUT_S = 5.0
"""How long one look-up may take, from the wait for a connection to the last byte."""
ANSWER_BYTES_MAX = 100_000
INSIGHTS_URL = "https://api-eu.vonage.com"
"""Where the provider's own documents ask; it has other regions."""
_CONNECTIONS = 8
_KEEPALIVE_S = 4.0
_REASON_BY_STATUS = {
    401: "unauthorized",
    402: "forbidden",
    403: "forbidden",
    408: "unreachable",
    429: "rate_limited",
}
_ASKED: dict[str, dict[str, str]] = {"original_carrier": {}, "current_carrier": {}}
"""Where a number came into the world, and where it was ported to: the second is for phones only."""

# The SDKs spell types in small letters and the documents in capitals; the pages of the older
# Number Insight have longer names for two of them. What is in none of them is unknown.
_KINDS = {
    "mobile": NumberKind.MOBILE,
    "landline": NumberKind.LANDLINE,
    "tollfree": NumberKind.LANDLINE,
    "premium": NumberKind.LANDLINE,
    "landline_tollfree": NumberKind.LANDLINE,
    "landline_premium": NumberKind.LANDLINE,
    "virtual": NumberKind.VIRTUAL,
}
_NETWORK_CODE = re.compile(r"[0-9]{5,6}").fullmatch


def insights_url(base_url: str) -> str:
    """Return where look-ups are asked for by whoever submits messages at `base_url`.

    The provider has them on hosts of their own; what stands in for it has everything on one.
    """
    return INSIGHTS_URL if is_provider(urlsplit(base_url).hostname or "") else base_url


class InsightsClient:
    """Asks what numbers are; each question has its price, and none is repeated here.

    Opens its connections with the first question, in the running event loop; `close` it in the
    same loop.
    """

    def __init__(
        self,
        *,
        url: str,
        tokens: Tokens,
        timeout_s: float = TIMEOUT_S,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._url = url.rstrip("/") + "/identity-insights/v1/requests"
        self._tokens = tokens
        self._timeout_s = timeout_s
        self._ssl = ssl_context
        self._session: aiohttp.ClientSession | None = None

    async def look_up(self, number: str) -> NumberFacts:
        """Return what the provider knows of a number (E.164 with `+`).

        Raises:
            LookUpUnavailable: no answer, or none from which anything follows.
        """
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._open_session().post(
                    self._url,
                    data=request_body(number),
                    headers=self._headers(),
                    allow_redirects=False,
                ) as head,
            ):
                if head.status != 200:
                    raise _refusal(head.status, wire.retry_after_s(head.headers))
                body = await read_capped(head.content, ANSWER_BYTES_MAX + 1)
        except (aiohttp.ClientError, OSError) as error:
            # Its own text may show the token.
            raise LookUpUnavailable("unreachable", detail=type(error).__name__) from None
        if len(body) > ANSWER_BYTES_MAX:
            raise LookUpUnavailable("unreadable", detail="too long")
        return read_facts(body)

    async def close(self) -> None:
        """Close all connections; a later question would open new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _headers(self) -> dict[str, str]:
        return {
            # One of its own for each: messages do not fail where it is refused here.
            "Authorization": self._tokens.mint().authorization,
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
        }

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = open_session(
                connections=_CONNECTIONS, keepalive_s=_KEEPALIVE_S, ssl_context=self._ssl
            )
        return self._session


def request_body(number: str) -> bytes:
    """Return the question about a number: its digits, without the plus."""
    return msgspec.json.encode({"phone_number": number.removeprefix("+"), "insights": _ASKED})


def read_facts(body: bytes) -> NumberFacts:
    """Return what an answer 200 tells.

    Raises:
        LookUpUnavailable: it is none.
    """
    insights = loose.mapping(loose.decode(body)).get("insights")
    if not isinstance(insights, dict):
        raise LookUpUnavailable("unreadable")
    current = loose.mapping(insights.get("current_carrier"))
    original = loose.mapping(insights.get("original_carrier"))
    if "INVALID_NUMBER_FORMAT" in (_status(current), _status(original)):
        return NumberFacts(NumberKind.INVALID)
    kind = _kind(current)
    if kind is NumberKind.UNKNOWN:
        kind = _kind_by_origin(original, _status(current))
    code = loose.scalar(current.get("network_code")) if kind is NumberKind.MOBILE else None
    return NumberFacts(kind, code if code and _NETWORK_CODE(code) else None)


def _kind_by_origin(original: dict[str, Any], current_status: str) -> NumberKind:
    """Return what a number is that the look-up of phones does not tell.

    Assumed: who is not in it has no phone (an answer for a landline was seen with `NOT_FOUND`, and
    the documents have `UNSUPPORTED_NETWORK_TYPE`). After any other status, an area that once
    was of landlines says nothing: numbers are ported from them to phones.
    """
    if current_status not in ("NOT_FOUND", "UNSUPPORTED_NETWORK_TYPE"):
        return NumberKind.UNKNOWN
    kind = _kind(original)
    return NumberKind.UNASSIGNED if kind is NumberKind.MOBILE else kind


def _kind(insight: dict[str, Any]) -> NumberKind:
    name = loose.scalar(insight.get("network_type")) or ""
    return _KINDS.get(name.lower(), NumberKind.UNKNOWN)


def _status(insight: dict[str, Any]) -> str:
    """Return an insight's status: an object by the documents, a plain word in an answer seen."""
    given = insight.get("status")
    code = given.get("code") if isinstance(given, dict) else given
    return (loose.scalar(code) or "").upper()


def _refusal(status: int, retry_after_s: float | None) -> LookUpUnavailable:
    """Return what an answer other than 200 means; its body adds nothing to act on."""
    if 200 <= status < 300:
        reason = "unreadable"
    else:
        reason = _REASON_BY_STATUS.get(status, "unreachable" if status >= 500 else "refused")
    return LookUpUnavailable(reason, retry_after_s, detail=f"HTTP {status}")
