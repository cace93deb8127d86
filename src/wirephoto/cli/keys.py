"""`wirephoto keys`: make, list, replace and revoke API keys."""

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import make_url

from wirephoto.bootstrap import open_current
from wirephoto.cli.serve import EnvFile
from wirephoto.clock import SystemClock
from wirephoto.config import ENV_FILE, Settings, load_settings
from wirephoto.domain.api_key import SAFE_CATEGORIES, Scope
from wirephoto.domain.message import Category
from wirephoto.engine.keyring import OVERLAP_MAX, Crowded, Issued, Keyring, Wanted
from wirephoto.errors import RequestRefused
from wirephoto.ids import Ids
from wirephoto.storage.keys import ApiKey
from wirephoto.storage.schema import DEFAULT_TENANT

app = typer.Typer(help="Make, list, replace and revoke API keys.", no_args_is_help=True)
LINE_CHARS_MAX = 400
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
TenantId = Annotated[str, typer.Option("--tenant", metavar="ID", help="Whose they are.")]
Done = TypeVar("Done")
_DURATION = re.compile(r"(\d{1,6})([smhd])").fullmatch
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@app.command("create")
def create(
    name: Annotated[str, typer.Option(help="What the key is for.")],
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may do; several may be given.")
    ] = None,
    sender: Annotated[
        list[str] | None,
        typer.Option(help="A number or pool that it may send from; several may be given."),
    ] = None,
    category: Annotated[
        list[Category] | None,
        typer.Option(help="What it may send; several may be given. Else all but `emergency`."),
    ] = None,
    expires_in: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long it lives, such as 90d.")
    ] = None,
    tenant: TenantId = DEFAULT_TENANT,
    as_json: Json = False,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Make an API key and print it, this once; only its hash is kept.

    Example: wirephoto keys create --name shop --scope send --scope read
    """
    if not name.strip():
        raise typer.BadParameter("must not be empty", param_hint="--name")
    lifetime = _duration("--expires-in", expires_in) if expires_in else None
    wanted = Wanted(
        name=name,
        scopes=list(dict.fromkeys(scope or (Scope.SEND, Scope.READ))),
        senders=sender or (),
        categories=category or sorted(SAFE_CATEGORIES),
        expires_at=SystemClock().now() + lifetime if lifetime else None,
    )
    settings = load_settings(env_file=env_file, roles=frozenset())
    _show(settings, _act(settings, tenant, lambda keys: keys.create(wanted)), as_json=as_json)


@app.command("list")
def list_(
    tenant: TenantId = DEFAULT_TENANT, as_json: Json = False, env_file: EnvFile = ENV_FILE
) -> None:
    """List the keys, the newest first.

    Example: wirephoto keys list
    """
    settings = load_settings(env_file=env_file, roles=frozenset())
    keys = _act(settings, tenant, lambda keys: keys.keys())
    if as_json:
        print(json.dumps([_public(key) for key in keys]))
        return
    columns = ("id", "key", "created", "used", "ends", "scopes", "senders", "name")
    table = Table(*columns, box=None, pad_edge=False)
    for key in keys:
        table.add_row(
            key.id,
            key.hint,
            _day(key.created_at),
            _day(key.last_used_at),
            f"{_day(key.revoked_at)} revoked" if key.revoked_at else _day(key.expires_at),
            ", ".join(key.scopes),
            escape(", ".join(key.senders) or "all"),
            escape(key.name),
        )
    # A narrow terminal may break the lines: what is cut off instead cannot be copied.
    Console(width=LINE_CHARS_MAX).print(table)


@app.command("rotate")
def rotate(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `keys list` shows it.")],
    overlap: Annotated[
        str, typer.Option(metavar="TIME", help="How long the old one goes on, such as 30m or 2d.")
    ] = "24h",
    tenant: TenantId = DEFAULT_TENANT,
    as_json: Json = False,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Replace a key by one with the same rights; the old one goes on for a while.

    Example: wirephoto keys rotate key_01m84c4fdwegzrcdvqsdb9znzp --overlap 24h
    """
    lasting = _duration("--overlap", overlap)
    if lasting > OVERLAP_MAX:
        raise typer.BadParameter(f"is at most {OVERLAP_MAX.days}d", param_hint="--overlap")
    settings = load_settings(env_file=env_file, roles=frozenset())
    issued = _act(settings, tenant, lambda keys: keys.rotate(key_id, overlap=lasting))
    if isinstance(issued, Crowded):
        ids = " and ".join(issued.live)
        print(f"Two of its family live already, {ids}: revoke one first.", file=sys.stderr)
        raise typer.Exit(1)
    if issued is None:
        raise _no_live_key(key_id)
    _show(settings, issued, as_json=as_json)


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `keys list` shows it.")],
    tenant: TenantId = DEFAULT_TENANT,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Revoke a key; within five seconds no process takes it any more.

    Example: wirephoto keys revoke key_01m84c4fdwegzrcdvqsdb9znzp
    """
    settings = load_settings(env_file=env_file, roles=frozenset())
    if not _act(settings, tenant, lambda keys: keys.revoke(key_id)):
        raise _no_live_key(key_id)
    print(f"{key_id} is revoked.")


def _act(settings: Settings, tenant: str, act: Callable[[Keyring], Awaitable[Done]]) -> Done:
    """Return what `act` does with a tenant's keys.

    Raises:
        BadParameter: what was typed breaks a rule.
    """

    async def done() -> Done:
        database = await open_current(settings.database_url)
        try:
            return await act(
                Keyring(database, tenant_id=tenant, actor="cli", clock=SystemClock(), ids=Ids())
            )
        finally:
            await database.close()

    try:
        return asyncio.run(done())
    except RequestRefused as refused:
        fault = refused.faults[0]
        raise typer.BadParameter(fault.message, param_hint=fault.field) from refused


def _show(settings: Settings, issued: Issued, *, as_json: bool) -> None:
    stored = issued.stored
    if as_json:
        made = {"id": stored.id, "key": issued.key, "name": stored.name}
        print(json.dumps(made | {"scopes": list(stored.scopes)}))
        return
    print(issued.key)
    database = make_url(settings.database_url.get_secret_value())
    where = database.render_as_string(hide_password=True)
    print(f"{stored.id} ({stored.name}) is in {where}.", file=sys.stderr)
    print("Keep the key now: it is not shown again.", file=sys.stderr)


def _no_live_key(key_id: str) -> typer.Exit:
    print(f"There is no live key {key_id}.", file=sys.stderr)
    return typer.Exit(1)


def _duration(option: str, typed: str) -> timedelta:
    match = _DURATION(typed)
    if match is None:
        raise typer.BadParameter("is a number and s, m, h or d, such as 24h", param_hint=option)
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def _day(instant: datetime | None) -> str:
    return instant.date().isoformat() if instant else ""


def _instant(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def _public(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "hint": key.hint,
        "mode": key.mode,
        "scopes": list(key.scopes),
        "senders": list(key.senders),
        "categories": list(key.categories),
        "created_at": key.created_at.isoformat(),
        "expires_at": _instant(key.expires_at),
        "last_used_at": _instant(key.last_used_at),
        "revoked_at": _instant(key.revoked_at),
        "family": key.family or key.id,
    }
