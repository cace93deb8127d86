"""How long clients may keep the server waiting."""

import asyncio
from contextlib import suppress

import pytest
from litestar import Litestar, post

from tests.api.application import client_of
from tests.serving import raw, serving, take_body
from wirephoto.api.patience import PatientProtocol, TimedBodies
from wirephoto.api.problems import handle


async def passed(seconds):
    """Return once real time has passed: the server's timers are the event loop's own."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


HEAD = b"GET /who HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def hasty(monkeypatch):
    """Wait 50 ms for a head."""
    monkeypatch.setattr(PatientProtocol, "head_s", 0.05)


@pytest.mark.parametrize(
    "pieces",
    [(), (b"G",), (HEAD,), (HEAD + b"X-Padding: " + b"x" * 500,)],
    ids=["silent", "one byte", "no end", "half a header"],
)
async def test_a_head_that_does_not_come_is_not_waited_for(hasty, pieces):
    """A thousand half-open connections cost whoever opens them nothing."""
    async with serving() as url, asyncio.timeout(5):
        assert await raw(url, *pieces) == b""


async def test_a_second_head_is_not_waited_for_either(hasty):
    """One good request must not open the door for a bad one."""
    async with serving() as url, asyncio.timeout(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(HEAD + b"\r\n")
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET /wh")
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


async def test_a_request_under_way_may_take_its_time(hasty):
    """Only heads are waited for so shortly: `/send-mms` waits for the provider."""

    @post("/slow")
    async def slow() -> str:
        await passed(0.2)
        return "done"

    async with serving(slow) as url, asyncio.timeout(5):
        said = await raw(
            url, b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )

    assert said.startswith(b"HTTP/1.1 201")


@pytest.mark.parametrize(
    "limits", [{"piece_s": 0.02}, {"bytes_per_s": 10**9, "piece_s": 0.05}], ids=str
)
async def test_a_body_that_stops_or_trickles_is_answered_408(limits):
    """Who sends a byte now and then must not hold a file and a task for ever."""

    async def trickles():
        for _ in range(500):
            yield b"x"
            await passed(0.01)
        await asyncio.Event().wait()

    app = Litestar([take_body], exception_handlers={Exception: handle}, openapi_config=None)
    async with asyncio.timeout(10), client_of(TimedBodies(app, **limits)) as http:
        answer = await http.post("/body", content=trickles())

    assert (answer.status_code, answer.json()["code"]) == (408, "too_slow")
    assert answer.headers["connection"] == "close"


async def test_a_body_that_came_fast_and_stops_is_not_waited_for_by_its_rate():
    """What has come already would give a megabyte's rest two minutes."""

    async def stops():
        yield b"x" * 100_000
        await asyncio.Event().wait()

    app = Litestar([take_body], exception_handlers={Exception: handle}, openapi_config=None)
    async with asyncio.timeout(2), client_of(TimedBodies(app, piece_s=0.05)) as http:
        answer = await http.post("/body", content=stops())

    assert answer.status_code == 408


async def test_who_is_refused_while_they_still_send_gets_the_answer(hasty):
    """A connection cut in the middle reads like a fault, and is tried again for ever."""
    async with serving() as url, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n")
        for _ in range(30):
            writer.write(b"x")
            await passed(0.01)
        writer.write(HEAD + b"\r\n")

        assert (await reader.readline()).startswith(b"HTTP/1.1 404")
        await reader.readuntil(b"HTTP/1.1 200")
        writer.close()


async def test_after_the_body_the_end_of_the_connection_may_be_long_in_coming():
    """A stream of events listens for it for hours."""
    waits = asyncio.Event()

    async def receive():
        if not waits.is_set():
            waits.set()
            return {"type": "http.request", "body": b"", "more_body": False}
        await passed(0.05)
        return {"type": "http.disconnect"}

    seen = []

    async def app(scope, receive, send):
        seen.extend([await receive(), await receive()])

    await TimedBodies(app, piece_s=0.01)({"type": "http"}, receive, None)

    assert [message["type"] for message in seen] == ["http.request", "http.disconnect"]
