"""Kept files over a real server and a real socket: what the provider and the carriers see."""

import asyncio
import hashlib
import socket
from contextlib import aclosing, asynccontextmanager

import aiohttp
import pytest
from litestar import Litestar, route
from litestar.enums import HttpMethod
from litestar.types import ASGIApp
from structlog.testing import capture_logs

from tests.cloud_server import ADDRESSES, open_cloud
from wirephoto.api.file_answers import HostedFile, file_answer
from wirephoto.api.headers import ALWAYS as EVERY_ANSWER
from wirephoto.api.queries import AnyRequest
from wirephoto.api.server import HttpServer, ServerSettings, listen
from wirephoto.errors import MediaMissing, StoreUnavailable
from wirephoto.media.store import MediaStore, open_store

BODY = bytes(range(256)) * 2344  # 600,064 bytes
DIGEST = hashlib.sha256(BODY).hexdigest()
KEY = f"tnt_default/fil_1.{DIGEST}"
FILE = HostedFile(KEY, "image/jpeg", len(BODY))
ETAG = f'"{DIGEST}"'
ALWAYS = {name.decode().title(): value.decode() for name, value in EVERY_ANSWER} | {
    "Accept-Ranges": "bytes",
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Disposition": "inline",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Etag": ETAG,
    "X-Content-Type-Options": "nosniff",
}


@asynccontextmanager
async def serving(store, file: HostedFile = FILE, **changes):
    """Give a URL at which one file is served."""

    @route("/media/cat.jpg", http_method=[HttpMethod.GET, HttpMethod.HEAD])
    async def media(request: AnyRequest) -> ASGIApp:
        return await file_answer(request, file, store, **changes)

    listener, url = listen("127.0.0.1", 0)
    server = HttpServer(Litestar([media], openapi_config=None), listener, ServerSettings(grace_s=1))
    await server.start()
    try:
        yield f"{url}/media/cat.jpg"
    finally:
        await server.stop()


@pytest.fixture
async def store(tmp_path):
    """Give a folder with the picture."""
    made = open_store(str(tmp_path / "media"))
    await made.put(KEY, BODY)
    return made


@pytest.fixture
async def url(store):
    """Give the address of the picture."""
    async with serving(store) as url:
        yield url


@pytest.fixture
async def client():
    """Give a client that shows what was sent, and follows nothing."""
    connector = aiohttp.TCPConnector(limit=100)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        yield session


def told(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """Return what the answer tells, each once, without what every answer of every server does."""
    assert len(answer.raw_headers) == len(answer.headers)
    return {name.title(): value for name, value in answer.headers.items() if name.title() != "Date"}


async def test_a_picture_is_sent_whole_with_its_exact_type_and_length(client, url):
    """Carriers refuse what has no length, and what calls itself something else."""
    async with client.get(url, allow_redirects=False) as answer:
        body = await answer.read()

    assert answer.status == 200
    assert body == BODY
    assert told(answer) == {
        **ALWAYS,
        "Content-Type": "image/jpeg",
        "Content-Length": str(len(BODY)),
    }


async def test_head_tells_what_get_would(client, url):
    """The provider asks first, and believes the length."""
    async with client.head(url, headers={"Range": "bytes=0-1"}) as answer:
        assert answer.status == 200
        assert told(answer)["Content-Length"] == str(len(BODY))
        assert told(answer)["Content-Type"] == "image/jpeg"
    async with client.get(url) as again:
        assert told(again) == told(answer)


@pytest.mark.parametrize("content_type", ["text/vcard", "video/3gpp; codecs=h263", "image/gif"])
async def test_no_type_is_embellished(client, store, content_type):
    """Frameworks add a character set to text; phones then show a contact as gibberish."""
    file = HostedFile(KEY, content_type, len(BODY))
    async with serving(store, file) as url, client.get(url) as answer:
        assert told(answer)["Content-Type"] == content_type


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=131071-131072", 131071, 131073),
        ("bytes=300000-", 300000, len(BODY)),
        ("bytes=-1000", len(BODY) - 1000, len(BODY)),
        ("bytes=0-9999999", 0, len(BODY)),
    ],
)
async def test_a_part_is_sent_as_a_part(client, url, asked, start, stop):
    """A fetch that was cut off goes on where it ended."""
    async with client.get(url, headers={"Range": asked, "If-Range": ETAG}) as answer:
        assert await answer.read() == BODY[start:stop]

    assert answer.status == 206
    assert told(answer) == {
        **ALWAYS,
        "Content-Type": "image/jpeg",
        "Content-Length": str(stop - start),
        "Content-Range": f"bytes {start}-{stop - 1}/{len(BODY)}",
    }


