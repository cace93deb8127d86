"""A kept file as an answer: what the provider, and then a phone's carrier, fetches.

The answer is an ASGI application of its own. The framework's streams send no length, and add a
character set to types such as `text/vcard`; carriers have refused pictures for less.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from litestar.types import ASGIApp, Receive, Scope, Send

from wirephoto.api.conditions import CONDITIONS, Verdict, judge
from wirephoto.api.problems import problem
from wirephoto.api.queries import AnyRequest
from wirephoto.errors import MediaMissing, StoreUnavailable
from wirephoto.media.store import MediaStore
from wirephoto.telemetry import LogEvent, get_log

_log = get_log()

TAKE_S = 60.0
"""How long a fetcher may take for one piece (at most 128 KiB): slower ones are given up."""

# The bytes are a stranger's: no browser may take them for a page, run them or guess their type.
# What a name holds never changes, so it may be kept for as long as caches keep anything.
_ALWAYS = {
    "Accept-Ranges": "bytes",
    "Content-Disposition": "inline",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
_PUBLIC = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_PRIVATE = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NOT_KEPT = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class HostedFile:
    """A file of the media store, and what the world is told of it; its type is sent as it is.

    One that is not `public` is for whoever asked for it: nothing that others use may keep it.
    """

    key: str
    content_type: str
    size_bytes: int
    public: bool = True

    @property
    def etag(self) -> str:
        """Return the strong validator: the file's SHA-256, in quotes."""
        return f'"{self.key.rpartition(".")[2]}"'


async def file_answer(
    request: AnyRequest, file: HostedFile, store: MediaStore, *, take_s: float = TAKE_S
) -> ASGIApp:
    """Return the answer to a GET or HEAD of `file`: whole, a part, or that nothing is needed.

    HEAD is answered from what is known of the file and does not look into the store. Whether the
    store can give the file is found out before the answer begins: if not, it is a 404 or a 503.
    """
    asked = {name: ", ".join(request.headers.getall(name, [])) for name in CONDITIONS}
    verdict = judge(
        {name: value for name, value in asked.items() if value},
        method=request.method,
        etag=file.etag,
        size_bytes=file.size_bytes,
    )
    headers = _headers(file, verdict)
    if request.method == "HEAD" or not verdict.span.length:
        return _FileAnswer(verdict.status, headers)
    pieces = store.read(file.key, verdict.span.start, verdict.span.stop)
    try:
        first = await anext(pieces)
    except (MediaMissing, StoreUnavailable) as error:
        _report(file, error)
        return _failed(request, error)
    return _FileAnswer(
        verdict.status, headers, _Body(file, verdict.span.length, first, pieces, take_s)
    )


@dataclass(frozen=True, slots=True)
class _Body:
    """What is sent: `length` bytes, of which the first piece is at hand."""

    file: HostedFile
    length: int
    first: bytes
    rest: AsyncGenerator[bytes, None]
    take_s: float


class _FileAnswer:
    """Sends one answer. Whoever goes away, or takes too long, ends the reading."""

    def __init__(self, status: int, headers: dict[str, str], body: _Body | None = None) -> None:
        self._status = status
        self._headers = headers
        self._body = body

    async def __call__(
        self,
        scope: Scope,  # noqa: ARG002 - the interface's signature
        receive: Receive,
        send: Send,
    ) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": self._status,
                "headers": [
                    (name.lower().encode("latin-1"), value.encode("latin-1"))
                    for name, value in self._headers.items()
                ],
            }
        )
        if self._body is None:
            await _send_piece(send, b"", more=False)
            return
        gone = asyncio.create_task(_gone(receive))
        try:
            async with aclosing(self._body.rest):
                await _send_body(self._body, send, gone)
        except (MediaMissing, StoreUnavailable) as error:
            # It has begun: all that is left is to break off before the length that was promised.
            _report(self._body.file, error)
        except TimeoutError:
            return
        finally:
            gone.cancel()


async def _send_body(body: _Body, send: Send, gone: "asyncio.Task[None]") -> None:
    """Send piece after piece, each once the one before was taken, until the reader is gone."""
    piece, left = body.first, body.length
    while not gone.done():
        left -= len(piece)
        async with asyncio.timeout(body.take_s):
            await _send_piece(send, piece, more=left > 0)
        if left <= 0:
            return
        piece = await anext(body.rest)


async def _send_piece(send: Send, piece: bytes, *, more: bool) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": more})


async def _gone(receive: Receive) -> None:
    """Return once the connection is closed; a body that nobody asked for is passed over."""
    while (await receive())["type"] != "http.disconnect":
        continue


def _headers(file: HostedFile, verdict: Verdict) -> dict[str, str]:
    headers = {**_ALWAYS, **(_PUBLIC if file.public else _PRIVATE), "ETag": file.etag}
    span = verdict.span
    if verdict.status in (200, 206):
        headers |= {"Content-Type": file.content_type, "Content-Length": str(span.length)}
    if verdict.status == 206:
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{file.size_bytes}"
    if verdict.status in (412, 416):
        headers |= {"Content-Length": "0", **_NOT_KEPT}
    if verdict.status == 416:
        headers["Content-Range"] = f"bytes */{file.size_bytes}"
    return headers


def _report(file: HostedFile, error: MediaMissing | StoreUnavailable) -> None:
    if isinstance(error, MediaMissing):
        _log.error(LogEvent.MEDIA_MISSING, key=file.key)
    else:
        _log.error(LogEvent.MEDIA_STORE_UNAVAILABLE, key=file.key, error=str(error), exc_info=error)


def _failed(request: AnyRequest, error: MediaMissing | StoreUnavailable) -> ASGIApp:
    if isinstance(error, MediaMissing):
        answer = problem("not_found", "The file is no longer there.", headers=_NOT_KEPT)
    else:
        answer = problem("unavailable", "The file cannot be read now.", headers=_NOT_KEPT)
    return answer.to_asgi_response(app=None, request=request)
