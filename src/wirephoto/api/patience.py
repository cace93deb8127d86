"""How long a client may keep us waiting: for a request's head, and for its body."""

import asyncio
from asyncio import TimerHandle, Transport
from typing import Any, cast

from litestar.types import ASGIApp, HTTPReceiveMessage, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from wirephoto.errors import WirephotoError

HEAD_S = 10.0
"""How long a head may take from its first byte, or a new connection until its head is whole."""
REST_S = 60.0
"""How long the rest of a body may take whose request is answered: who sends first and reads then
must get the answer, and a cut connection would take it away."""
PIECE_S = 20.0
"""How long the next piece of a body may take."""
BODY_BYTES_PER_S = 8_000
"""How fast a body must come once it has taken `PIECE_S`: 25 MB have 52 minutes, 1 MB two."""


class RequestTooSlow(WirephotoError):
    """A body comes too slowly to wait for it."""


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which by itself would wait for ever for the end of a head.

    A connection beyond `connections_max` is closed at once: files and memory are for the others.
    """

    head_s = HEAD_S
    rest_s = REST_S
    connections_max = 1000

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._due: TimerHandle | None = None
        self._is_open = False

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        if len(self.connections) > self.connections_max:
            transport.abort()
            return
        self._wait(self.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take the next bytes; those of a body after its answer are for nobody."""
        super().data_received(data)
        if self._is_open and getattr(self.cycle, "response_complete", False):
            self._wait(self.rest_s)

    def on_message_begin(self) -> None:
        """Wait for the head that begins."""
        self._is_open = True
        self._wait(self.head_s)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Go on with the request."""
        self._came()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait for another head, where the answer was there before the end of the body."""
        self._is_open = False
        if self.cycle.response_complete:
            self._came()
            self._wait(self.head_s)
        super().on_message_complete()

    def _wait(self, seconds: float) -> None:
        if self._due is None:
            self._due = self.loop.call_later(seconds, self.transport.abort)

    def _came(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None


class TimedBodies:
    """Gives bodies up that stop coming, or trickle: their request is then answered 408."""

    def __init__(
        self, app: ASGIApp, *, piece_s: float = PIECE_S, bytes_per_s: int = BODY_BYTES_PER_S
    ) -> None:
        self._app = app
        self._piece_s = piece_s
        self._bytes_per_s = bytes_per_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer through the application."""
        body = _TimedBody(receive, self._piece_s, self._bytes_per_s)
        await self._app(scope, body.receive, send)


class _TimedBody:
    """What is left of a request's body, and until when its next piece must have come."""

    def __init__(self, receive: Receive, piece_s: float, bytes_per_s: int) -> None:
        self._receive = receive
        self._piece_s = piece_s
        self._bytes_per_s = bytes_per_s
        self._received = 0
        self._begun_at: float | None = None
        self._whole = False

    async def receive(self) -> HTTPReceiveMessage:
        """Return the next piece; after the last one there is no hurry, for then only the end of
        the connection comes.

        Raises:
            RequestTooSlow: it did not come in time.
        """
        if self._whole:
            return await self._next()
        now = asyncio.get_running_loop().time()
        if self._begun_at is None:
            self._begun_at = now
        by_rate = self._begun_at + self._piece_s + self._received / self._bytes_per_s
        try:
            async with asyncio.timeout_at(min(now + self._piece_s, by_rate)):
                message = await self._next()
        except TimeoutError as error:
            raise RequestTooSlow("The body came too slowly: send it again.") from error
        if message["type"] == "http.request":
            self._received += len(message["body"])
        self._whole = not message.get("more_body", False)
        return message

    async def _next(self) -> HTTPReceiveMessage:
        return cast("HTTPReceiveMessage", await self._receive())
