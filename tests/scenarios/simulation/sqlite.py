"""SQLite without threads: connections as the asynchronous driver has them, calls made inline.

Each call gives way first, so that everything else may happen before it, and may fail or take its
time as the weather wants. A commit gives way afterwards as well: a process may die between its
commit and the news of it.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

from tests.scenarios.simulation.loop import FATE, Fate, SimulatedLoop
from tests.scenarios.simulation.weather import Weather

_FAULTS = ("disk I/O error", "database or disk is full")
_REPLACED = {"PRAGMA synchronous=FULL": "PRAGMA synchronous=OFF"}


class Disk:
    """Where the database lies, and all open connections to it by the process that has them."""

    def __init__(self, loop: SimulatedLoop, weather: Weather) -> None:
        self._loop = loop
        self.weather = weather
        self._open: dict[sqlite3.Connection, Fate | None] = {}
        self.committed: Callable[[], None] = lambda: None

    async def connect(self, path: str) -> "InlineConnection":
        """Open a connection for the process that asks."""
        await self.call("connect", lambda: None)
        # Nobody else writes: to wait for a lock would be to wait for ever.
        raw = sqlite3.connect(path, timeout=0)
        self._open[raw] = FATE.get()
        return InlineConnection(self, raw)

    def disconnect(self, fate: Fate) -> None:
        """Close what a dead process had open; SQLite rolls its transactions back."""
        for raw in [raw for raw, owner in self._open.items() if owner is fate]:
            self.close(raw)

    def close_all(self) -> None:
        """Close everything."""
        for raw in list(self._open):
            self.close(raw)

    def close(self, raw: sqlite3.Connection) -> None:
        """Close one connection."""
        self._open.pop(raw, None)
        raw.close()

    async def call(self, act: str, function: Callable[[], Any]) -> Any:
        """Do `function` once the weather allows; `act` says what it is."""
        if self._loop.burying:
            raise asyncio.CancelledError
        weather = self.weather
        await asyncio.sleep(weather.disk_pause_s())  # noqa: TID251 - of the loop's own time
        if weather.disk_fails(act):
            raise weather.disk_error(_FAULTS)
        result = function()
        if act != "commit":
            return result
        self.committed()
        await asyncio.sleep(weather.disk_pause_s())  # noqa: TID251 - of the loop's own time
        if weather.commit_is_unanswered():
            raise weather.disk_error(_FAULTS)
        return result


class InlineConnection:
    """What SQLAlchemy uses of `aiosqlite.Connection`."""

    def __init__(self, disk: Disk, raw: sqlite3.Connection) -> None:
        self.disk = disk
        self._conn = raw
        self._connection: sqlite3.Connection | None = raw
        self._tx = self

    def put_nowait(self, item: tuple["asyncio.Future[Any]", Callable[[], Any]]) -> None:
        """Do what SQLAlchemy wants done by the driver's thread."""
        future, function = item
        future.set_result(function())

    async def create_function(self, *arguments: Any, **options: Any) -> None:
        """Define a function for SQL."""
        self._conn.create_function(*arguments, **options)

    def cursor(self) -> "InlineCursor":
        """Return a cursor."""
        return InlineCursor(self, self._conn.cursor())

    async def commit(self) -> None:
        """Commit, if there is something to commit."""
        if self._conn.in_transaction:
            await self.disk.call("commit", self._conn.commit)

    async def rollback(self) -> None:
        """Roll back; this never fails, for what fails is rolled back anyway."""
        await self.disk.call("rollback", self._conn.rollback)

    async def close(self) -> None:
        """Close."""
        self.stop()

    def stop(self) -> None:
        """Close at once."""
        if self._connection is not None:
            self._connection = None
            self.disk.close(self._conn)


class InlineCursor:
    """What SQLAlchemy uses of `aiosqlite.Cursor`."""

    def __init__(self, connection: InlineConnection, raw: sqlite3.Cursor) -> None:
        self._disk = connection.disk
        self._raw = raw

    async def __aenter__(self) -> "InlineCursor":
        return self

    @property
    def description(self) -> Any:
        """Return the columns of the result."""
        return self._raw.description

    @property
    def rowcount(self) -> int:
        """Return how many rows were changed."""
        return self._raw.rowcount

    @property
    def lastrowid(self) -> int | None:
        """Return the id of the row that was inserted last."""
        return self._raw.lastrowid

    async def execute(self, sql: str, parameters: Any = ()) -> "InlineCursor":
        """Run one statement."""
        if sql.startswith("PRAGMA"):
            self._raw.execute(_REPLACED.get(sql, sql))
        else:
            await self._disk.call("statement", lambda: self._raw.execute(sql, parameters))
        return self

    async def executemany(self, sql: str, parameters: Any) -> "InlineCursor":
        """Run one statement for each row."""
        await self._disk.call("statement", lambda: self._raw.executemany(sql, parameters))
        return self

    async def fetchall(self) -> list[Any]:
        """Return what is left of the result."""
        return self._raw.fetchall()

    async def close(self) -> None:
        """Close."""
        self._raw.close()
