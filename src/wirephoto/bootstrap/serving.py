"""A gateway with its HTTP servers."""

import contextlib
import socket
from collections.abc import AsyncIterator

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
            await gateway.start()
            async with _served_metrics(gateway):
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


@contextlib.asynccontextmanager
async def _served_metrics(gateway: Gateway) -> AsyncIterator[None]:
    """Give the metrics on a port of their own, where the settings name one."""
    if gateway.settings.metrics_port is None:
        yield
        return
    with contextlib.closing(_listen(gateway.settings, gateway.settings.metrics_port)) as listener:
        app = create_metrics_app(services_of(gateway.app).exposition)
        server = HttpServer(app, listener, ServerSettings(grace_s=1.0))
        await server.start()
        try:
            yield
        finally:
            await server.stop()


def _listen(settings: Settings, port: int) -> socket.socket:
    try:
        return listen(settings.host, port)[0]
    except OSError as error:
        fault = f"WIREPHOTO_METRICS_PORT: cannot be listened on: {error.strerror or error}"
        raise SettingsInvalid([fault]) from error
