"""The feed as a stream of server-sent events (WHATWG HTML, section 9.2), for whoever stays on.

A reader's place is the `id` of the last event that it got: with `Last-Event-ID` it goes on there,
whichever process answers, and nothing is left out. A stream looks into the feed by itself, so that
it holds no event that its reader did not take yet.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator

import msgspec
from litestar.types import Receive, Send
from litestar.types import Scope as ASGIScope

from wirephoto.api.auth import Forbidden, Requirement, Unauthorized, caller_of
from wirephoto.api.queries import AnyRequest, feed_cursor_text
from wirephoto.api.services import services_of
from wirephoto.api.views import feed_event_view
from wirephoto.domain.api_key import Scope
from wirephoto.domain.event import Event
from wirephoto.engine.loop import rest
from wirephoto.storage.feed import FeedPosition, read_feed

MEDIA_TYPE = "text/event-stream"
PAGE = 100
REST_S = 0.5
HEARTBEAT_S = 15.0
"""How long a stream may be silent: proxies take silence of a minute for the end."""
RECONNECT_MS = 1000
TAKE_S = 60.0
"""How long a reader may take for one event."""
# A proxy that collects what it passes on would hold back events.
_HEADERS = ((b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"))
_ENCODER = msgspec.json.Encoder()
_REQUIREMENT = Requirement(Scope.READ)


class EventStreams:
    """How many streams there may be at a time in this process, and when all of them end."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open = 0
        self.closing = asyncio.Event()

    @property
    def has_room(self) -> bool:
        """Tell whether one more may begin."""
        return self._open < self._most and not self.closing.is_set()

    @contextlib.contextmanager
    def taking_part(self) -> Iterator[None]:
        """Count one stream for as long as the block runs."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    def close(self) -> None:
        """End every stream, so that a process which stops need not wait for its readers."""
        self.closing.set()


class StreamAnswer:
    """Sends one stream. Whoever goes away, or takes nothing for a minute, ends it.

    The framework's own streams leave it to chance when what they read from is closed.
    """

    def __init__(self, request: AnyRequest, after: FeedPosition) -> None:
        self._request = request
        self._after = after

    async def __call__(
        self,
        scope: ASGIScope,  # noqa: ARG002 - the interface's signature
        receive: Receive,
        send: Send,
    ) -> None:
        """Begin the answer, and go on until somebody or something ends it."""
        head = [(b"content-type", MEDIA_TYPE.encode()), *_HEADERS]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        gone = asyncio.create_task(_gone(receive))
        streams = services_of(self._request.app).streams
        try:
            with streams.taking_part(), contextlib.suppress(TimeoutError):
                async with contextlib.aclosing(_parts(self._request, self._after, gone)) as parts:
                    async for part in parts:
                        await _send(send, part, more=True)
                await _send(send, b"", more=False)
        finally:
            gone.cancel()


async def _parts(
    request: AnyRequest, after: FeedPosition, gone: "asyncio.Task[None]"
) -> AsyncGenerator[bytes, None]:
    """Yield what happens behind `after`, while the reader is there and its key is valid."""
    services = services_of(request.app)
    yield f"retry: {RECONNECT_MS}\n\n".encode()
    said_s = services.clock.monotonic()
    while not (gone.done() or services.streams.closing.is_set()):
        if not await _is_still_allowed(request):
            return
        async with services.database.read() as tx:
            page = await read_feed(tx, caller_of(request).tenant_id, after=after, limit=PAGE)
        for place, event in page:
            yield _told(place, event)
            after = place
        now_s = services.clock.monotonic()
        if not page and now_s - said_s >= HEARTBEAT_S:
            yield b": still here\n\n"
            said_s = now_s
        said_s = now_s if page else said_s
        if len(page) < PAGE:
            await rest(services.clock, services.streams.closing, REST_S)


def _told(place: FeedPosition, event: Event) -> bytes:
    data = _ENCODER.encode(feed_event_view(event)).decode()
    return f"id: {feed_cursor_text(place)}\nevent: {event.type}\ndata: {data}\n\n".encode()


async def _send(send: Send, part: bytes, *, more: bool) -> None:
    async with asyncio.timeout(TAKE_S):
        await send({"type": "http.response.body", "body": part, "more_body": more})


async def _gone(receive: Receive) -> None:
    """Return once the connection is closed."""
    while (await receive())["type"] != "http.disconnect":
        continue


async def _is_still_allowed(request: AnyRequest) -> bool:
    """Tell whether the key is one still: a stream must not outlive it."""
    try:
        await _REQUIREMENT(request)
    except (Unauthorized, Forbidden):
        return False
    return True
