"""The client when connections break: nothing is posted twice, and the doubt is exact."""

import asyncio
import json
import socket
from contextlib import asynccontextmanager

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_writer import StreamWriter
from multidict import CIMultiDict

from tests.vonage.raw_provider import (
    ACCEPTED,
    HANG_UP,
    SILENCE,
    UUID,
    answer,
    provider,
    submit,
    told,
)
from wirephoto.domain.outcome import Verdict
from wirephoto.vonage.client import _Body

TINY_S = 0.1

GARBAGE = [b"220 mail.example ESMTP\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 202 Acc", HANG_UP]


@pytest.mark.parametrize("reply", GARBAGE)
@pytest.mark.parametrize("warm", [False, True])
async def test_a_connection_that_breaks_after_the_request_is_never_used_again(reply, warm, connect):
    """The official SDK posts the same picture up to ten times here (contract 7.1)."""
    script = [ACCEPTED, reply] if warm else [reply]
    async with provider(*script) as (served, url):
        client = connect(url)
        if warm:
            await submit(client)
        outcome = await submit(client)

    assert told(outcome) == (Verdict.UNKNOWN, "connection_lost")
    assert len(served.posts) == len(script)
    assert {post.connection for post in served.posts} == {1}


@pytest.mark.parametrize("warm", [False, True])
async def test_an_answer_that_does_not_come_in_time_leaves_a_doubt(warm, connect):
    """The request was read: it may have been taken."""
    script = [ACCEPTED, SILENCE] if warm else [SILENCE]
    async with provider(*script) as (served, url):
        client = connect(url)
        if warm:
            await submit(client)
        outcome = await submit(client, TINY_S)

    assert told(outcome) == (Verdict.UNKNOWN, "timed_out")
    assert len(served.posts) == len(script)


async def test_nobody_listening_means_that_nothing_left(connect):
    """The message is tried again by itself."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        outcome = await submit(connect(f"http://127.0.0.1:{taken.getsockname()[1]}"))

    assert told(outcome) == (Verdict.RETRY, "connection_failed")


async def test_a_name_that_does_not_exist_means_that_nothing_left(connect):
    """A name over 253 characters fails without asking anybody (RFC 1035, section 2.3.4)."""
    outcome = await submit(connect("http://" + ".".join(["a" * 60] * 5)))

    assert told(outcome) == (Verdict.RETRY, "connection_failed")


@asynccontextmanager
async def greeter(greeting):
    """A server that speaks first, and hangs up; or, without a greeting, stays silent."""

    async def greet(reader, writer):
        if greeting is not None:
            writer.write(greeting)
        else:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("greeting", [b"220 hello\r\n", b""])
async def test_a_failed_tls_handshake_means_that_nothing_left(greeting, connect):
    """Not one byte of the request leaves before the other side is known."""
    async with greeter(greeting) as url:
        outcome = await submit(connect(url))

    assert told(outcome) == (Verdict.RETRY, "connection_failed")


async def test_a_tls_handshake_that_never_ends_means_that_nothing_left(connect):
    """The deadline covers connecting as well."""
    async with greeter(None) as url:
        outcome = await submit(connect(url), TINY_S)

    assert told(outcome) == (Verdict.RETRY, "connection_failed")


async def test_waiting_for_a_connection_means_that_nothing_left(connect):
    """A full pool must not put messages in doubt that never left the process."""
    async with provider(SILENCE) as (served, url):
        client = connect(url, connections=1)
        first = asyncio.create_task(submit(client))
        await served.arrived.wait()
        second = await submit(client, TINY_S)
        await client.close()

    assert told(second) == (Verdict.RETRY, "connection_failed")
    assert told(await first) == (Verdict.UNKNOWN, "connection_lost")
    assert len(served.posts) == 1


@pytest.mark.parametrize("timeout_s", [0, -1])
async def test_without_time_left_nothing_leaves(timeout_s, connect):
    """No first byte after the attempt's deadline."""
    async with provider(ACCEPTED) as (served, url):
        outcome = await submit(connect(url), timeout_s)

    assert told(outcome) == (Verdict.RETRY, "connection_failed")
    assert served.posts == []


async def test_a_connection_closed_while_idle_is_replaced(connect):
    """The provider may hang up between two messages; no message should notice."""
    closing = answer(202, json.dumps({"message_uuid": UUID}).encode(), "Connection: close")
    async with provider(closing) as (served, url):
        client = connect(url)
        outcomes = [await submit(client) for _ in range(3)]

    assert {outcome.verdict for outcome in outcomes} == {Verdict.ACCEPTED}
    assert [post.connection for post in served.posts] == [1, 2, 3]


async def test_a_client_can_be_closed_without_having_been_used(connect):
    """Connections are opened by the first message, not before."""
    await connect("http://127.0.0.1:9").close()


class ClosingTransport(asyncio.Transport):
    """A connection that the other side has just closed."""

    def is_closing(self):
        return True

    def write(self, data):
        raise AssertionError("nothing may be written any more")


async def test_a_connection_that_is_closing_takes_no_first_byte():
    """The provider hung up while we were about to write: that leaves no doubt, only a retry."""
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    protocol.transport = ClosingTransport()
    writer = StreamWriter(protocol, loop)
    await writer.write_headers("POST /v1/messages HTTP/1.1", CIMultiDict())
    body = _Body(b"{}")

    with pytest.raises(ConnectionError):
        await body.write_with_length(writer, 2)

    assert not body.written
