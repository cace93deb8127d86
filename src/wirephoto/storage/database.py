"""The database: connections, transactions, wake-ups, and the few places where dialects differ."""

import asyncio
import contextlib
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec
from sqlalchemy import (
    URL,
    Column,
    ColumnElement,
    Executable,
    Table,
    Text,
    bindparam,
    cast,
    column,
    event,
    exists,
    func,
    insert,
    make_url,
    select,
    text,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.sql.selectable import Subquery
from sqlalchemy.types import TypeEngine

from wirephoto.domain.event import Event
from wirephoto.storage.availability import unavailable_is_typed
from wirephoto.storage.listener import Listener
from wirephoto.storage.types import to_micros

READERS_MAX = 8
"""Connections for reading, a process."""
BUSY_MS = 10_000
"""How long SQLite waits for another process' write (a command beside the gateway)."""
CACHE_KB = 16_384
"""Page cache of each SQLite connection; the default of 2 MB is smaller than the live indexes."""
TRANSACTION_S_MAX = 60.0
"""How long a transaction over the network may take: a connection may end without a word."""
NOTIFY_CHANNEL = "wirephoto"
LISTENER_LOST = "listener-lost"
"""Topic: other processes are no longer heard."""

_ENCODER = msgspec.json.Encoder()
_POOL_OPTIONS = frozenset({"async_fallback", "prepared_statement_cache_size"})
"""Options of an address that are SQLAlchemy's, not the driver's."""

Statement = Callable[["Database"], Executable]
"""A function that builds a statement for a database; built once, then kept."""
Committed = Callable[[Sequence[Event], AbstractSet[str]], None]
"""Hears of events that are stored now, and of the ids of messages that are new with them."""
Used = Callable[[Literal["read", "write"], float], None]
"""Hears how many seconds a transaction took that ended well, its wait for a connection included."""
Connect = Callable[[str], Awaitable[Any]]
"""Opens a SQLite file at a path; what it gives has the interface of the driver's connections."""


class Transaction:
    """One transaction, or one consistent read."""

    def __init__(self, database: "Database", connection: AsyncConnection) -> None:
        self.database = database
        self.connection = connection
        self.rings: set[str] = set()
        self.events: list[Event] = []
        self.accepted: set[str] = set()

    async def execute(
        self, statement: Statement | Executable, parameters: Mapping[str, Any] | None = None
    ) -> CursorResult[Any]:
        """Run a statement, or the one that a builder makes (built once for each database)."""
        if not isinstance(statement, Executable):
            statement = self.database.built(statement)
        return await self.connection.execute(statement, parameters)

    async def insert_rows(
        self, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Insert many rows at once, the values as the driver takes them.

        The hot path: SQLAlchemy's own executemany handles each value in Python, which costs more
        than the database does. Instants go through `Database.instant`, JSON is text.
        """
        if rows:
            sql = self.database.insert_sql(table, columns)
            await self.connection.exec_driver_sql(sql, list(rows))

    async def notify(self, topic: str) -> None:
        """Wake whoever waits for `topic`, in any process, once this transaction is committed."""
        if topic in self.rings:
            return
        self.rings.add(topic)
        if self.database.is_postgres:
            await self.connection.execute(select(func.pg_notify(NOTIFY_CHANNEL, topic)))


class Database:
    """A SQLite file or a PostgreSQL database; made by `open_database`."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self.writer = writer
        self._reader = reader
        self.dialect = writer.dialect
        self.is_postgres = self.dialect.name == "postgresql"
        self.patience_s = TRANSACTION_S_MAX if self.is_postgres else None
        self._built: dict[Statement, Executable] = {}
        self._insert_sql: dict[tuple[str, tuple[str, ...]], str] = {}
        self._bells: dict[str, dict[asyncio.Event, None]] = {}
        self._committed: list[Committed] = []
        self._used: list[Used] = []
        self._listener = self._make_listener() if self.is_postgres else None

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Give a transaction that is committed and flushed to disk when the block ends well.

        Raises:
            StorageUnavailable: the database cannot be reached, is full or is read-only, or did not
                answer in time: what was asked may be committed all the same.
        """
        began_at = asyncio.get_running_loop().time()
        with unavailable_is_typed():
            async with asyncio.timeout(self.patience_s), self.writer.begin() as connection:
                transaction = Transaction(self, connection)
                yield transaction
        self._tell_used("write", began_at)
        if transaction.events:
            for hear in self._committed:
                hear(transaction.events, transaction.accepted)
        # In an order that no hash decides: a run that is replayed must wake the same ones first.
        self.ring(*sorted(transaction.rings))

    @contextlib.asynccontextmanager
    async def read(self, *, patiently: bool = False) -> AsyncIterator[Transaction]:
        """Give a consistent view for reading; `patiently`, however long it takes.

        Raises:
            StorageUnavailable: the database cannot be reached.
        """
        began_at = asyncio.get_running_loop().time()
        with unavailable_is_typed():
            patience_s = None if patiently else self.patience_s
            async with asyncio.timeout(patience_s), self._reader.begin() as connection:
                yield Transaction(self, connection)
        self._tell_used("read", began_at)

    def observe(self, *, committed: Committed, used: Used | None = None) -> None:
        """Tell an observer from now on what this process does here: it must be quick."""
        self._committed.append(committed)
        self._used += [used] if used else []

    def _tell_used(self, kind: Literal["read", "write"], began_at: float) -> None:
        for hear in self._used:
            hear(kind, asyncio.get_running_loop().time() - began_at)

    def built(self, statement: Statement) -> Executable:
        """Return what `statement` builds, from the first time on."""
        if statement not in self._built:
            self._built[statement] = statement(self)
        return self._built[statement]

    def insert_sql(self, table: Table, columns: tuple[str, ...]) -> str:
        """Return the driver's text of an INSERT of `columns` by position."""
        key = (table.name, columns)
        if key not in self._insert_sql:
            values = {name: bindparam(name, type_=table.c[name].type) for name in columns}
            if self.is_postgres and table.name == "events":
                # What this is for: `feed`.
                xid = text(
                    "greatest(pg_current_xact_id()::text::bigint,"
                    " pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1)"
                )
                statement = insert(table).values(values | {"xid": xid})
            else:
                statement = insert(table).values(values)
            compiled = statement.compile(dialect=self.dialect)
            assert tuple(compiled.positiontup or ()) == columns, "columns in the table's order"
            self._insert_sql[key] = str(compiled)
        return self._insert_sql[key]

    def instant(self, value: datetime | None) -> Any:
        """Return an instant as the driver takes it, for `insert_rows` and JSON rows."""
        return value if value is None or self.is_postgres else to_micros(value)

    def json_rows(self, columns: Mapping[str, TypeEngine[Any]]) -> Subquery:
        """Return a table made of the parameter `rows`: a JSON array with an array per row.

        One statement then serves any number of rows, on both databases, and can return which of
        them it changed; an executemany cannot.
        """
        make = func.jsonb_array_elements if self.is_postgres else func.json_each
        rows = bindparam("rows", type_=Text)
        source = make(cast(rows, JSONB) if self.is_postgres else rows).table_valued(
            column("value", Text), name="rows_in"
        )
        fields = []
        for index, (name, kind) in enumerate(columns.items()):
            value = source.c.value.op("->>")(text(str(index)))
            typed = cast(value, kind) if self.is_postgres else type_coerce(value, kind)
            fields.append(typed.label(name))
        return select(*fields).select_from(source).subquery("r")

    def has_member(self, object_column: Column[Any], key: str, value: str) -> ColumnElement[bool]:
        """Return the condition that a column's JSON object has `key` with the text `value`."""
        if self.is_postgres:
            matches: ColumnElement[bool] = object_column[key].as_string() == value
            return matches
        # SQLite looks keys up by a path, in which a quote cannot be written.
        member = func.json_each(object_column).table_valued("key", "value")
        return exists().where(member.c.key == key, member.c.value == value)

    def bell(self, *topics: str) -> asyncio.Event:
        """Return an event that is set whenever one of `topics` is notified."""
        rung = asyncio.Event()
        for topic in topics:
            self._bells.setdefault(topic, {})[rung] = None
        return rung

    @contextlib.contextmanager
    def watching(self, topic: str) -> Iterator[asyncio.Event]:
        """Give an event that this process' notifications of `topic` set, for one waiter."""
        rung = self.bell(topic)
        try:
            yield rung
        finally:
            self._bells[topic].pop(rung, None)
            if not self._bells[topic]:
                del self._bells[topic]

    def has_watcher(self, topic: str) -> bool:
        """Tell whether somebody in this process waits for `topic`."""
        return topic in self._bells

    def ring(self, *topics: str) -> None:
        """Wake this process' waiters for `topics`."""
        for topic in topics:
            for rung in self._bells.get(topic, ()):
                rung.set()

    @property
    def is_listening(self) -> bool:
        """Tell whether every process is heard; SQLite has no other."""
        return self._listener is None or self._listener.is_connected

    async def listen(self) -> None:
        """Hear other processes' notifications; `LISTENER_LOST` rings when that ends.

        Everybody is woken: what was notified meanwhile is lost.

        Raises:
            StorageUnavailable: the database cannot be reached.
        """
        if self._listener and not self._listener.is_connected:
            with unavailable_is_typed():
                await self._listener.connect()
            self.ring(*(self._bells.keys() - {LISTENER_LOST}))

    async def time(self) -> datetime:
        """Return the time of the PostgreSQL server, asked over the connection that listens.

        Raises:
            StorageUnavailable: it does not answer; the connection is given up.
        """
        assert self._listener is not None, "a SQLite file has no clock"
        with unavailable_is_typed():
            return await self._listener.time()

    def _make_listener(self) -> Listener:
        _, options = self.dialect.create_connect_args(self.writer.url)
        options = {name: value for name, value in options.items() if name not in _POOL_OPTIONS}
        lost = partial(self.ring, LISTENER_LOST)
        return Listener(options, NOTIFY_CHANNEL, hear=self.ring, lost=lost)

    async def close(self) -> None:
        """Close every connection."""
        if self._listener:
            await self._listener.close()
        await self.writer.dispose()
        await self._reader.dispose()


def rows_json(rows: Sequence[Sequence[Any]]) -> str:
    """Return the parameter `rows` of a statement that uses `Database.json_rows`."""
    return _ENCODER.encode(rows).decode()


def is_storable(*texts: str | None) -> bool:
    """Tell whether the columns of both databases can hold `texts`: else nothing equals them.

    PostgreSQL has no U+0000, and refuses even to compare with it.
    """
    return not any("\x00" in text for text in texts if text is not None)


def open_database(url: str, *, connect: Connect | None = None) -> Database:
    """Return the database at `sqlite:///PATH` or `postgresql://…`; connects on first use.

    `connect` stands in for SQLite's driver where a test owns the disk.

    Raises:
        StorageUnavailable: the folder of a SQLite file cannot be made.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(Path(parsed.database or ""), connect)
    engine = create_async_engine(
        parsed.set(drivername="postgresql+asyncpg"),
        pool_size=READERS_MAX,
        max_overflow=8,
        hide_parameters=True,
    )
    return Database(engine, engine)


def _open_sqlite(path: Path, connect: Connect | None) -> Database:
    """Writes share one connection, for SQLite has one writer; readers never wait for it (WAL)."""
    with unavailable_is_typed():
        path.parent.mkdir(parents=True, exist_ok=True)
    engine = partial(
        create_async_engine,
        URL.create("sqlite+aiosqlite", database=str(path)),
        async_creator=partial(connect, str(path)) if connect else None,
        poolclass=AsyncAdaptedQueuePool,
        max_overflow=0,
        hide_parameters=True,
    )
    writer, reader = engine(pool_size=1), engine(pool_size=READERS_MAX)
    _switch_to_wal(path)
    _configure_sqlite(writer, begin="BEGIN IMMEDIATE", query_only=False)
    _configure_sqlite(reader, begin="BEGIN", query_only=True)
    return Database(writer, reader)


def _switch_to_wal(path: Path) -> None:
    """Set the journal mode of a new file while no other process does.

    The mode stays with the file. Two connections that switch at the same moment would lock each
    other out, and SQLite does not wait in that one case, whatever its busy timeout. A file that
    cannot be opened is reported by whoever uses it first.
    """
    with contextlib.suppress(OSError, sqlite3.Error):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            with contextlib.closing(sqlite3.connect(path, timeout=BUSY_MS / 1000)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
        finally:
            os.close(folder)


def _configure_sqlite(engine: AsyncEngine, *, begin: str, query_only: bool) -> None:
    pragmas = [
        f"PRAGMA busy_timeout={BUSY_MS}",
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=FULL",
        "PRAGMA foreign_keys=ON",
        f"PRAGMA cache_size=-{CACHE_KB}",
        f"PRAGMA query_only={'ON' if query_only else 'OFF'}",
    ]

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        # The driver would begin transactions by itself, and never an immediate one.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: Any) -> None:
        connection.exec_driver_sql(begin)
