"""`wirephoto simulate`: run the local stand-in for the provider."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from wirephoto.cli.running import run, until_told_to_stop
from wirephoto.simulator.app import Simulator
from wirephoto.simulator.settings import SimulatorSettings, make_credentials


def simulate(
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8900,
    tls: Annotated[bool, typer.Option("--tls", help="Speak https, self-signed.")] = False,
    webhooks: Annotated[
        str, typer.Option(help="The gateway that is told what became of messages.")
    ] = "http://127.0.0.1:3000",
    settings_dir: Annotated[
        Path, typer.Option("--out", help="Where the settings for a gateway are written.")
    ] = Path("data/simulator"),
    seed: Annotated[int | None, typer.Option(help="Repeats ids and chance.")] = None,
) -> None:
    """Run a local Vonage; it prints the settings under which a gateway uses it.

    Example: wirephoto simulate --port 8900
    """
    credentials = make_credentials()
    settings = replace(
        credentials.settings(),
        status_url=f"{webhooks}/webhooks/status",
        inbound_url=f"{webhooks}/webhooks/inbound",
        seed=seed,
    )
    key_path = settings_dir / "private.key"
    settings_dir.mkdir(parents=True, exist_ok=True)
    key_path.touch(mode=0o600)
    key_path.write_text(credentials.private_key)
    environment = {
        "VONAGE_API_KEY": credentials.api_key,
        "VONAGE_API_SECRET": credentials.api_secret,
        "VONAGE_APPLICATION_ID": credentials.application_id,
        "VONAGE_PRIVATE_KEY_PATH": str(key_path),
        "VONAGE_SIGNATURE_SECRET": credentials.signature_secret,
        "VONAGE_SENDER_NUMBER": "12025550100",
    }
    try:
        run(_simulate(settings, port, environment, settings_dir, tls=tls))
    except OSError as error:
        print(f"127.0.0.1:{port}: {error.strerror or error}", file=sys.stderr)
        raise typer.Exit(1) from error


async def _simulate(
    settings: SimulatorSettings,
    port: int,
    environment: dict[str, str],
    folder: Path,
    *,
    tls: bool,
) -> None:
    simulator = Simulator(settings)
    url = await simulator.start(port=port, tls=tls)
    environment["VONAGE_BASE_URL"] = url
    env_file = folder / "gateway.env"
    env_file.touch(mode=0o600)
    env_file.write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
    if simulator.certificate:
        (folder / "certificate.pem").write_text(simulator.certificate)
    try:
        print(f"The simulator listens on {url}")
        print(f"A gateway uses it with: wirephoto serve --env-file {env_file}", flush=True)
        await until_told_to_stop()
    finally:
        await simulator.stop()
