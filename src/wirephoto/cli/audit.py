"""`wirephoto audit`: who did what."""

import asyncio
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wirephoto.bootstrap import open_current
from wirephoto.cli.keys import LINE_CHARS_MAX, Json
from wirephoto.cli.serve import EnvFile
from wirephoto.config import ENV_FILE, Settings, load_settings
from wirephoto.storage.audit import AuditEntry, list_audit
from wirephoto.storage.schema import DEFAULT_TENANT

LISTED_MAX = 1000


def audit(
    limit: Annotated[
        int, typer.Option(help="How many entries, the newest first.", min=1, max=LISTED_MAX)
    ] = 50,
    as_json: Json = False,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """List what people and commands did, the newest first.

    Example: wirephoto audit --limit 10
    """
    settings = load_settings(env_file=env_file, roles=frozenset())
    entries = asyncio.run(_list(settings, limit))
    if as_json:
        print(json.dumps([_public(entry) for entry in entries]))
        return
    table = Table("at", "actor", "act", "object", "detail", box=None, pad_edge=False)
    for entry in entries:
        detail = ", ".join(f"{name}: {value}" for name, value in entry.detail.items())
        at = entry.at.isoformat(timespec="seconds")
        table.add_row(at, entry.actor, entry.act, escape(entry.object), escape(detail))
    Console(width=LINE_CHARS_MAX).print(table)


async def _list(settings: Settings, limit: int) -> list[AuditEntry]:
    database = await open_current(settings.database_url)
    try:
        async with database.read() as tx:
            return await list_audit(tx, DEFAULT_TENANT, before_id=None, limit=limit)
    finally:
        await database.close()


def _public(entry: AuditEntry) -> dict[str, object]:
    return {
        "id": entry.id,
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "act": entry.act,
        "object": entry.object,
        "detail": dict(entry.detail),
    }
