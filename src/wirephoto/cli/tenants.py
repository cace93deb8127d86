"""`wirephoto tenants`: whose keys, messages and people are kept apart."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wirephoto.bootstrap import open_current
from wirephoto.cli.keys import LINE_CHARS_MAX, Json
from wirephoto.cli.operating import bad_parameter
from wirephoto.cli.serve import EnvFile
from wirephoto.clock import SystemClock
from wirephoto.config import ENV_FILE, load_settings
from wirephoto.domain.registration import parse_rate
from wirephoto.engine.tenants import Tenancies
from wirephoto.errors import RequestRefused
from wirephoto.ids import Ids
from wirephoto.storage.tenants import Tenant

app = typer.Typer(help="Make and list tenants.", no_args_is_help=True)
Done = TypeVar("Done")


@app.command("create")
def create(
    name: Annotated[str, typer.Option(help="What people call it.")],
    sender: Annotated[
        list[str] | None,
        typer.Option(help="A number of the account that becomes its own; several may be given."),
    ] = None,
    rate: Annotated[str, typer.Option(help="What they send together, such as 1 or 50/min.")] = "1",
    as_json: Json = False,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Make a tenant with a brand and a campaign of its own, and print its id.

    Example: wirephoto tenants create --name shop --sender +12025550111
    """
    made = _act(env_file, lambda all_: all_.create(name, sender or (), rate=parse_rate(rate)))
    if as_json:
        print(json.dumps(_public(made)))
        return
    print(made.id)
    print(
        f"Make a key for it: wirephoto keys create --tenant {made.id} --name NAME", file=sys.stderr
    )


@app.command("list")
def list_(as_json: Json = False, env_file: EnvFile = ENV_FILE) -> None:
    """List the tenants, the oldest first.

    Example: wirephoto tenants list
    """
    found = _act(env_file, lambda all_: all_.tenants())
    if as_json:
        print(json.dumps([_public(tenant) for tenant in found]))
        return
    table = Table("id", "created", "name", box=None, pad_edge=False)
    for tenant in found:
        table.add_row(tenant.id, tenant.created_at.date().isoformat(), escape(tenant.name))
    Console(width=LINE_CHARS_MAX).print(table)


def _act(env_file: EnvFile, act: Callable[[Tenancies], Awaitable[Done]]) -> Done:
    settings = load_settings(env_file=env_file, roles=frozenset())

    async def done() -> Done:
        database = await open_current(settings.database_url)
        try:
            return await act(Tenancies(database, actor="cli", clock=SystemClock(), ids=Ids()))
        finally:
            await database.close()

    try:
        return asyncio.run(done())
    except RequestRefused as refused:
        raise bad_parameter(refused) from refused


def _public(tenant: Tenant) -> dict[str, object]:
    return {"id": tenant.id, "name": tenant.name, "created_at": tenant.created_at.isoformat()}
