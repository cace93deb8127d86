"""`wirephoto simulate`: run the local stand-in for the provider."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from wirephoto.cli.running import no_port, run, until_told_to_stop
from wirephoto.simulator.app import Simulator
from wirephoto.simulator.settings import Credentials, make_credentials


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
        status_url=f"{webhooks.rstrip('/')}/webhooks/status",
        inbound_url=f"{webhooks.rstrip('/')}/webhooks/inbound",
        seed=seed,
    )
    run(_simulate(Simulator(settings), port, credentials, settings_dir.resolve(), tls=tls))


async def _simulate(
    simulator: Simulator, port: int, credentials: Credentials, folder: Path, *, tls: bool
) -> None:
    try:
        url = await simulator.start(port=port, tls=tls)
    except OSError as error:
        raise no_port("127.0.0.1", port, error) from error
    try:
        env_file, trust = folder / "gateway.env", ""
        try:
            _write_settings(env_file, credentials, url)
            if simulator.certificate:
                certificate = folder / "certificate.pem"
                certificate.write_text(simulator.certificate)
                trust = f"SSL_CERT_FILE={shlex.quote(str(certificate))} "
        except OSError as error:
            print(f"{folder}: {error.strerror or error}", file=sys.stderr)
            raise typer.Exit(1) from error
        print(f"The simulator listens on {url}")
        command = f"{trust}wirephoto serve --env-file {shlex.quote(str(env_file))}"
        print(f"A gateway uses it with: {command}", flush=True)
        await until_told_to_stop()
    finally:
        await simulator.stop()


def _write_settings(env_file: Path, credentials: Credentials, url: str) -> None:
    """Write what a gateway needs: it keeps a database of its own, apart from real messages."""
    folder = env_file.parent
    folder.mkdir(parents=True, exist_ok=True)
    key_path = folder / "private.key"
    _write_privately(key_path, credentials.private_key)
    environment = {
        "VONAGE_API_KEY": credentials.api_key,
        "VONAGE_API_SECRET": credentials.api_secret,
        "VONAGE_APPLICATION_ID": credentials.application_id,
        "VONAGE_PRIVATE_KEY_PATH": key_path,
        "VONAGE_SIGNATURE_SECRET": credentials.signature_secret,
        "VONAGE_SENDER_NUMBER": "12025550100",
        "VONAGE_BASE_URL": url,
        "VONAGE_REST_URL": url,
        "DATABASE_URL": f"sqlite:///{folder / 'wirephoto.db'}",
        # The simulator's own sample picture lives on this machine.
        "WIREPHOTO_EGRESS_ALLOW": "127.0.0.0/8",
    }
    lines = [f'{name}="{value}"\n' for name, value in environment.items()]
    _write_privately(env_file, "".join(lines))


def _write_privately(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)
