"""Servers on the loopback interface, a name server and a clock for the tests of egress."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from wirephoto.clock import Clock
from wirephoto.egress import DEFAULT_LIMITS, Egress, EgressLimits
from wirephoto.errors import EgressRefused

LOOPBACK = [ip_network("127.0.0.0/8")]
BYTES_MAX = 1000


class Names:
    """A name server: `answers` in turn, the last one for ever; it notes what was asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Site:
    """A web server on loopback that notes every request; `answer` says what it does."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.answer: Callable[[web.Request], Awaitable[web.StreamResponse]] = picture
        self.server: TestServer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        return await self.answer(request)

    def url(self, path: str = "/cat.jpg", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.server.port}{path}"

    def redirects_to(self, location: str, status: int = 302) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            return web.Response(status=status, headers={"Location": location})

        self.answer = answer


async def picture(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"picture", headers={"Content-Type": "Image/JPEG; q=1"})


@asynccontextmanager
async def open_site() -> AsyncIterator[Site]:
    """Serve a site until the block ends."""
    made = Site()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.handle)
    made.server = TestServer(app)
    await made.server.start_server()
    try:
        yield made
    finally:
        await made.server.close()


@asynccontextmanager
async def egress_maker(clock: Clock) -> AsyncIterator[Callable[..., Egress]]:
    """Yield a maker of clients that may reach loopback and find every name there."""
    made: list[Egress] = []

    def make(*, limits: EgressLimits = DEFAULT_LIMITS, **changes) -> Egress:
        options = {"allow": LOOPBACK, "resolve": Names(["127.0.0.1"]), **changes}
        made.append(Egress(clock, limits=limits, **options))
        return made[-1]

    yield make
    for egress in made:
        await egress.close()


@asynccontextmanager
async def raw_server(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Serve what no web framework would: yields the port."""
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
            await done.wait()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        done.set()
        server.close()
        await server.wait_closed()


def says(*parts: bytes, closes: bool = False):
    """Return a talk that reads a request's head, answers, and stays silent or hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
        if closes:
            writer.close()

    return talk


async def refused(egress: Egress, url: str, body_bytes_max: int = BYTES_MAX) -> EgressRefused:
    """Return how a fetch is refused; one that takes seconds has missed the limit under test."""
    with pytest.raises(EgressRefused) as caught:
        async with asyncio.timeout(3):
            await egress.fetch(url, body_bytes_max=body_bytes_max)
    return caught.value


def certificate(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's and a client's context around a fresh certificate for `name`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    (folder / "cert.pem").write_bytes(pem)
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return server, ssl.create_default_context(cadata=pem.decode())
