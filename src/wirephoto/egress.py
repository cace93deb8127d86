"""The one HTTP client for addresses given by others.

What callers may learn. An internal address is refused before any connection is made to it, so
nothing they see depends on whether it answers: `blocked_address` whatever listens there, and
never `unreachable`. `unreachable` comes from public addresses, names that do not resolve, and what
the operator has allowed by hand. Both have one sentence. What is left to learn is that a name
resolves to an address that is not public, which the public DNS tells anyway. The exception's cause
holds the detail; it is for the operator's log and must not be handed on.
"""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from io import BytesIO
from ipaddress import ip_address
from typing import BinaryIO, TypeAlias

import aiohttp
from aiohttp.http import HttpProcessingError
from yarl import URL

from wirephoto.clock import Clock
from wirephoto.domain.address import Address, Network, is_allowed, refusal
from wirephoto.domain.url import NOT_FETCHED, WEB_PORTS, Target, UrlFault, parse_url
from wirephoto.errors import EgressRefused
from wirephoto.pinning import Pinned, SystemResolver, only_to

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives every address of a host name, as text; raises OSError when it has none."""
Credentials: TypeAlias = Callable[[URL], Mapping[str, str]]
"""Gives the headers by which we are known to an address. It is asked anew for every redirect."""


@dataclass(frozen=True, slots=True)
class EgressLimits:
    """How long a fetch may take, and how many run at once. Seconds, unless the name says else.

    `connect_s` holds for the look-up and again for connecting and TLS; `first_byte_s` for the
    answer's head; `read_s` for each read; `total_s` for everything, redirects included. After
    `rate_grace_s` a body must have come at `rate_bytes_per_s` or more on average.
    """

    connect_s: float = 5.0
    first_byte_s: float = 10.0
    read_s: float = 5.0
    total_s: float = 30.0
    rate_grace_s: float = 5.0
    rate_bytes_per_s: int = 10_000
    redirects: int = 3
    concurrent: int = 16


DEFAULT_LIMITS = EgressLimits()


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server said of a file, to ask it whether that has changed (RFC 9110, section 8.8)."""

    etag: str | None = None
    last_modified: str | None = None


