"""The HTTP server: an application on a socket, until told to stop."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from litestar import Litestar


class HttpServer:
    """Serves an application on a socket that listens, until told to stop."""

    def __init__(self, app: Litestar, listener: socket.socket, *, grace_s: float) -> None:
        self._socket = listener
        self._server = _QuietServer(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=max(1, int(grace_s)),
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to answer."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))

    async def stop(self) -> None:
        """Answer what has been asked, then take no more."""
        self._server.should_exit = True
        if self._task:
            await self._task


class _QuietServer(uvicorn.Server):
    """uvicorn without its signal handlers: the process has one place that decides to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def listen(host: str, port: int) -> tuple[socket.socket, str]:
    """Take an address of this machine; return the socket and the URL. Port 0 takes a free port.

    Raises:
        OSError: the address is in use, or is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=2048)
    return listener, f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
