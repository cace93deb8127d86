"""The kill test by hand, as long as one likes: exit code 1 when a promise was broken."""

import asyncio
import contextlib
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal
from uuid import uuid4

import typer

from tests.postgres import administer, named, running_server
from tests.scenarios.kill.plan import Plan
from tests.scenarios.kill.run import run


def main(
    messages: Annotated[int, typer.Option(help="How many are sent.", min=100)] = 10_000,
    kills: Annotated[int, typer.Option(help="How often a process is killed.", min=0)] = 20,
    drop: Annotated[
        float, typer.Option(help="The share of answers that are dropped.", min=0, max=1)
    ] = 0.05,
    database: Annotated[Literal["sqlite", "postgres"], typer.Option()] = "sqlite",
    seed: Annotated[int, typer.Option(help="Chooses orders, faults and kills.")] = 1,
    keep: Annotated[
        Path | None, typer.Option(help="A new folder for the logs and the SQLite file, to look at.")
    ] = None,
) -> None:
    """Send messages while gateway processes are killed; then ask the provider what it accepted."""
    # As with Ctrl-C: whatever was started is ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    plan = Plan(messages=messages, kills=kills, drop=drop, seed=seed)
    # Before anything can go wrong: whoever sees it fail repeats it.
    typer.echo(f"{messages} messages, {kills} kills, {drop:.0%} dropped, {database}, seed {seed}")
    with _folder(keep) as folder, _database(database, folder) as url:
        report = asyncio.run(run(plan, url, folder))
    typer.echo(report)
    raise typer.Exit(1 if report.broken else 0)


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep:
        keep.mkdir(parents=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="wirephoto-kill-") as folder:
        yield Path(folder)


@contextlib.contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    """Give the address of an empty database."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/wirephoto.db"
        return
    name = f"wirephoto_{uuid4().hex}"
    with running_server() as server:
        asyncio.run(administer(server, f"CREATE DATABASE {name}"))
        try:
            yield named(server, name)
        finally:
            asyncio.run(administer(server, f"DROP DATABASE {name} WITH (FORCE)"))


typer.run(main)
