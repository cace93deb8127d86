"""`wirephoto send`: send a picture through a running gateway."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer

from wirephoto.cli.client import STILL, GatewayClient, GatewayRefused

DELIVERED = frozenset({"delivered", "read"})


def send(
    to: Annotated[str, typer.Argument(help="The recipient's US number.")],
    picture: Annotated[str, typer.Argument(help="The picture: a file, or a public address.")],
    caption: Annotated[str | None, typer.Option(help="Text below the picture.")] = None,
    sender: Annotated[str | None, typer.Option("--from", help="One of your senders.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to the carrier's word.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds that --wait waits at most.")] = 120.0,
    url: Annotated[
        str, typer.Option(envvar="WIREPHOTO_URL", help="Where the gateway is.")
    ] = "http://127.0.0.1:3000",
    key: Annotated[
        str, typer.Option(envvar="WIREPHOTO_API_KEY", help="An API key with the scope `send`.")
    ] = "",
) -> None:
    """Send a picture through a running gateway and print the message's id.

    With --wait the exit code is 0 only when it was delivered.

    Example: wirephoto send +12125550123 cat.heic --caption "A cat" --wait
    """
    if not key:
        print("WIREPHOTO_API_KEY: required: make one with `wirephoto keys create`", file=sys.stderr)
        raise typer.Exit(2)
    file = None if "://" in picture else Path(picture)
    if file and not file.is_file():
        print(f"{picture}: is neither a file here nor an address", file=sys.stderr)
        raise typer.Exit(2)
    body: dict[str, Any] = {"to": to, "media": [{"url": picture}]}
    body |= {name: value for name, value in (("text", caption), ("from", sender)) if value}
    try:
        state = asyncio.run(_send(url, key, body, file, patience_s=timeout if wait else 0.0))
    except GatewayRefused as refused:
        print(refused, file=sys.stderr)
        raise typer.Exit(1) from refused
    if wait and state not in DELIVERED:
        if state not in STILL:
            print(f"Still {state}: no receipt came. Do the webhooks arrive?", file=sys.stderr)
        raise typer.Exit(1)


async def _send(
    url: str, key: str, body: dict[str, Any], file: Path | None, *, patience_s: float
) -> str:
    async with GatewayClient(url, key) as gateway:
        if file:
            uploaded = await gateway.upload(file)
            body["media"] = [{"upload": uploaded["id"]}]
        message = await gateway.send(body, key=str(uuid4()))
        print(message["id"], flush=True)
        state: str = message["state"]
        async for event in gateway.follow(message["id"], patience_s=patience_s):
            state = event["type"].removeprefix("message.")
            line = f"{event['at']}  {state}  {event['data'].get('detail', '')}"
            print(line.rstrip(), flush=True)
        return state
