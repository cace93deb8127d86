"""A gateway with its HTTP servers."""

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

from wirephoto.api.metrics import create_metrics_app
from wirephoto.api.server import HttpServer, ServerSettings, listen
from wirephoto.api.services import services_of
from wirephoto.bootstrap import rules
from wirephoto.bootstrap.gateway import Gateway
from wirephoto.config import Settings
from wirephoto.errors import SettingsInvalid

GRACE_LEFT_S_MIN = 1.0
"""What answers on the wire get to come in, however long HTTP requests took to end."""


@contextlib.asynccontextmanager
async def served(gateway: Gateway, listener: socket.socket) -> AsyncIterator[None]:
    """Run a gateway with its HTTP server for as long as the block runs.

    Raises:
        SettingsInvalid: as `Gateway.start` says, or the port of the metrics cannot be had.
    """
    settings = rules.server_settings(gateway.settings)
    server, grace_s = HttpServer(gateway.app, listener, settings), settings.grace_s
    with contextlib.closing(listener):
        try:
            with _metrics_listener(gateway.settings) as metrics:
                await gateway.start()
                async with _served_metrics(gateway, metrics):
                    await server.start()
                    yield
        finally:
            stopping_at = gateway.clock.monotonic()
            gateway.events.streams.close()
            try:
                # Requests that wait for the provider's answer need everything else to go on.
                await server.stop()
            finally:
                used_s = gateway.clock.monotonic() - stopping_at
                await gateway.stop(max(GRACE_LEFT_S_MIN, grace_s - used_s))


@contextlib.contextmanager
def _metrics_listener(settings: Settings) -> Iterator[socket.socket | None]:
    """Take the port of the metrics, where there is one, before anything starts."""
    if settings.metrics_port is None:
        yield None
        return
    try:
        listener, _ = listen(settings.host, settings.metrics_port)
    except OSError as error:
        fault = f"WIREPHOTO_METRICS_PORT: cannot be listened on: {error.strerror or error}"
        raise SettingsInvalid([fault]) from error
    with listener:
        yield listener


@contextlib.asynccontextmanager
async def _served_metrics(gateway: Gateway, listener: socket.socket | None) -> AsyncIterator[None]:
    """Give the metrics on their own port, once there are tables to read them from."""
    if listener is None:
        yield
        return
    app = create_metrics_app(services_of(gateway.app).exposition)
    server = HttpServer(app, listener, ServerSettings(grace_s=1.0))
    await server.start()
    try:
        yield
    finally:
        await server.stop()
