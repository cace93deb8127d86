"""What is the database's fault may be tried again; what is the statement's must be mended."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.factories import make_message
from tests.storage.writing import count, store
from wirephoto.errors import StorageUnavailable
from wirephoto.storage.database import open_database
from wirephoto.storage.schema import messages

RAISED = {
    "53100": "DiskFullError",
    "53200": "OutOfMemoryError",
    "57014": "QueryCanceledError",
    "58030": "PostgresIOError",
    "55P03": "LockNotAvailableError",
    "42501": "InsufficientPrivilegeError",
    "XX001": "DataCorruptedError",
}


async def execute(database, statement):
    async with database.transaction() as tx:
        return await tx.execute(text(statement))


@pytest.mark.parametrize(("code", "name"), RAISED.items())
async def test_a_server_that_cannot_now_is_named_with_its_reason(postgres, code, name):
    """The operator reads in the log what is wrong; callers get a 503, and answers are kept."""
    await execute(
        postgres,
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"RAISE EXCEPTION 'the row of +12125550123' USING ERRCODE = '{code}'; END $$",
    )
    await execute(postgres, "CREATE TRIGGER fail BEFORE INSERT ON messages EXECUTE FUNCTION fail()")

    with pytest.raises(StorageUnavailable) as raised:
        await store(postgres, make_message())

    assert str(raised.value) == f"database: {name}"
    await execute(postgres, "DROP FUNCTION fail CASCADE")
    await store(postgres, make_message())


async def test_a_schema_that_changes_beneath_a_statement_is_tried_again(postgres, postgres_url):
    """A rolling upgrade costs a 503 at most, not an answer of the provider."""
    newer = open_database(postgres_url)
    await execute(postgres, "SELECT * FROM tenants")
    await execute(newer, "ALTER TABLE tenants ADD COLUMN newer integer")
    await newer.close()

    with pytest.raises(StorageUnavailable, match="InvalidCachedStatementError"):
        await execute(postgres, "SELECT * FROM tenants")

    assert len((await execute(postgres, "SELECT * FROM tenants")).keys()) == 4


async def test_a_full_file_is_named_with_its_reason(sqlite):
    """`OperationalError` is what Python calls everything that SQLite says."""
    await execute(sqlite, "PRAGMA max_page_count=1")

    with pytest.raises(StorageUnavailable) as raised:
        await store(sqlite, *[make_message(text="x" * 3000) for _ in range(50)])

    assert str(raised.value) == "database: database or disk is full (SQLITE_FULL)"


@pytest.mark.parametrize(
    "statement",
    ["SELECT * FROM none", "SELECT none FROM messages", "SELEKT 1", "SELECT none(1)"],
)
async def test_a_statement_that_is_wrong_is_not_blamed_on_the_database(database, statement):
    """Who repeats a 503 would repeat it for ever, and nobody would see the defect in the log."""
    with pytest.raises(DBAPIError):
        await execute(database, statement)

    await store(database, make_message())
    assert await count(database, messages) == 1
