"""Submit a message to the provider: one POST, and what became of it as an `Outcome`."""

import asyncio
import ssl

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from wirephoto.clock import Clock
from wirephoto.domain.message import Submission
from wirephoto.domain.outcome import Outcome, Verdict
from wirephoto.ids import Ids
from wirephoto.telemetry import LogEvent, get_log
from wirephoto.vonage import wire
from wirephoto.vonage.tokens import Token, Tokens
from wirephoto.vonage.transport import USER_AGENT, open_session, read_capped

_log = get_log()

CONNECTIONS = 64
"""Connections at most: enough for the default 30 requests/s at two seconds each (contract 4.1)."""
KEEPALIVE_S = 4.0
"""How long an idle connection may be used again.

The provider's own limit is not documented. A server that closes first may lose a request that is
just being written, which would leave its message in doubt; 4 s is under the 5 s of the strictest
servers in common use, and a line that sends every second keeps its connection anyway.
"""
ANSWER_BYTES_MAX = 64 * 1024
"""More of an answer is not read: a genuine one has a few hundred bytes (contract 1.7)."""
_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": USER_AGENT,
}


class VonageClient:
    """Hands messages to the provider, over pooled connections and with nothing repeated.

    The private key is read once and one token serves many messages, unless `jwt_reuse` is false or
    the provider turns out to refuse it. Opens its connections with the first message, in the
    running event loop; `close` it in the same loop.
    """

    def __init__(
        self,
        *,
        base_url: str,
        application_id: str,
        private_key: str,
        clock: Clock,
        ids: Ids,
        jwt_reuse: bool = True,
        connections: int = CONNECTIONS,
        keepalive_s: float = KEEPALIVE_S,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare, without touching the network.

        Raises:
            SettingsInvalid: `private_key` is not an RSA key in PEM (PKCS#8 or PKCS#1).
        """
        self._url = URL(base_url.rstrip("/") + "/v1/messages")
        self._tokens = Tokens(
            application_id=application_id,
            private_key=private_key,
            clock=clock,
            ids=ids,
            reuse=jwt_reuse,
        )
        self._connections = connections
        self._keepalive_s = keepalive_s
        self._ssl = ssl_context
        self._session: aiohttp.ClientSession | None = None

    @property
    def jwt_reuse(self) -> bool:
        """Tell whether one token serves many messages; the provider can switch it off."""
        return self._tokens.reuse

    async def submit(self, submission: Submission, *, timeout_s: float) -> Outcome:
        """Submit once, within `timeout_s`; whatever the network does becomes an outcome.

        A 401 proves that nothing was taken, so it is repeated once with a token of its own: ours
        may have been too old, or reuse may be refused (contract 1.8). No other answer, and no
        broken connection, is ever repeated here. Cancelling it leaves the attempt in doubt.
        """
        body = wire.request_body(submission)
        deadline = asyncio.get_running_loop().time() + timeout_s
        token = self._tokens.current()
        outcome = await self._post(body, token, deadline)
        if outcome.reason != "unauthorized":
            return outcome
        self._tokens.discard(token)
        repeated = await self._post(body, self._tokens.mint(), deadline)
        if repeated.verdict is Verdict.ACCEPTED:
            self._tokens.reuse = False
            _log.warning(LogEvent.TOKEN_REUSE_DISABLED)
        return repeated

    async def close(self) -> None:
        """Close all connections; a later `submit` would open new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _post(self, body: bytes, token: Token, deadline: float) -> Outcome:
        """Make one POST; the status counts even where the rest of the answer does not come."""
        if asyncio.get_running_loop().time() >= deadline:
            return wire.broken_connection(written=False, detail="no time left", timed_out=True)
        request, head, answer = _Body(body), None, b""
        try:
            async with (
                asyncio.timeout_at(deadline),
                self._open_session().post(
                    self._url,
                    data=request,
                    headers={**_HEADERS, "Authorization": token.authorization},
                    allow_redirects=False,
                ) as head,
            ):
                answer = await read_capped(head.content, ANSWER_BYTES_MAX)
        except (aiohttp.ClientError, OSError) as error:
            if head is None:
                return wire.broken_connection(
                    written=request.written,
                    detail=_describe(error),
                    timed_out=isinstance(error, TimeoutError),
                )
        assert head is not None
        return wire.read_answer(head.status, head.headers, answer)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = open_session(
                connections=self._connections,
                keepalive_s=self._keepalive_s,
                ssl_context=self._ssl,
            )
        return self._session


class _Body(aiohttp.BytesPayload):
    """A request's body that knows whether the first byte of the request may have left.

    The HTTP client holds the headers back until the body is there and writes both at once, so the
    body's turn is the moment before the first byte. On a connection that is known to be closing,
    it refuses to write anything. (Its tracing hooks say less: they fire on a closing connection as
    well, and cost time on every request.)
    """

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self.written = False

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        transport = writer.transport
        self.written = transport is not None and not transport.is_closing()
        await super().write_with_length(writer, content_length)


def _describe(error: Exception) -> str:
    """Return what broke. Never the error's `repr`: that of the HTTP client shows the token."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
