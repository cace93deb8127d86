"""The feed as a stream: it goes on where it was left, ends with its key, and is bounded."""

import asyncio

import pytest

from tests.api.application import client_of
from tests.engine.stage import eventually
from tests.factories import send_request
from tests.storage.writing import add_tenant
from wirephoto.api.auth import CACHE_S
from wirephoto.api.event_stream import HEARTBEAT_S, REST_S
from wirephoto.api.services import services_of
from wirephoto.domain.api_key import Scope, key_hash
from wirephoto.storage.keys import find_key, revoke_key
from wirephoto.storage.schema import DEFAULT_TENANT


class Reader:
    """A client of the stream that hands over what came; the application runs in this loop."""

    def __init__(self, app, key, **headers):
        self.app = app
        self.parts = asyncio.Queue()
        self.status = 0
        self.left = asyncio.Event()
        named = {"accept": "text/event-stream", "authorization": f"Bearer {key}"} | headers
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/v1/events",
            "raw_path": b"/v1/events",
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in named.items()],
            "client": ("192.0.2.1", 50000),
            "server": ("gateway.test", 80),
        }
        self.task = asyncio.create_task(self.app(self.scope, self._receive, self._send))
        self._asked = False

    async def _receive(self):
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = dict(message["headers"])
        elif message.get("body"):
            await self.parts.put(message["body"].decode())

    async def part(self):
        async with asyncio.timeout(10):
            return await self.parts.get()

    async def events(self, count):
        """Return so many events, as id and type."""
        found = []
        while len(found) < count:
            lines = dict(
                line.split(": ", 1) for line in (await self.part()).strip().split("\n") if line
            )
            if "event" in lines:
                found.append((lines["id"], lines["event"]))
        return found

    async def ends(self):
        """Tell whether the stream ends by itself, having begun well."""
        done, _ = await asyncio.wait([self.task], timeout=10)
        return bool(done) and self.task.exception() is None and self.status == 200

    async def leave(self):
        self.left.set()
        await pass_time(self, services_of(self.app).clock, 2 * REST_S)
        async with asyncio.timeout(10):
            await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
async def key(store_key):
    return await store_key(Scope.READ)


@pytest.fixture
async def connect(app, key):
    """Give what opens streams; all of them are left in the end."""
    readers = []

    def open_stream(**headers):
        readers.append(Reader(app, key, **headers))
        return readers[-1]

    yield open_stream
    services_of(app).streams.close()
    for reader in readers:
        await reader.leave()


async def pass_time(reader, clock, seconds):
    """Let time pass in steps: the stream looks into the feed, and rests again, in each."""
    for _ in range(int(seconds / REST_S)):
        await eventually(lambda: clock._sleepers or reader.task.done())
        await clock.advance(REST_S)


async def send(app):
    async with client_of(app) as client:
        return (await client.post("/v1/messages", json=send_request())).json()["id"]


async def test_a_stream_tells_what_was_and_what_comes(app, connect, clock):
    """In the order of the feed, as it happens."""
    first = await send(app)
    reader = connect()
    [(_, kind)] = await reader.events(1)

    assert (reader.status, kind) == (200, "message.queued")
    assert reader.headers[b"content-type"].startswith(b"text/event-stream")
    assert reader.headers[b"cache-control"] == b"no-store"

    second = await send(app)
    await pass_time(reader, clock, REST_S)
    part = await reader.part()
    assert second in part
    assert first not in part


async def test_a_stream_goes_on_where_its_reader_was(app, connect, clock):
    """A connection that broke costs nothing: no event is missing, none comes twice."""
    for _ in range(3):
        await send(app)
    reader = connect()
    told = await reader.events(3)
    await reader.leave()

    again = connect(**{"last-event-id": told[0][0]})

    assert await again.events(2) == told[1:]


async def test_a_silent_stream_shows_that_it_lives(connect, clock):
    """Proxies cut connections that say nothing."""
    reader = connect()
    assert (await reader.part()).startswith("retry: ")
    await pass_time(reader, clock, HEARTBEAT_S + REST_S)

    assert await reader.part() == ": still here\n\n"


async def test_a_stream_ends_with_its_key(app, connect, clock, database, key):
    """A revoked key dies within five seconds, whatever is open under it."""
    reader = connect()
    await reader.part()
    async with database.transaction() as tx:
        stored = await find_key(tx, key_hash(key), clock.now())
        await revoke_key(tx, DEFAULT_TENANT, stored.id, clock.now())

    await pass_time(reader, clock, CACHE_S + REST_S)

    assert await reader.ends()


async def test_there_are_only_so_many_streams(app, connect, clock):
    """Each looks into the feed by itself; the place of one that left is free again."""
    readers = [connect(), connect()]
    for reader in readers:
        await reader.part()
    refused = connect()
    async with asyncio.timeout(10):
        await refused.task
    assert refused.status == 503
    assert "streams_full" in await refused.part()

    await readers[0].leave()
    assert (await connect().part()).startswith("retry: ")


async def test_streams_end_when_the_process_stops(app, connect):
    """Else every stop would wait for the last reader."""
    reader = connect()
    await reader.part()

    services_of(app).streams.close()

    assert await reader.ends()


async def test_a_stream_is_its_tenants(app, store_key, database, clock):
    """As the feed is."""
    theirs = await store_key(Scope.READ, tenant_id=await add_tenant(database))
    await send(app)
    reader = Reader(app, theirs)
    assert (await reader.part()).startswith("retry: ")
    await pass_time(reader, clock, 2 * REST_S)

    assert reader.parts.empty()
    services_of(app).streams.close()
    await reader.leave()


async def test_a_place_that_never_was_is_refused(connect):
    """A reader that made one up would miss what it does not know of."""
    reader = connect(**{"last-event-id": "yesterday"})
    async with asyncio.timeout(10):
        await reader.task

    assert reader.status == 422
