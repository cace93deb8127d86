"""`wirephoto db`: look after the database."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy import make_url

from wirephoto.cli.serve import EnvFile
from wirephoto.config import ENV_FILE, load_settings
from wirephoto.errors import BackupRefused
from wirephoto.storage.backup import back_up
from wirephoto.storage.database import open_database
from wirephoto.storage.examination import Finding, examine
from wirephoto.storage.migrations import check, upgrade

app = typer.Typer(help="Look after the database.", no_args_is_help=True)


@app.command("upgrade")
def upgrade_(env_file: EnvFile = ENV_FILE) -> None:
    """Bring the schema up to date; `serve` does it too.

    Example: wirephoto db upgrade
    """
    revision = asyncio.run(_upgrade(_database_url(env_file)))
    print(f"The schema is at revision {revision}.")


@app.command("backup")
def backup(
    file: Annotated[Path, typer.Argument(help="Where the copy is to be.", metavar="FILE")],
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Copy the database as it is now to FILE, whether the gateway runs or not.

    FILE is a SQLite database, or an archive for PostgreSQL's pg_restore. It is there whole or not
    at all, and only its owner may read it.

    Example: wirephoto db backup backups/monday.db
    """
    url = _database_url(env_file)
    # As after an interrupt, a copy that was begun must not be left behind.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Console(stderr=True).status("copying the database") as status:
            back_up(url, file, force=force, tell=status.update)
    except BackupRefused as refused:
        raise typer.BadParameter(str(refused), param_hint="FILE") from refused
    finally:
        signal.signal(signal.SIGTERM, before)
    print(f"{file} holds the database, {file.stat().st_size / 1e6:,.1f} MB.")


@app.command("check")
def check_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Check that the rows fit together, whether the gateway runs or not; nothing is written.

    The exit code is 1 where something does not hold.

    Example: wirephoto db check
    """
    findings = asyncio.run(_examine(_database_url(env_file), None if as_json else _print))
    holds = all(finding.holds for finding in findings)
    if as_json:
        told = {"holds": holds, "invariants": [_public(finding) for finding in findings]}
        print(json.dumps(told, indent=2))
    raise typer.Exit(0 if holds else 1)


@app.callback()
def database() -> None:
    """Look after the database."""


def _database_url(env_file: Path) -> str:
    settings = load_settings(env_file=env_file, roles=frozenset())
    return settings.database_url.get_secret_value()


async def _upgrade(url: str) -> str:
    opened = open_database(url)
    try:
        return await upgrade(opened)
    finally:
        await opened.close()


async def _examine(url: str, tell: Callable[[Finding], None] | None) -> list[Finding]:
    """Return how each invariant stands, and tell of each as soon as it is known."""
    _must_exist(url)
    opened = open_database(url)
    try:
        await check(opened)
        findings = []
        async for finding in examine(opened):
            findings.append(finding)
            if tell:
                tell(finding)
        return findings
    finally:
        await opened.close()


def _must_exist(url: str) -> None:
    """End where a SQLite file is not there: whoever opens it would make an empty one."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        print(f"DATABASE_URL: there is no database at {parsed.database}", file=sys.stderr)
        raise typer.Exit(1)


def _print(finding: Finding) -> None:
    invariant = finding.invariant
    line = f"{'✓' if finding.holds else '✗'} {invariant.name}: {invariant.sentence}"
    if not finding.holds:
        named = ", ".join(finding.ids) + (", …" if finding.count > len(finding.ids) else "")
        line += f" Broken by {finding.count}: {named}"
    print(line, flush=True)


def _public(finding: Finding) -> dict[str, object]:
    return {
        "name": finding.invariant.name,
        "sentence": finding.invariant.sentence,
        "holds": finding.holds,
        "count": finding.count,
        "ids": list(finding.ids),
    }
