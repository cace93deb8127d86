"""A small application behind the real server, and connections that misbehave."""

import asyncio
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request, get, post

from wirephoto.api.problems import handle
from wirephoto.api.server import HttpServer, ServerSettings, listen


@get("/who")
async def who(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Say whom the server takes the caller for."""
    assert request.client
    return {"host": request.client.host, "scheme": request.url.scheme}


@post("/body")
async def take_body(request: Request[Any, Any, Any]) -> dict[str, int]:
    """Say how many bytes came."""
    return {"bytes": len(await request.body())}


@asynccontextmanager
async def serving(*handlers: Any, scheme: str = "http", **settings: Any):
    """Give the address of a server with these handlers, `who` and `take_body`."""
    listener, url = listen("127.0.0.1", 0, scheme=scheme)
    app = Litestar(
        [who, take_body, *handlers], exception_handlers={Exception: handle}, openapi_config=None
    )
    server = HttpServer(app, listener, ServerSettings(grace_s=1, **settings))
    await server.start()
    try:
        yield url
    finally:
        await server.stop()
        listener.close()


async def raw(url: str, *pieces: bytes) -> bytes:
    """Send pieces one by one, each once the server has had a look; return all it says."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()
