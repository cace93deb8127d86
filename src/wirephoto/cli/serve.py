"""`wirephoto serve`: run the gateway."""

import socket
from pathlib import Path
from typing import Annotated

import typer

from wirephoto.api.auth import HOW_TO_MAKE_A_KEY
from wirephoto.bootstrap import Gateway, open_error_tracker, served
from wirephoto.cli.running import run, spare_what_stays, taken_port, until_told_to_stop
from wirephoto.clock import SystemClock
from wirephoto.config import ENV_FILE, Settings, load_settings
from wirephoto.telemetry import configure_logging

EnvFile = Annotated[Path, typer.Option("--env-file", help="Read settings from this file as well.")]


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
    roles: Annotated[
        str | None, typer.Option(help="Comma list: api,media,dispatch,inbound,events,maintenance.")
    ] = None,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Run the gateway until told to stop.

    Settings come from flags, then the environment, then `.env`.

    Example: wirephoto serve --port 3000
    """
    settings = load_settings({"host": host, "port": port, "roles": roles}, env_file=env_file)
    tracker = open_error_tracker(settings)
    report = tracker.report if tracker else None
    configure_logging(settings.log_format, settings.log_level, report=report)
    scheme = "https" if settings.tls_certificate else "http"
    try:
        with taken_port(settings.host, settings.port, scheme=scheme) as (listener, url):
            run(_serve(settings, listener, url))
    finally:
        if tracker:
            tracker.close()


async def _serve(settings: Settings, listener: socket.socket, url: str) -> None:
    gateway = Gateway(settings, clock=SystemClock())
    async with served(gateway, listener):
        spare_what_stays()
        print(f"Wirephoto listens on {url}", flush=True)
        if not await gateway.keys.any_exists():
            print(f"There is no API key yet. {HOW_TO_MAKE_A_KEY}", flush=True)
        await until_told_to_stop()
