"""`wirephoto opt-outs`: who must not be written to."""

import asyncio
import csv
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wirephoto.api.opt_outs import opt_out_view
from wirephoto.bootstrap import open_current
from wirephoto.cli.keys import LINE_CHARS_MAX, Json
from wirephoto.cli.operating import (
    LISTED_MAX,
    as_document,
    bad_parameter,
    found,
    number_hash,
    phone_of,
    read_lines,
    refused_rows,
)
from wirephoto.cli.serve import EnvFile
from wirephoto.clock import SystemClock
from wirephoto.config import ENV_FILE, load_settings
from wirephoto.domain.opt_out import OptOutScope
from wirephoto.engine.opt_out_list import EXPORTED, OptOutList, Wanted, as_cells
from wirephoto.engine.senders import SenderDirectory
from wirephoto.errors import RequestRefused
from wirephoto.ids import Ids
from wirephoto.storage.schema import DEFAULT_TENANT

Done = TypeVar("Done")
_PAGE = 1000

app = typer.Typer(help="See and change who must not be written to.", no_args_is_help=True)


@app.command("list")
def list_(
    recipient: Annotated[
        str | None, typer.Argument(metavar="[TO]", help="Only those of this number.")
    ] = None,
    ended: Annotated[bool, typer.Option(help="Those too that have been taken back.")] = False,
    as_json: Json = False,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """List opt-outs, the newest first.

    Example: wirephoto opt-outs list +12125550123 --ended
    """
    number = None if recipient is None else phone_of(recipient)
    rows = _with_list(
        env_file, lambda opt_outs: opt_outs.page(recipient=number, ended=ended, limit=LISTED_MAX)
    )
    if as_json:
        print(as_document([opt_out_view(row) for row in rows]))
        return
    columns = ("id", "recipient", "scope", "source", "since", "until", "reason")
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(
            row.id,
            row.recipient or "(erased)",
            row.opt_out.scope.value,
            row.opt_out.source.value,
            f"{row.created_at:%Y-%m-%d %H:%M}",
            f"{row.ended_at:%Y-%m-%d %H:%M}" if row.ended_at else "-",
            escape(row.opt_out.reason),
        )
    Console(width=LINE_CHARS_MAX).print(table)


@app.command("add")
def add(
    recipient: Annotated[str, typer.Argument(metavar="TO", help="The number.")],
    reason: Annotated[str, typer.Option(help="Why: nobody but you can lift it.")],
    sender: Annotated[
        str | None, typer.Option(help="Only from this sender's brand, or from it alone.")
    ] = None,
    scope: Annotated[OptOutScope | None, typer.Option(help="How far it reaches.")] = None,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Opt somebody out, and block what waits for them.

    Example: wirephoto opt-outs add +12125550123 --reason "asked by phone"
    """
    wanted = Wanted(recipient, reason, scope, sender)
    row = _with_list(env_file, lambda opt_outs: opt_outs.add(wanted))
    print(f"{row.id} stands: nothing more goes to {row.recipient}.")


@app.command("lift")
def lift(
    opt_out_id: Annotated[str, typer.Argument(metavar="ID", help="The opt-out's id.")],
    reason: Annotated[str, typer.Option(help="What the recipient agreed to.")],
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Lift an opt-out. Only its recipient can ask for that.

    Example: wirephoto opt-outs lift opt_01kjxsk7r0eheprta8jab2vs3w --reason "signed up again"
    """
    row = _with_list(env_file, lambda opt_outs: opt_outs.lift(opt_out_id, reason))
    print(f"{found(row, opt_out_id, 'opt-out').id} has ended.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV, or - for standard input.")],
    dry_run: Annotated[bool, typer.Option(help="Only say what is wrong with it.")] = False,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Import opt-outs: every row of a CSV, or none.

    Its first line names the columns: `recipient`, and at will `reason`, `scope` and `sender`.

    Example: wirephoto opt-outs import list.csv --dry-run
    """
    lines = read_lines(file)
    try:
        rows, new = _with_list(
            env_file, lambda opt_outs: opt_outs.import_csv(lines, dry_run=dry_run), bare=True
        )
    except RequestRefused as refused:
        raise refused_rows(refused) from refused
    print(f"{rows:,} rows are good." if dry_run else f"{rows:,} rows, {new:,} of them new.")


@app.command("export")
def export(env_file: EnvFile = ENV_FILE) -> None:
    """Write every opt-out that stands to standard output, as a CSV that `import` takes.

    Example: wirephoto opt-outs export > opt-outs.csv
    """
    out = csv.writer(sys.stdout)

    async def write(opt_outs: OptOutList) -> None:
        out.writerow(EXPORTED)
        before_id: str | None = None
        while page := await opt_outs.page(before_id=before_id, limit=_PAGE):
            out.writerows(as_cells(row) for row in page)
            before_id = page[-1].id

    _with_list(env_file, write)


def _with_list(
    env_file: Path, act: Callable[[OptOutList], Awaitable[Done]], *, bare: bool = False
) -> Done:
    """Return what `act` does over the database that the settings name.

    Raises:
        BadParameter: what was typed breaks a rule; with `bare` it is the refusal itself.
    """
    settings = load_settings(env_file=env_file, roles=frozenset())

    async def done() -> Done:
        database = await open_current(settings.database_url)
        try:
            clock = SystemClock()
            return await act(
                OptOutList(
                    database,
                    directory=SenderDirectory(database, clock),
                    numbers=await number_hash(settings, database),
                    tenant_id=DEFAULT_TENANT,
                    actor="cli",
                    clock=clock,
                    ids=Ids(),
                )
            )
        finally:
            await database.close()

    try:
        return asyncio.run(done())
    except RequestRefused as refused:
        if bare:
            raise
        raise bad_parameter(refused) from refused
