"""Databases that take nothing more: full, read-only, or both by turns, while a gateway works."""

import os
import resource
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any

import asyncpg
from sqlalchemy import event, text

from wirephoto.storage.database import Database

Fault = Callable[[Database], AbstractAsyncContextManager[None]]
_WRITTEN = ("messages", "attempts", "events", "webhooks", "idempotency_keys", "campaigns")


@asynccontextmanager
async def full_file(database: Database) -> AsyncIterator[None]:
    """Let a SQLite file grow no further."""
    pages = await _pragma(database, "page_count")
    await _pragma(database, f"max_page_count={pages}")
    yield
    await _pragma(database, "max_page_count=1000000000")


@asynccontextmanager
async def query_only(database: Database) -> AsyncIterator[None]:
    """Let the connection that writes a SQLite file only read it."""
    await _pragma(database, "query_only=ON")
    yield
    # Such a connection cannot begin to write, not even to be told that it may again.
    await database.writer.dispose()


@asynccontextmanager
async def read_only_file(database: Database) -> AsyncIterator[None]:
    """Open a SQLite file for reading, whoever wants to write: as on a disk mounted so."""
    engine = database.writer.sync_engine

    def connect(dialect: Any, _record: Any, _arguments: Any, parameters: Any) -> Any:
        address = f"file:{engine.url.database}?mode=ro"
        return dialect.connect(address, **(parameters | {"uri": True}))

    event.listen(engine, "do_connect", connect)
    await database.writer.dispose()
    yield
    event.remove(engine, "do_connect", connect)
    await database.writer.dispose()


@asynccontextmanager
async def read_only_server(database: Database) -> AsyncIterator[None]:
    """Let every new connection to a PostgreSQL database only read, as after a fail-over."""
    name = database.writer.url.database
    await _administer(database, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await database.writer.dispose()
    yield
    await _administer(
        database,
        "SET default_transaction_read_only = off",
        f"ALTER DATABASE {name} RESET default_transaction_read_only",
    )
    await database.writer.dispose()


@asynccontextmanager
async def full_server(database: Database) -> AsyncIterator[None]:
    """Let a PostgreSQL server say that its disk is full, whatever is to be stored."""
    await _administer(
        database,
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'could not extend file: No space left on device' "
        "USING ERRCODE = 'disk_full'; END $$",
        *[
            f"CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON {table} EXECUTE FUNCTION no_room()"
            for table in _WRITTEN
        ],
    )
    yield
    await _administer(database, "DROP FUNCTION no_room CASCADE")


async def _pragma(database: Database, pragma: str) -> Any:
    async with database.transaction() as tx:
        result = await tx.execute(text(f"PRAGMA {pragma}"))
        return result.scalar() if result.returns_rows else None


async def _administer(database: Database, *statements: str) -> None:
    url = database.writer.url.set(drivername="postgresql")
    connection: Any = await asyncpg.connect(url.render_as_string(hide_password=False))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@contextmanager
def files_at_most(size: int, pid: int = 0) -> Iterator[None]:
    """Let no file grow beyond `size` bytes by the hand of a process, by default this one."""
    pid = pid or os.getpid()
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
