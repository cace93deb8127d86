"""Races of two sessions of one PostgreSQL, stepped by hand: one waits for what the other holds."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tests.engine.stage import eventually
from wirephoto.storage.database import Database, Transaction

Result = TypeVar("Result")


class Undone(Exception):
    """Ends the first session without a commit, as a process does that is killed."""


async def race(
    database: Database,
    first: Callable[[Transaction], Awaitable[object]],
    second: Callable[[], Awaitable[Result]],
    *,
    first_is_undone: bool = False,
) -> Result:
    """Do `first` in a transaction that ends only when `second` waits for its locks.

    Return what `second` returned.
    """
    waiting: asyncio.Future[Result]
    with contextlib.suppress(Undone):
        async with database.transaction() as tx:
            await first(tx)
            waiting = asyncio.ensure_future(second())
            await eventually(lambda: _waits(database, waiting))
            if first_is_undone:
                raise Undone
    return await waiting


async def _waits(database: Database, running: "asyncio.Future[Result]") -> bool:
    assert not running.done(), "it should have waited for the other session"
    return await waits_for_a_lock(database)


async def waits_for_a_lock(database: Database) -> bool:
    """Tell whether a session waits for a row that another one holds."""
    async with database.read() as tx:
        waiting = await tx.connection.exec_driver_sql(
            "SELECT count(*) FROM pg_locks WHERE NOT granted"
        )
        return bool(waiting.scalar_one() > 0)
