"""What all tests share: two databases, a clock and ids that a test owns."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import structlog

from tests.factories import make_ids
from tests.postgres import Databases, administer, named, running_server
from tests.virtual_clock import VirtualClock
from wirephoto.ids import Ids
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.database import Database, open_database
from wirephoto.storage.migrations import upgrade


@pytest.fixture(autouse=True)
def plain_log() -> None:
    """Let tracebacks show no variables, as the gateway's own log does.

    To draw those of one cut connection takes structlog seconds, in which nothing else happens.
    """
    renderer = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure(processors=[structlog.processors.add_log_level, renderer])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Give the address of a PostgreSQL server: the one that the environment names, or our own."""
    with running_server(durable=False) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: str) -> Databases:
    """Give what lends databases with the current schema to tests."""
    template = f"wirephoto_template_{uuid4().hex}"
    asyncio.run(administer(postgres_server, f"CREATE DATABASE {template}"))
    asyncio.run(_migrate(named(postgres_server, template)))
    databases = Databases(postgres_server, template)
    asyncio.run(databases.learn())
    return databases


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a SQLite file with the current schema, to be copied for each test."""
    path = tmp_path_factory.mktemp("template") / "wirephoto.db"
    asyncio.run(_migrate(f"sqlite:///{path}"))
    return path


async def _migrate(url: str) -> None:
    database = open_database(url)
    await upgrade(database)
    await database.close()


@pytest.fixture
async def postgres_url(postgres_databases: Databases) -> AsyncIterator[str]:
    """Give the address of a database of the test's own, with the current schema."""
    url = await postgres_databases.take()
    yield url
    await postgres_databases.give_back(url)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of a database with the current schema: on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        path = tmp_path / "wirephoto.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    address: str = request.getfixturevalue("postgres_url")
    return address


@pytest.fixture(params=["sqlite", "postgres"])
async def empty_database_url(
    request: pytest.FixtureRequest, tmp_path: Path, postgres_server: str
) -> AsyncIterator[str]:
    """Give the address of a database without a schema: on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    name = f"wirephoto_{uuid4().hex}"
    await administer(postgres_server, f"CREATE DATABASE {name}")
    yield named(postgres_server, name)
    await administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Give an open database with the current schema."""
    database = open_database(database_url)
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
