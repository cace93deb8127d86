"""`wirephoto demo`: gateway and simulator in one process, without an account."""

import json
import os
import socket
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from wirephoto.bootstrap import Gateway, served
from wirephoto.cli.client import GatewayClient
from wirephoto.cli.running import run, spare_what_stays, taken_port, until_told_to_stop
from wirephoto.clock import SystemClock
from wirephoto.config import VARIABLES, Settings, load_settings
from wirephoto.domain.api_key import KeyMode, make_key
from wirephoto.simulator.app import Simulator
from wirephoto.simulator.settings import Credentials, make_credentials
from wirephoto.telemetry import configure_logging

RECIPIENT = "+12125550123"
SENDER = "12025550100"
PATIENCE_S = 60.0
"""How long the sample picture may take; it takes two seconds."""
CAPTION = "Greetings from the demo"


def demo(
    port: Annotated[int, typer.Option(help="Port of the gateway; 0 takes a free one.")] = 3000,
    once: Annotated[
        bool, typer.Option("--once", help="Send the sample picture, then exit.")
    ] = False,
    data_dir: Annotated[Path, typer.Option(help="Where the demo keeps its data.")] = Path(
        "data/demo"
    ),
) -> None:
    """Run gateway and simulator together and send a sample picture: no account is needed.

    Example: wirephoto demo --once
    """
    configure_logging("console", "warning")
    for variable in VARIABLES:
        # What the environment says of a real account, or of another database, is not for the demo.
        os.environ.pop(variable, None)
    with taken_port("127.0.0.1", port) as (listener, url):
        delivered = run(_demo(listener, url, data_dir, once=once))
    if not delivered:
        raise typer.Exit(1)


async def _demo(listener: socket.socket, url: str, data_dir: Path, *, once: bool) -> bool:
    credentials = make_credentials()
    simulator = Simulator(
        replace(
            credentials.settings(),
            status_url=f"{url}/webhooks/status",
            inbound_url=f"{url}/webhooks/inbound",
        )
    )
    simulator_url = await simulator.start()
    key = make_key(KeyMode.LIVE, os.urandom)
    settings = _settings(credentials, simulator_url, key, data_dir, public_url=url)
    try:
        async with served(Gateway(settings, clock=SystemClock()), listener):
            spare_what_stays()
            delivered = await _send_sample(url, key, simulator_url)
            if not once:
                _explain(url, key, simulator_url)
                await until_told_to_stop()
            return delivered
    finally:
        await simulator.stop()


def _settings(
    credentials: Credentials, simulator_url: str, key: str, data_dir: Path, *, public_url: str
) -> Settings:
    return load_settings(
        {
            "vonage_api_key": credentials.api_key,
            "vonage_api_secret": credentials.api_secret,
            "vonage_application_id": credentials.application_id,
            "vonage_private_key": credentials.private_key,
            "vonage_signature_secret": credentials.signature_secret,
            "vonage_sender_number": SENDER,
            "vonage_base_url": simulator_url,
            "vonage_rest_url": simulator_url,
            "database_url": f"sqlite:///{data_dir / 'wirephoto.db'}",
            "public_url": public_url,
            "media_store": str(data_dir / "media"),
            "egress_allow": "127.0.0.0/8",
            "api_key": key,
        },
        env_file=None,
    )


async def _send_sample(url: str, key: str, simulator_url: str) -> bool:
    """Send the sample picture and show its timeline; tell whether it was delivered."""
    picture = f"{simulator_url}/simulator/sample.jpg"
    print(f"A picture goes to {RECIPIENT}:", flush=True)
    state = ""
    async with GatewayClient(url, key) as gateway:
        body = {"to": RECIPIENT, "text": CAPTION, "media": [{"url": picture}]}
        message = await gateway.send(body, key=str(uuid4()))
        async for event in gateway.follow(message["id"], patience_s=PATIENCE_S):
            state = event["type"].removeprefix("message.")
            at = datetime.fromisoformat(event["at"]).strftime("%H:%M:%S.%f")[:-3]
            print(f"  {at}  {state}", flush=True)
    return state == "delivered"


def _explain(url: str, key: str, simulator_url: str) -> None:
    picture = f"{simulator_url}/simulator/sample.jpg"
    body = json.dumps({"recipient": RECIPIENT, "imageUrl": picture, "caption": "Hello"})
    print(
        f"""
The gateway listens on {url} (its HTTP interface: {url}/docs),
the simulated provider on {simulator_url}. API key:

  {key}

Send another picture:

  curl -X POST {url}/send-mms -H "X-API-Key: {key}" \\
    -H "Content-Type: application/json" -d '{body}'

Ctrl-C ends the demo.""",
        flush=True,
    )