NO_VALIDATORS = Validators()
VALIDATOR_CHARS_MAX = 500
"""The longest validator that is kept; real ones have some dozens."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address held.

    `url` is where the `redirects` ended, `content_type` the header's type without parameters in
    lower case, `content_length` the header's claim; both are None when the header is missing, as
    is `cache_control`. `body` is empty where a sink took it, and where the server said that the
    file has not changed (`unchanged`).
    """

    url: str
    content_type: str | None
    content_length: int | None
    body: bytes
    redirects: int = 0
    unchanged: bool = False
    validators: Validators = NO_VALIDATORS
    cache_control: str | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """How an address answered what was posted to it; its body is not read."""

    status: int
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What one fetch asks for, over all its hops."""

    body_bytes_max: int
    sink: BinaryIO | None
    known: Validators
    credentials: Credentials | None

    def headers(self, url: URL) -> dict[str, str]:
        """Return the headers for one hop."""
        etag, modified = self.known.etag, self.known.last_modified
        conditions = {"If-None-Match": etag, "If-Modified-Since": modified}
        given = {name: value for name, value in conditions.items() if value is not None}
        return given | dict(self.credentials(url) if self.credentials else {})


class Egress:
    """Fetches what others' addresses hold, from public addresses only."""

    def __init__(
        self,
        clock: Clock,
        *,
        allow: Sequence[Network] = (),
        limits: EgressLimits = DEFAULT_LIMITS,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take the operator's list of internal networks (`allow`) and, for tests, DNS and TLS."""
        self._clock = clock
        self._allow = tuple(allow)
        self._limits = limits
        self._system = SystemResolver()
        self._resolve = resolve or self._system
        self._tls: ssl.SSLContext | bool = tls or True
        self._slots = asyncio.Semaphore(limits.concurrent)
        self._open: set[aiohttp.ClientSession] = set()
        self._closed = False

    async def fetch(
        self,
        url: str,
        *,
        body_bytes_max: int,
        sink: BinaryIO | None = None,
        known: Validators = NO_VALIDATORS,
        credentials: Credentials | None = None,
    ) -> Fetched:
        """Return what `url` holds, at most `body_bytes_max` bytes of it.

        The bytes go to `sink` as they come, where there is one. A server that still has what
        `known` speaks of need not send it again. `credentials` decides for each hop by itself what
        that host may know of us. Waits while `EgressLimits.concurrent` fetches are under way.

        Raises:
            EgressRefused: with a reason of `bad_url`, `blocked_address`, `redirect_refused`,
                `too_large`, `bad_status` (retryable for 408, 425, 429 and 5xx) or `unreachable`
                (retryable).
        """
        target = parse_url(url, allow=self._allow)
        if isinstance(target, UrlFault):
            raise EgressRefused(target.reason, target.message, retryable=False)
        wanted = _Wanted(body_bytes_max, sink, known, credentials)
        async with self._slots:
            if self._closed:
                raise _unreachable()
            try:
                async with asyncio.timeout(self._limits.total_s):
                    return await self._follow(target, wanted)
            except _TRANSPORT_FAILURES as failure:
                raise _unreachable() from failure

    async def post(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> Posted:
        """Post `body` to `url` and return the answer, whatever its status; follow no redirect.

        Without TLS it goes only to addresses that the operator allows: it holds what is others'.
        Waits while `EgressLimits.concurrent` requests are under way.

        Raises:
            EgressRefused: with a reason of `bad_url`, `blocked_address` or `unreachable`.
        """
        target = parse_url(url, allow=self._allow)
        if isinstance(target, UrlFault):
            raise EgressRefused(target.reason, target.message, retryable=False)
        async with self._slots:
            if self._closed:
                raise _unreachable()
            try:
                async with asyncio.timeout(self._limits.total_s):
                    return await self._post(target, body, headers)
            except _TRANSPORT_FAILURES as failure:
                raise _unreachable() from failure

    async def close(self) -> None:
        """Break off what is under way; a later fetch is refused as `unreachable`."""
        self._closed = True
        self._system.close()
        for session in tuple(self._open):
            await session.close()

    async def _follow(self, target: Target, wanted: _Wanted) -> Fetched:
        for hops in range(self._limits.redirects + 1):
            addresses = await self._checked_addresses(target)
            answer = await self._get(target, addresses, wanted)
            if isinstance(answer, Fetched):
                return replace(answer, redirects=hops)
            target = self._redirected(target, answer)
        raise _redirect_refused("The address redirects too often: give the final address.")

    async def _checked_addresses(self, target: Target) -> list[Address]:
        """Return every address of the target; the one look-up that a hop makes."""
        if target.literal is not None:
            addresses: list[Address] = [target.literal]
        else:
            async with asyncio.timeout(self._limits.connect_s):
                found = await self._resolve(target.host, target.port)
            addresses = [ip_address(text) for text in found]
        if not addresses:
            raise _unreachable()
        # The port first: else its refusal would tell public hosts from internal ones.
        if target.port not in WEB_PORTS and not all(
            is_allowed(ip, self._allow) for ip in addresses
        ):
            raise EgressRefused("bad_url", "The address must use port 443 or 80.", retryable=False)
        refusals = [refusal(ip, self._allow) for ip in addresses]
        if any(refusals):
            # One internal address among public ones is an attack or a fault: refuse it whole.
            cause = PermissionError("; ".join(reason for reason in refusals if reason))
            raise EgressRefused("blocked_address", NOT_FETCHED, retryable=False) from cause
        return addresses

    async def _get(
        self, target: Target, addresses: list[Address], wanted: _Wanted
    ) -> Fetched | str:
        """Return what one hop holds, or where it redirects to."""
        limits = self._limits
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(self._session(addresses))
            self._open.add(session)
            stack.callback(self._open.discard, session)
            async with asyncio.timeout(limits.connect_s + limits.first_byte_s):
                url, headers = target.url, wanted.headers(target.url)
                asked = session.get(url, allow_redirects=False, headers=headers)
                response = await stack.enter_async_context(asked)
            if response.status in _REDIRECTS:
                return response.headers.get("Location", "")
            unchanged = response.status == _UNCHANGED and wanted.known != NO_VALIDATORS
            if not unchanged:
                _check_head(response, wanted.body_bytes_max)
            told = response.headers
            return Fetched(
                url=str(target.url),
                content_type=_content_type(response),
                content_length=response.content_length,
                body=b"" if unchanged else await self._body(response, wanted),
                unchanged=unchanged,
                validators=Validators(_validator(told, "ETag"), _validator(told, "Last-Modified")),
                cache_control=told.get("Cache-Control"),
            )

    async def _post(self, target: Target, body: bytes, headers: Mapping[str, str]) -> Posted:
        addresses = await self._checked_addresses(target)
        if target.url.scheme != "https" and not all(
            is_allowed(ip, self._allow) for ip in addresses
        ):
            raise EgressRefused("bad_url", _UNSAFE, retryable=False)
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(self._session(addresses))
            self._open.add(session)
            stack.callback(self._open.discard, session)
            asked = session.post(target.url, data=body, allow_redirects=False, headers=headers)
            response = await stack.enter_async_context(asked)
            wait = response.headers.get("Retry-After", "").strip()
            # Its other form, a date, depends on two clocks; who sends one gets the usual waits.
            return Posted(response.status, float(wait) if _SECONDS(wait) else None)

    def _session(self, addresses: list[Address]) -> aiohttp.ClientSession:
        """Return a session for one hop, which can connect to `addresses` and nowhere else.

        One session per hop costs 0.02 ms (measured). In return no cache, no pooled connection and
        no repeat inside the library can reach an address that this fetch has not checked.
        """
        limits = self._limits
        connector = aiohttp.TCPConnector(
            resolver=Pinned(addresses),
            use_dns_cache=False,
            force_close=True,
            socket_factory=only_to(addresses),
            ssl=self._tls,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity", "User-Agent": "wirephoto"},
            auto_decompress=False,
            # A proxy from the environment would connect for us, and to whatever it likes.
            trust_env=False,
            timeout=aiohttp.ClientTimeout(
                total=None, connect=limits.connect_s, sock_connect=limits.connect_s
            ),
        )

    async def _body(self, response: aiohttp.ClientResponse, wanted: _Wanted) -> bytes:
        """Return the body, or pour it into the sink."""
        started = self._clock.monotonic()
        kept, size = BytesIO(), 0
        sink = wanted.sink or kept
        while True:
            async with asyncio.timeout(self._limits.read_s):
                chunk = await response.content.readany()
            if not chunk:
                return kept.getvalue()
            size += len(chunk)
            if size > wanted.body_bytes_max:
                raise _too_large(wanted.body_bytes_max)
            sink.write(chunk)
            elapsed_s = self._clock.monotonic() - started
            slowest = elapsed_s * self._limits.rate_bytes_per_s
            if elapsed_s > self._limits.rate_grace_s and size < slowest:
                raise TimeoutError("slower than the minimum rate")

    def _redirected(self, origin: Target, location: str) -> Target:
        # Servers often leave blanks as they are; every browser mends that.
        location = location.strip().replace(" ", "%20")
        try:
            joined = origin.url.join(URL(location, encoded=location.isascii()))
        except ValueError as failure:
            raise _redirect_refused(_BAD_REDIRECT) from failure
        target = parse_url(str(joined), allow=self._allow) if location else None
        if target is None or (isinstance(target, UrlFault) and target.reason == "bad_url"):
            raise _redirect_refused(_BAD_REDIRECT)
        if isinstance(target, UrlFault):
            raise EgressRefused(target.reason, target.message, retryable=False)
        if origin.url.scheme == "https" and target.url.scheme != "https":
            raise _redirect_refused("The address redirects from https to http.")
        return target


def _check_head(response: aiohttp.ClientResponse, body_bytes_max: int) -> None:
    status = response.status
    if status not in _HOLDS_A_FILE:
        raise EgressRefused(
            "bad_status",
            f"The server answered with HTTP status {status}.",
            retryable=status in _RETRYABLE_STATUS or status >= 500,
            status=status,
        )
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise EgressRefused(
            "bad_status",
            "The server compresses the file although it was asked not to.",
            retryable=False,
        )
    if response.content_length is not None and response.content_length > body_bytes_max:
        raise _too_large(body_bytes_max)


def _validator(headers: Mapping[str, str], name: str) -> str | None:
    """Return a validator that can be kept and sent back: without one the file is fetched again."""
    value = headers.get(name, "")
    storable = value.isascii() and value.isprintable() and len(value) <= VALIDATOR_CHARS_MAX
    return value if value and storable else None


def _content_type(response: aiohttp.ClientResponse) -> str | None:
    # The library's own attribute makes up a type where the header is missing.
    essence = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return essence or None


def _unreachable() -> EgressRefused:
    return EgressRefused("unreachable", NOT_FETCHED, retryable=True)


def _redirect_refused(message: str) -> EgressRefused:
    return EgressRefused("redirect_refused", message, retryable=False)


def _too_large(body_bytes_max: int) -> EgressRefused:
    return EgressRefused(
        "too_large", f"The file is larger than {body_bytes_max:,} bytes.", retryable=False
    )


_SECONDS = re.compile(r"[0-9]{1,6}").fullmatch
_UNSAFE = "The address must start with https://."
_BAD_REDIRECT = "The address redirects to something that is not a fetchable address."
_UNCHANGED = 304
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HOLDS_A_FILE = frozenset({200, 203})
_RETRYABLE_STATUS = frozenset({408, 425, 429})
_TRANSPORT_FAILURES = (
    aiohttp.ClientError,
    HttpProcessingError,
    OSError,
    TimeoutError,
    RuntimeError,  # uvloop's word for some connections that fail
    ValueError,  # a name that no codec takes, an answer of the resolver that is no address
)
