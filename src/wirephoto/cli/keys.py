"""`wirephoto keys`: make, list and revoke API keys."""

import asyncio
import json
import os
import sys
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import make_url

from wirephoto.bootstrap import open_current
from wirephoto.cli.serve import EnvFile
from wirephoto.clock import SystemClock
from wirephoto.config import ENV_FILE, Settings, load_settings
from wirephoto.domain.api_key import KeyMode, Scope, key_hash, key_hint, make_key
from wirephoto.ids import Ids
from wirephoto.storage.audit import AuditEntry, insert_audit
from wirephoto.storage.keys import ApiKey, insert_key, list_keys, revoke_key
from wirephoto.storage.schema import DEFAULT_TENANT

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)
LINE_CHARS_MAX = 400
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("create")
def create(
    name: Annotated[str, typer.Option(help="What the key is for.")],
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may do; several may be given.")
    ] = None,
    as_json: Json = False,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Make an API key and print it, this once; only its hash is kept.

    Example: wirephoto keys create --name shop --scope send --scope read
    """
    if not name.strip():
        raise typer.BadParameter("must not be empty", param_hint="--name")
    settings = load_settings(env_file=env_file, roles=frozenset())
    scopes = scope or [Scope.SEND, Scope.READ]
    key_id, key = asyncio.run(create_key(settings, name, scopes))
    if as_json:
        made = {"id": key_id, "key": key, "name": name, "scopes": scopes}
        print(json.dumps(made))
    else:
        print(key)
        database = make_url(settings.database_url.get_secret_value())
        where = database.render_as_string(hide_password=True)
        print(f"{key_id} ({name}) is in {where}.", file=sys.stderr)
        print("Keep the key now: it is not shown again.", file=sys.stderr)


async def create_key(settings: Settings, name: str, scopes: list[Scope]) -> tuple[str, str]:
    """Store a new key; return its id and the key itself."""
    key, now = make_key(KeyMode.LIVE, os.urandom), SystemClock().now()
    stored = ApiKey(
        id=Ids().new("key", now),
        tenant_id=DEFAULT_TENANT,
        name=name,
        mode=KeyMode.LIVE,
        scopes=tuple(scopes),
        hint=key_hint(key),
        key_hash=key_hash(key),
        created_at=now,
    )
    database = await open_current(settings.database_url)
    try:
        async with database.transaction() as tx:
            await insert_key(tx, stored)
            await insert_audit(tx, [_entry("key.create", stored.id, now, name=name)])
    finally:
        await database.close()
    return stored.id, key


@app.command("list")
def list_(as_json: Json = False, env_file: EnvFile = ENV_FILE) -> None:
    """List the keys, the newest first.

    Example: wirephoto keys list
    """
    settings = load_settings(env_file=env_file, roles=frozenset())
    keys = asyncio.run(_list(settings))
    if as_json:
        print(json.dumps([_public(key) for key in keys]))
        return
    table = Table("id", "key", "created", "revoked", "scopes", "name", box=None, pad_edge=False)
    for key in keys:
        created, revoked = _day(key.created_at), _day(key.revoked_at)
        name, scopes = escape(key.name), ", ".join(key.scopes)
        table.add_row(key.id, key.hint, created, revoked, scopes, name)
    # A narrow terminal may break the lines: what is cut off instead cannot be copied.
    Console(width=LINE_CHARS_MAX).print(table)


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `keys list` shows it.")],
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Revoke a key; within five seconds no process takes it any more.

    Example: wirephoto keys revoke key_01m84c4fdwegzrcdvqsdb9znzp
    """
    settings = load_settings(env_file=env_file, roles=frozenset())
    if not asyncio.run(_revoke(settings, key_id)):
        print(f"There is no live key {key_id}.", file=sys.stderr)
        raise typer.Exit(1)
    print(f"{key_id} is revoked.")


async def _list(settings: Settings) -> list[ApiKey]:
    database = await open_current(settings.database_url)
    try:
        async with database.read() as tx:
            return await list_keys(tx, DEFAULT_TENANT)
    finally:
        await database.close()


async def _revoke(settings: Settings, key_id: str) -> bool:
    database = await open_current(settings.database_url)
    try:
        now = SystemClock().now()
        async with database.transaction() as tx:
            revoked = await revoke_key(tx, DEFAULT_TENANT, key_id, now)
            if revoked:
                await insert_audit(tx, [_entry("key.revoke", key_id, now)])
            return revoked
    finally:
        await database.close()


def _entry(act: str, key_id: str, now: datetime, **detail: str) -> AuditEntry:
    """Return what the audit trail keeps of an act at this command line."""
    return AuditEntry(
        id=Ids().new("aud", now),
        tenant_id=DEFAULT_TENANT,
        actor="cli",
        act=act,
        object=key_id,
        at=now,
        detail=detail,
    )


def _day(instant: datetime | None) -> str:
    return instant.date().isoformat() if instant else ""


def _public(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "hint": key.hint,
        "mode": key.mode,
        "scopes": list(key.scopes),
        "created_at": key.created_at.isoformat(),
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }
