"""`wirephoto db`: look after the database."""

import asyncio

import typer

from wirephoto.cli.serve import EnvFile
from wirephoto.config import ENV_FILE, load_settings
from wirephoto.storage.database import open_database
from wirephoto.storage.migrations import upgrade

app = typer.Typer(help="Look after the database.", no_args_is_help=True)


@app.command("upgrade")
def upgrade_(env_file: EnvFile = ENV_FILE) -> None:
    """Bring the schema up to date; `serve` does it too.

    Example: wirephoto db upgrade
    """
    settings = load_settings(env_file=env_file, roles=frozenset())
    revision = asyncio.run(_upgrade(settings.database_url.get_secret_value()))
    print(f"The schema is at revision {revision}.")


@app.callback()
def database() -> None:
    """Look after the database."""


async def _upgrade(url: str) -> str:
    opened = open_database(url)
    try:
        return await upgrade(opened)
    finally:
        await opened.close()