async def test_a_part_that_does_not_exist_is_refused_with_the_length(client, url):
    """The fetcher learns what there is to have."""
    async with client.get(url, headers={"Range": f"bytes={len(BODY)}-"}) as answer:
        assert (answer.status, await answer.read()) == (416, b"")

    assert told(answer)["Content-Range"] == f"bytes */{len(BODY)}"
    assert told(answer)["Content-Length"] == "0"
    assert told(answer)["Cache-Control"] == "no-store"


async def test_who_has_the_picture_gets_nothing_again(client, url):
    """Caches ask whether theirs is still good: it always is."""
    async with client.get(url, headers={"If-None-Match": f'"other", {ETAG}'}) as answer:
        assert (answer.status, await answer.read()) == (304, b"")

    assert told(answer) == ALWAYS


async def test_who_wants_another_version_gets_none(client, url):
    """There never was one under this name."""
    async with client.get(url, headers={"If-Match": '"other"'}) as answer:
        assert answer.status == 412


async def test_a_hundred_fetch_at_once(client, url):
    """A campaign's picture is asked for by many machines in the same second."""

    async def fetch() -> bytes:
        async with client.get(url) as answer:
            return await answer.read()

    bodies = await asyncio.gather(*[fetch() for _ in range(100)])

    assert set(bodies) == {BODY}


async def test_a_picture_that_is_gone_is_not_found(client, store, url):
    """And nobody keeps that answer: the next one may find it."""
    await store.delete([KEY])

    with capture_logs() as logs:
        async with client.get(url) as answer:
            assert answer.status == 404
            assert (await answer.json(content_type=None))["code"] == "not_found"

    assert answer.headers["Cache-Control"] == "no-store"
    assert [(line["event"], line["key"]) for line in logs] == [("media_missing", KEY)]


class FailingStore(MediaStore):
    """A store that gives so many pieces, then fails; it notes whether its reading was ended."""

    def __init__(self, pieces: int, failure: Exception) -> None:
        self.pieces = pieces
        self.failure = failure
        self.given = 0
        self.ended = asyncio.Event()

    async def read(self, key, start=0, stop=None):
        try:
            for _ in range(self.pieces):
                self.given += 1
                yield bytes(100_000)
            raise self.failure
        finally:
            self.ended.set()


async def test_a_store_that_fails_says_so_before_it_begins(client):
    """The provider tries again where it is told to, and gives up on a picture that breaks off."""
    store = FailingStore(0, StoreUnavailable("read", "it does not answer in time"))
    with capture_logs() as logs:
        async with serving(store) as url, client.get(url) as answer:
            assert answer.status == 503
            assert (await answer.json(content_type=None))["code"] == "unavailable"

    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Cache-Control"] == "no-store"
    assert logs[0]["event"] == "media_store_unavailable"


@pytest.mark.parametrize(
    "failure", [StoreUnavailable("read", "it does not answer"), MediaMissing(KEY)]
)
async def test_a_store_that_fails_on_the_way_breaks_the_answer_off(client, failure):
    """Half a picture must not pass for a whole one: the promised length is not reached."""
    store = FailingStore(2, failure)
    async with serving(store) as url, client.get(url) as answer:
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()

    assert answer.status == 200


async def slow_reader(url: str) -> socket.socket:
    """Return a connection that has asked for the file and reads nothing of it."""
    host, _, port = url.removeprefix("http://").partition("/")[0].partition(":")
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(reader, (host, int(port)))
    await loop.sock_sendall(reader, b"GET /media/cat.jpg HTTP/1.1\r\nHost: x\r\n\r\n")
    return reader


LARGE = HostedFile(KEY, "video/mp4", 100_000 * 1000)


async def test_who_reads_slowly_holds_no_more_than_a_little_of_the_file():
    """A hundred slow fetchers of a video would else fill the memory."""
    store = FailingStore(1000, AssertionError("it was read to the end"))
    async with serving(store, LARGE, take_s=0.3) as url:
        with await slow_reader(url):
            await asyncio.wait_for(store.ended.wait(), 10)

    assert store.given * 100_000 < 5_000_000  # what the kernel's buffers take


async def test_who_goes_away_ends_the_reading():
    """Most fetchers that give up do so in the middle; the store must not work on for them."""
    store = FailingStore(1000, AssertionError("it was read to the end"))
    async with serving(store, LARGE) as url:
        reader = await slow_reader(url)
        assert await asyncio.get_running_loop().sock_recv(reader, 100)
        reader.close()
        await asyncio.wait_for(store.ended.wait(), 10)

    assert store.given < 1000


async def test_the_same_is_served_from_a_bucket(client, monkeypatch):
    """The whole way: this server, the object store's protocol, that server."""
    async with open_cloud("s3", monkeypatch):
        store = open_store(ADDRESSES["s3"])
        await store.put(KEY, BODY)
        async with serving(store) as url, client.get(url) as answer:
            assert await answer.read() == BODY
        async with aclosing(store.read(KEY, 0, 1)) as pieces:
            assert [piece async for piece in pieces] == [BODY[:1]]
