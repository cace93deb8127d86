"""Connections, transactions, wake-ups, and the ways in which a database can be out of reach."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Double,
    Integer,
    SmallInteger,
    Text,
    select,
    text,
    update,
)

from tests.factories import NOW, make_message
from tests.storage.writing import connections_end, count, load, store
from wirephoto.errors import StorageUnavailable
from wirephoto.storage.database import open_database, rows_json
from wirephoto.storage.messages import get_message, insert_messages
from wirephoto.storage.schema import messages
from wirephoto.storage.types import Instant


async def test_what_a_transaction_stored_can_be_read(database):
    """Everything else stands on it."""
    message = make_message(metadata={"order": "7"}, reference="r", text="Füße 🐈 مرحبا")

    await store(database, message)

    assert await load(database, message) == message


async def fail_after_storing(database, message):
    async with database.transaction() as tx:
        await insert_messages(tx, [message])
        await tx.notify("queued")
        raise ZeroDivisionError


async def test_a_transaction_that_fails_stores_nothing(database):
    """Nothing is half stored."""
    message = make_message()

    with pytest.raises(ZeroDivisionError):
        await fail_after_storing(database, message)

    async with database.read() as tx:
        assert await get_message(tx, message.tenant_id, message.id) is None


async def test_a_statement_is_built_once(database):
    """Building one costs more than running it."""
    built = []

    def one(_database):
        built.append(1)
        return select(text("1"))

    async with database.read() as tx:
        for _ in range(3):
            assert (await tx.execute(one)).scalar_one() == 1

    assert built == [1]


COLUMNS = {
    "a": Text(),
    "b": Integer(),
    "c": SmallInteger(),
    "d": BigInteger(),
    "e": Double(),
    "f": Boolean(),
    "g": Instant(),
}
INSTANT = NOW + timedelta(microseconds=123_457)
ROWS = [
    ["a'\"\\ \n🐈", 2**31 - 1, -3, 2**62, 0.1, True, INSTANT],
    ["", 0, 0, 0, 0.0, False, INSTANT - timedelta(days=20_000)],
    ["0.0105", -1, 1, -1, -1.5, True, None],
    [None, None, None, None, None, None, None],
]


async def test_rows_in_a_parameter_keep_their_types(database):
    """One statement serves any number of rows: whatever goes in must come out the same."""

    def all_of(database):
        incoming = database.json_rows(COLUMNS)
        return select(*[incoming.c[name] for name in COLUMNS])

    parameter = [[*row[:-1], database.instant(row[-1])] for row in ROWS]
    async with database.read() as tx:
        found = await tx.execute(all_of, {"rows": rows_json(parameter)})
        none = await tx.execute(all_of, {"rows": rows_json([])})

    assert [list(row) for row in found] == ROWS
    assert list(none) == []


async def test_whoever_waits_is_woken_once_the_row_is_committed(database):
    """Woken before it, it would find nothing and sleep on."""
    bell = database.bell("queued", "preparing")

    async with database.transaction() as tx:
        await tx.notify("queued")
        await tx.notify("queued")
        assert not bell.is_set()

    assert bell.is_set()


async def test_nobody_is_woken_by_what_was_rolled_back_or_by_another_topic(database):
    """A turn for nothing, at the rate of all failures."""
    bell, other = database.bell("queued"), database.bell("webhook")

    with pytest.raises(ZeroDivisionError):
        await fail_after_storing(database, make_message())
    async with database.transaction() as tx:
        await tx.notify("preparing")

    assert not bell.is_set()
    assert not other.is_set()


async def test_a_watcher_is_forgotten_when_it_leaves(database):
    """Each waiting request watches its message: a million of them must leave nothing behind."""
    with database.watching("msg_1") as one, database.watching("msg_1") as two:
        database.ring("msg_1", "msg_2")
        assert (one.is_set(), two.is_set()) == (True, True)
        assert database.has_watcher("msg_1")

    assert not database.has_watcher("msg_1")
    database.ring("msg_1")


async def test_other_processes_are_woken_over_postgres(postgres, postgres_url):
    """A message accepted by one process leaves through another without waiting for its clock."""
    other = open_database(postgres_url)
    await other.listen()
    await other.listen()
    bell = other.bell("queued")

    async with postgres.transaction() as tx:
        await tx.notify("queued")
        other_topic = other.bell("never")
    async with asyncio.timeout(30):
        await bell.wait()

    assert not other_topic.is_set()
    await other.close()


async def test_a_rolled_back_notification_wakes_no_other_process(postgres, postgres_url):
    """The row it speaks of does not exist."""
    other = open_database(postgres_url)
    await other.listen()
    bell, last = other.bell("queued"), other.bell("last")

    with pytest.raises(ZeroDivisionError):
        await fail_after_storing(postgres, make_message())
    async with postgres.transaction() as tx:
        await tx.notify("last")
    async with asyncio.timeout(30):
        await last.wait()

    assert not bell.is_set()
    await other.close()


async def test_sqlite_hears_of_itself_and_needs_no_listener(sqlite):
    """There is no other process: the call is the same on both, and does nothing."""
    await sqlite.listen()


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 10_000)],
)
async def test_sqlite_is_durable_and_keeps_its_references(sqlite, pragma, value):
    """A 202 means flushed to disk: with `synchronous` at its usual 1 a power cut loses it."""
    for connection in (sqlite.transaction, sqlite.read):
        async with connection() as tx:
            assert (await tx.execute(text(f"PRAGMA {pragma}"))).scalar_one() == value


async def test_a_reader_of_sqlite_cannot_write(sqlite):
    """Writes share one connection; a stray one elsewhere would wait, or fail, at random."""
    message = make_message()

    async def write_while_reading():
        async with sqlite.read() as tx:
            await insert_messages(tx, [message])

    with pytest.raises(StorageUnavailable):
        await write_while_reading()
    assert await count(sqlite, messages) == 0


async def test_readers_of_sqlite_do_not_wait_for_a_writer(sqlite):
    """A look-up must not take as long as the largest batch."""
    message = make_message()
    async with sqlite.transaction() as tx:
        await insert_messages(tx, [message])
        assert await count(sqlite, messages) == 0

    assert await count(sqlite, messages) == 1


async def test_a_full_disk_stores_nothing_and_says_so(sqlite):
    """The caller gets a 503 and may repeat; nothing is half stored, and all is well later."""
    async with sqlite.transaction() as tx:
        pages = (await tx.execute(text("PRAGMA page_count"))).scalar_one()
        await tx.execute(text(f"PRAGMA max_page_count={pages + 2}"))
    large = [make_message(text="x" * 3000) for _ in range(50)]

    with pytest.raises(StorageUnavailable):
        await store(sqlite, *large)
    assert await count(sqlite, messages) == 0

    async with sqlite.transaction() as tx:
        await tx.execute(text("PRAGMA max_page_count=1000000"))
    await store(sqlite, *large)
    assert await count(sqlite, messages) == 50


async def test_a_read_only_file_is_named_unavailable(sqlite):
    """A disk that the system made read-only after a fault is mended by people, then we go on."""
    async with sqlite.transaction() as tx:
        await tx.execute(text("PRAGMA query_only=ON"))

    with pytest.raises(StorageUnavailable):
        await store(sqlite, make_message())


@pytest.mark.parametrize("place", ["a_file/wirephoto.db", "a_folder"])
async def test_a_path_that_cannot_hold_a_database_is_named_unavailable(tmp_path, place):
    """The operator reads one sentence, not a stack."""
    (tmp_path / "a_file").write_text("x")
    (tmp_path / "a_folder").mkdir()

    with pytest.raises(StorageUnavailable):
        await open_and_read(f"sqlite:///{tmp_path}/{place}")


async def open_and_read(url):
    database = open_database(url)
    try:
        async with database.read() as tx:
            await tx.execute(text("SELECT 1"))
    finally:
        await database.close()
        await connections_end()


async def test_a_file_that_is_no_database_is_named_unavailable(tmp_path):
    """So is a disk that returns other bytes than were written."""
    (tmp_path / "a.db").write_bytes(b"not a database" * 1000)

    with pytest.raises(StorageUnavailable):
        await open_and_read(f"sqlite:///{tmp_path}/a.db")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://nobody@127.0.0.1:1/nothing",
        "postgresql://nobody@no-such-host.invalid/nothing",
    ],
)
async def test_a_server_that_is_not_there_is_named_unavailable(url):
    """Callers turn it into 503, whatever the driver calls it."""
    with pytest.raises(StorageUnavailable):
        await open_and_read(url)


async def test_a_server_that_does_not_let_us_in_is_named_unavailable(postgres_url):
    """It is starting up, is full, or knows neither us nor the database: all may change."""
    with pytest.raises(StorageUnavailable):
        await open_and_read(postgres_url.replace("wirephoto_", "unknown_"))


async def test_a_connection_that_was_cut_is_named_unavailable_and_replaced(postgres):
    """A database that restarts costs a few 503s, and no restart of ours."""
    cut = text("SELECT pg_terminate_backend(pg_backend_pid())")

    async def use():
        async with postgres.transaction() as tx:
            await tx.execute(cut)

    with pytest.raises(StorageUnavailable):
        await use()

    await store(postgres, make_message())
    assert await count(postgres, messages) == 1


async def test_a_server_that_became_read_only_is_named_unavailable(postgres):
    """After a fail-over the old primary only reads: writes must wait, not be blamed on rows."""

    async def write():
        async with postgres.transaction() as tx:
            await tx.execute(text("SET TRANSACTION READ ONLY"))
            await insert_messages(tx, [make_message()])

    with pytest.raises(StorageUnavailable):
        await write()


async def test_a_row_that_is_wrong_is_not_blamed_on_the_database(postgres):
    """Who repeats a 503 would repeat it for ever."""
    with pytest.raises(Exception, match="invalid input") as raised:
        await store(postgres, make_message(tries="many"))

    assert not isinstance(raised.value, StorageUnavailable)


async def test_a_deadlock_is_no_fault_of_the_row(postgres):
    """PostgreSQL ends one of two that wait for each other: whoever it is shall try again."""
    first, second = sorted([make_message(), make_message()], key=lambda message: message.id)
    await store(postgres, first, second)
    both = asyncio.Barrier(2)

    async def touch(*rows):
        async with postgres.transaction() as tx:
            await tx.execute(touching(rows[0]))
            await both.wait()
            await tx.execute(touching(rows[1]))

    ended = await asyncio.gather(touch(first, second), touch(second, first), return_exceptions=True)

    assert sorted(type(end) for end in ended if end) == [StorageUnavailable]


def touching(message):
    return update(messages).where(messages.c.id == message.id).values(tries=1)
