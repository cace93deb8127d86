"""The HTTP server: an application on a socket, until told to stop."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Any, cast

import uvicorn
from litestar import Litestar
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from wirephoto.api.headers import SecureHeaders
from wirephoto.api.patience import PatientProtocol, TimedBodies


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How an application is served.

    `trusted_proxies` are believed when they say who asks and whether over TLS. `tls` makes the
    server speak TLS itself.
    """

    grace_s: float
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    tls: ssl.SSLContext | None = None
    connections_max: int = PatientProtocol.connections_max


class HttpServer:
    """Serves an application on a socket that listens, until told to stop."""

    def __init__(self, app: Litestar, listener: socket.socket, settings: ServerSettings) -> None:
        self._socket = listener
        tls = settings.tls
        self._server = _QuietServer(
            uvicorn.Config(
                _guarded(app, settings),
                http=_protocol(settings.connections_max),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ssl_context_factory=(lambda *_: tls) if tls else None,
                timeout_graceful_shutdown=max(1, int(settings.grace_s)),
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


def _guarded(app: Litestar, settings: ServerSettings) -> Any:
    """Return the application behind what every request and answer passes, the outermost first."""
    guarded: Any = SecureHeaders(TimedBodies(cast("Any", app)))
    if settings.trusted_proxies:
        trusted = [str(network) for network in settings.trusted_proxies]
        guarded = ProxyHeadersMiddleware(guarded, trusted_hosts=trusted)
    return guarded


def _protocol(connections_max: int) -> type[PatientProtocol]:
    return type("Protocol", (PatientProtocol,), {"connections_max": connections_max})


class _QuietServer(uvicorn.Server):
    """uvicorn without its signal handlers: the process has one place that decides to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def listen(host: str, port: int, *, scheme: str = "http") -> tuple[socket.socket, str]:
    """Take an address of this machine; return the socket and the URL. Port 0 takes a free port.

    Raises:
        OSError: the address is in use, or is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=2048)
    port = listener.getsockname()[1]
    return listener, f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
