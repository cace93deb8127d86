"""What the commands share that steer senders and campaigns."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer

from wirephoto.bootstrap import hash_key, open_current
from wirephoto.clock import SystemClock
from wirephoto.config import Settings, load_settings
from wirephoto.domain.keyed_hash import NumberHash
from wirephoto.domain.phone import Refusal, parse_recipient
from wirephoto.engine.operator import Operator
from wirephoto.errors import RequestRefused
from wirephoto.ids import Ids
from wirephoto.storage.database import Database
from wirephoto.storage.schema import DEFAULT_TENANT

Done = TypeVar("Done")
Reason = Annotated[
    str | None, typer.Option(help="Why, for whoever finds it paused: 1 to 200 characters.")
]
LISTED_MAX = 100_000


def operate(env_file: Path, act: Callable[[Operator], Awaitable[Done]]) -> Done:
    """Return what `act` does over the database that the settings name.

    Raises:
        BadParameter: what was typed breaks a rule.
    """
    settings = load_settings(env_file=env_file, roles=frozenset())

    async def done() -> Done:
        database = await open_current(settings.database_url)
        try:
            return await act(
                Operator(
                    database,
                    tenant_id=DEFAULT_TENANT,
                    actor="cli",
                    clock=SystemClock(),
                    ids=Ids(),
                )
            )
        finally:
            await database.close()

    try:
        return asyncio.run(done())
    except RequestRefused as refused:
        raise bad_parameter(refused) from refused


def bad_parameter(refused: RequestRefused) -> typer.BadParameter:
    """Return the wrong use that a refusal is at the command line."""
    fault = refused.faults[0]
    return typer.BadParameter(fault.message, param_hint=fault.field)


def found(one: Done | None, name: str, kind: str) -> Done:
    """Return what was found under a name; the command ends with 1 where nothing was."""
    if one is None:
        typer.echo(f"{name}: there is no such {kind}", err=True)
        raise typer.Exit(1)
    return one


async def number_hash(settings: Settings, database: Database) -> NumberHash:
    """Return what hashes numbers: under the settings' secrets, and the installation's own key."""
    numbers = NumberHash([secret.get_secret_value() for secret in settings.secret])
    numbers.learn(await hash_key(database))
    return numbers


def as_document(views: Sequence[msgspec.Struct] | msgspec.Struct) -> str:
    """Return the JSON that the interface gives of it, or of each."""
    return msgspec.json.format(msgspec.json.encode(views), indent=2).decode()


def phone_of(typed: str) -> str:
    """Return a phone's number as stored.

    Raises:
        BadParameter: it is none.
    """
    number = parse_recipient(typed, fictional_allowed=True)
    if isinstance(number, Refusal):
        raise typer.BadParameter(number.message, param_hint="TO")
    return number.e164


def read_lines(file: Path) -> list[str]:
    """Return the lines of a file of text, or of standard input for `-`.

    Raises:
        BadParameter: it cannot be read.
    """
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"cannot be read: {error}", param_hint="FILE") from error
    return text.splitlines(keepends=True)


def refused_rows(refused: RequestRefused) -> typer.Exit:
    """Name each fault of a file that was to be imported; return the end of the command."""
    for fault in refused.faults:
        typer.echo(f"{fault.field}: {fault.message}", err=True)
    typer.echo("Nothing was imported.", err=True)
    return typer.Exit(1)
