"""The schema: one history, equal on both databases, refused where it does not fit."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, func, select, text, update

from tests.factories import NOW, make_attempt, make_message
from tests.storage.writing import load, store
from wirephoto.domain.message import MessageState
from wirephoto.errors import SchemaMismatch
from wirephoto.storage.database import open_database
from wirephoto.storage.deliveries import due_endpoints
from wirephoto.storage.feed import FEED_START, read_feed
from wirephoto.storage.messages import insert_attempts
from wirephoto.storage.migrations import CODE_REVISION, check, upgrade
from wirephoto.storage.queue import (
    claim_preparing,
    expired_messages,
    lapsed_claims,
    overdue_attempts,
)
from wirephoto.storage.schema import (
    DEFAULT_ACCOUNT,
    DEFAULT_BRAND,
    DEFAULT_CAMPAIGN,
    DEFAULT_TENANT,
    accounts,
    brands,
    campaigns,
    schema_version,
    tenants,
)
from wirephoto.storage.senders import lock_ready_campaigns
from wirephoto.storage.tables import metadata
from wirephoto.storage.turns import Turn, due_messages
from wirephoto.storage.types import from_micros, to_micros
from wirephoto.storage.webhooks import waiting_webhooks

NEWER = "zzzz"


async def run(database, statement):
    async with database.transaction() as tx:
        return await tx.execute(statement)


async def need(database, code_revision):
    await run(database, update(schema_version).values(code_revision_min=code_revision))


async def test_the_migrations_build_what_the_metadata_says(database):
    """Queries are written against the metadata, and run against what was migrated."""

    def differences(connection):
        options = {"compare_type": True, "compare_server_default": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    async with database.read() as tx:
        found = await tx.connection.run_sync(differences)

    assert found == []


async def test_partial_indexes_have_their_conditions(database):
    """The comparison above does not look at them, and without one the index grows for ever."""
    catalog = "pg_indexes" if database.is_postgres else "sqlite_master"
    definition = "indexdef" if database.is_postgres else "sql"
    name = "indexname" if database.is_postgres else "name"
    async with database.read() as tx:
        rows = await tx.execute(text(f"SELECT {name}, {definition} FROM {catalog}"))
        built = {row[0] for row in rows if row[1] and " WHERE " in row[1]}

    wanted = {
        index.name
        for table in metadata.tables.values()
        for index in table.indexes
        if index.dialect_kwargs.get("sqlite_where") is not None
    }
    assert built == wanted
    assert len(wanted) >= 9


async def test_every_table_but_the_schemas_own_carries_its_tenant():
    """A row without a tenant is a row that everybody may read."""
    without = {name for name, table in metadata.tables.items() if "tenant_id" not in table.c}

    assert without == {"schema_version", "store_mark", "tenants"}


async def test_the_default_rows_are_there(database):
    """The first message needs a tenant, a brand, an account and a campaign to refer to."""
    for table, id_ in [
        (tenants, DEFAULT_TENANT),
        (brands, DEFAULT_BRAND),
        (accounts, DEFAULT_ACCOUNT),
        (campaigns, DEFAULT_CAMPAIGN),
    ]:
        (found,) = (await run(database, select(table.c.id))).scalars()
        assert found == id_
    assert (await run(database, select(campaigns.c.rate))).scalar_one() == 1.0
    assert (await run(database, select(accounts.c.rate))).scalar_one() == 30.0
    await store(database, make_message())


async def test_an_upgrade_of_what_is_up_to_date_changes_nothing(database):
    """Every start runs it."""
    message = make_message()
    await store(database, message)

    revisions = [await upgrade(database) for _ in range(2)]

    assert len(set(revisions)) == 1
    assert (await run(database, select(func.count()).select_from(tenants))).scalar_one() == 1
    assert await load(database, message) == message
    await check(database)


async def test_processes_that_start_together_upgrade_once(empty_database_url):
    """A rollout starts several at the same moment, on an empty database."""
    databases = [open_database(empty_database_url) for _ in range(4)]

    revisions = await asyncio.gather(*[upgrade(database) for database in databases])

    counted = await run(databases[0], select(func.count()).select_from(tenants))
    assert counted.scalar_one() == 1
    assert len(set(revisions)) == 1
    for database in databases:
        await check(database)
        await database.close()


async def test_a_process_that_is_too_old_for_the_schema_refuses(database):
    """It would write what newer code cannot read; in a rolling upgrade it must stop."""
    await need(database, CODE_REVISION + 1)

    with pytest.raises(SchemaMismatch, match="upgrade wirephoto"):
        await check(database)
    with pytest.raises(SchemaMismatch):
        await upgrade(database)


async def test_a_newer_schema_that_still_admits_this_code_is_left_alone(database):
    """Old and new processes share the database while an upgrade rolls on."""
    await run(database, text(f"UPDATE alembic_version SET version_num = '{NEWER}'"))

    assert await upgrade(database) == NEWER
    await check(database)

    await need(database, CODE_REVISION + 1)
    with pytest.raises(SchemaMismatch):
        await upgrade(database)


async def test_a_database_without_a_schema_is_named(empty_database_url):
    """The message says which command helps."""
    database = open_database(empty_database_url)

    with pytest.raises(SchemaMismatch, match="db upgrade"):
        await check(database)

    await database.close()


@pytest.mark.parametrize(
    "instant",
    [
        NOW + timedelta(microseconds=999_999),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2999, 1, 1, tzinfo=UTC),
    ],
)
def test_an_instant_is_whole_microseconds_there_and_back(instant):
    """A float of seconds would be off by one where two processes compare."""
    assert from_micros(to_micros(instant)) == instant


def _page(limit=10):
    return {"now": NOW, "limit": limit}


HOT = {
    "due": (
        lambda tx: due_messages(tx, [Turn(DEFAULT_CAMPAIGN, 1, "a", 10)], now=NOW),
        "ix_messages_queue",
    ),
    "ready": (
        lambda tx: lock_ready_campaigns(tx, DEFAULT_ACCOUNT, until=NOW, **_page()),
        "ix_messages_queue",
    ),
    "lapsed": (lambda tx: lapsed_claims(tx, before=NOW, limit=10), "ix_messages_claimed"),
    "overdue": (lambda tx: overdue_attempts(tx, before=NOW, limit=10), "ix_attempts_sending"),
    "expired": (lambda tx: expired_messages(tx, **_page()), "ix_messages_expiring"),
    "preparing": (
        lambda tx: claim_preparing(tx, lease_until=NOW, **_page()),
        "ix_messages_preparing",
    ),
    "webhooks": (lambda tx: waiting_webhooks(tx, now=NOW, limit=10), "ix_webhooks_waiting"),
}
"""What each turn asks, whatever history grows to, and the index that must answer it."""


async def plan_of(database, ask):
    """Return how the database means to answer what is asked, statement and parameters as sent."""
    sent = []

    def note(_connection, _cursor, statement, parameters, _context, _many):
        sent.append((statement, parameters))

    engine = database.writer.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    async with database.transaction() as tx:
        await ask(tx)
        event.remove(engine, "before_cursor_execute", note)
        explain = "EXPLAIN" if database.is_postgres else "EXPLAIN QUERY PLAN"
        statement, parameters = next(one for one in sent if not one[0].startswith("BEGIN"))
        rows = await tx.connection.exec_driver_sql(f"{explain} {statement}", parameters)
        return "\n".join(str(row[-1]) for row in rows)


async def fill(database, *, history, waiting):
    """Store much that is over, and a little that is under way."""
    done = [make_message(state=MessageState.DELIVERED) for _ in range(history)]
    await store(database, *done, *[make_message() for _ in range(waiting)])
    attempts = [make_attempt(message, state="delivered") for message in done]
    async with database.transaction() as tx:
        await insert_attempts(tx, attempts)
    await run(database, text("ANALYZE"))


@pytest.mark.parametrize("name", HOT)
async def test_on_sqlite_a_turn_enters_the_index_of_live_work(sqlite, name):
    """At a million messages of history, a scan a turn would be the end of it (DESIGN, 6)."""
    ask, index = HOT[name]

    for filled in (False, True):
        if filled:
            await fill(sqlite, history=300, waiting=30)
        plan = await plan_of(sqlite, ask)
        assert index in plan, plan
        scans = [line for line in plan.splitlines() if line.startswith("SCAN")]
        assert not [
            line
            for line in scans
            if index not in line and line.split()[1] in ("messages", "attempts", "webhooks")
        ], plan


FEED = {
    "feed": lambda tx: read_feed(tx, DEFAULT_TENANT, after=FEED_START, limit=10),
    "endpoints": lambda tx: due_endpoints(tx, **_page()),
}
"""What asks for events behind a place: each reader, and twice a second each endpoint."""


@pytest.mark.parametrize("name", FEED)
async def test_on_sqlite_a_place_in_the_feed_is_found_in_its_index(sqlite, name):
    """Else whoever has heard everything looks through all that ever happened, to find nothing.

    There are no statistics here, as in every database of ours: the plan is the same at any size.
    """
    plan = await plan_of(sqlite, FEED[name])

    assert "ix_events_tenant_id_xid_seq (tenant_id=? AND xid=? AND seq>?)" in plan, plan


@pytest.mark.parametrize("name", ["due", "ready", "lapsed", "overdue", "expired", "preparing"])
async def test_on_postgres_a_turn_enters_the_index_of_live_work(postgres, name):
    """The same, by the planner that large installations have."""
    await fill(postgres, history=5000, waiting=500)
    ask, index = HOT[name]

    plan = await plan_of(postgres, ask)

    assert index in plan, plan
    assert "Seq Scan on messages" not in plan, plan
    assert "Seq Scan on attempts" not in plan, plan
