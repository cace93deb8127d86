"""What the client's tests share: a provider made of raw bytes, a stopped clock and a message."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from wirephoto.domain.media import Attachment
from wirephoto.domain.message import Submission

UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
SUBMISSION = Submission(
    client_ref="ref-1",
    sender="+14155550100",
    recipient="+12125550123",
    text="Your picture 📸 שלום",
    media=(Attachment("https://media.example/a.jpg"),),
    ttl_s=600,
)
TIMEOUT_S = 10.0


class StoppedClock:
    """A clock that moves when told to."""

    def __init__(self):
        self.instant = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def now(self):
        return self.instant

    def monotonic(self):
        return 0.0

    async def sleep(self, seconds):
        raise AssertionError("the client never sleeps")


def pem(key, form=PrivateFormat.PKCS8):
    none = NoEncryption()
    return key.private_bytes(Encoding.PEM, form, none).decode()


def answer(status, body=b"", *headers):
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


ACCEPTED = answer(202, json.dumps({"message_uuid": UUID}).encode())
UNAUTHORIZED = answer(401, b'{"title":"Unauthorized"}')
HANG_UP = b""
SILENCE = None


@dataclass
class Post:
    """One request as it arrived, and the connection it came on."""

    line: str
    headers: dict
    body: bytes
    connection: int

    @property
    def token(self):
        return self.headers["authorization"].removeprefix("Bearer ")


@dataclass
class Provider:
    """Answers with the script's bytes, one per request; the last stands for all that follow.

    Empty bytes hang up after reading; `SILENCE` reads and never answers; an answer that is cut
    short hangs up behind it.
    """

    script: list
    posts: list = field(default_factory=list)
    connections: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader, writer):
        self.connections += 1
        connection = self.connections
        try:
            while await self._turn(reader, writer, connection):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _turn(self, reader, writer, connection):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:])}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.posts.append(Post(head[0], headers, body, connection))
        self.arrived.set()
        reply = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if reply is SILENCE:
            return await reader.read() != b""
        writer.write(reply)
        await writer.drain()
        _, _, sent = reply.partition(b"\r\n\r\n")
        return f"Content-Length: {len(sent)}\r\n".encode() in reply


@asynccontextmanager
async def provider(*script):
    served = Provider(list(script))
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    try:
        yield served, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def submit(client, timeout_s=TIMEOUT_S):
    return await client.submit(SUBMISSION, timeout_s=timeout_s)


def told(outcome):
    return outcome.verdict, outcome.reason
