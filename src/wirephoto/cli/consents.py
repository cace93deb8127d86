"""`wirephoto consents`: who agreed to hear from you."""

import asyncio
import csv
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from wirephoto.api.consents import consent_view
from wirephoto.bootstrap import open_current
from wirephoto.bootstrap.rules import consent_policy
from wirephoto.cli.keys import LINE_CHARS_MAX, Json
from wirephoto.cli.operating import (
    LISTED_MAX,
    as_document,
    bad_parameter,
    number_hash,
    phone_of,
    read_lines,
    refused_rows,
)
from wirephoto.cli.serve import EnvFile
from wirephoto.clock import SystemClock
from wirephoto.config import ENV_FILE, load_settings
from wirephoto.domain.consent import ConsentClass
from wirephoto.engine.consent_list import COLUMNS, ConsentList, as_cells
from wirephoto.engine.senders import SenderDirectory
from wirephoto.errors import RequestRefused
from wirephoto.ids import Ids
from wirephoto.storage.schema import DEFAULT_TENANT

Done = TypeVar("Done")
_PAGE = 1_000

app = typer.Typer(help="See and add to the records of consent.", no_args_is_help=True)


@app.command("list")
def list_(
    recipient: Annotated[
        str | None, typer.Argument(metavar="[TO]", help="Only those of this number.")
    ] = None,
    as_json: Json = False,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """List consents, the newest first.

    Example: wirephoto consents list +12125550123
    """
    number = None if recipient is None else phone_of(recipient)
    rows = _with_list(env_file, lambda consents: consents.page(recipient=number, limit=LISTED_MAX))
    if as_json:
        print(as_document([consent_view(row) for row in rows]))
        return
    columns = ("id", "recipient", "brand", "class", "method", "given", "until")
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        consent = row.consent
        table.add_row(
            consent.id,
            consent.recipient or "(erased)",
            consent.brand_id,
            consent.consent_class.value,
            consent.method.value,
            f"{consent.given_at:%Y-%m-%d %H:%M}",
            f"{consent.expires_at:%Y-%m-%d}" if consent.expires_at else "-",
        )
    Console(width=LINE_CHARS_MAX).print(table)


@app.command("revoke")
def revoke(
    recipient: Annotated[str, typer.Argument(metavar="TO", help="The number.")],
    sender: Annotated[str | None, typer.Option(help="The sender whose brand it is about.")] = None,
    consent_class: Annotated[
        ConsentClass | None, typer.Option("--class", help="Only of this class.")
    ] = None,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """End a number's consents with a brand, and block what waits and needs one.

    Example: wirephoto consents revoke +12125550123 --class marketing
    """
    blocked = _with_list(
        env_file,
        lambda consents: consents.revoke(recipient, sender=sender, consent_class=consent_class),
    )
    print(f"The consents have ended; {blocked:,} messages that waited are blocked.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV, or - for standard input.")],
    dry_run: Annotated[bool, typer.Option(help="Only say what is wrong with it.")] = False,
    env_file: EnvFile = ENV_FILE,
) -> None:
    """Import consents: every row of a CSV, or none. Its first line names the columns.

    Example: wirephoto consents import consents.csv --dry-run
    """
    lines = read_lines(file)
    try:
        rows = _with_list(
            env_file, lambda consents: consents.import_csv(lines, dry_run=dry_run), bare=True
        )
    except RequestRefused as refused:
        raise refused_rows(refused) from refused
    print(f"{rows:,} rows are good." if dry_run else f"{rows:,} consents are on record.")


@app.command("export")
def export(env_file: EnvFile = ENV_FILE) -> None:
    """Write every consent to standard output, as a CSV that `import` takes.

    Example: wirephoto consents export > consents.csv
    """
    out = csv.writer(sys.stdout)

    async def write(consents: ConsentList) -> None:
        out.writerow(COLUMNS)
        before_id: str | None = None
        while page := await consents.page(before_id=before_id, limit=_PAGE):
            out.writerows(as_cells(row) for row in page)
            before_id = page[-1].consent.id

    _with_list(env_file, write)


def _with_list(
    env_file: Path, act: Callable[[ConsentList], Awaitable[Done]], *, bare: bool = False
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
                ConsentList(
                    database,
                    directory=SenderDirectory(database, clock),
                    numbers=await number_hash(settings, database),
                    policy=consent_policy(settings),
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
