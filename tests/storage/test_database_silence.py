"""A connection that ends without a word: whoever waits for it is let go, and the next one works."""

import asyncio

import pytest
from sqlalchemy import text

from tests.factories import make_message
from tests.storage.silent_network import SilentNetwork
from tests.storage.writing import count, load, store
from wirephoto.errors import StorageUnavailable
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.database import TRANSACTION_S_MAX, open_database
from wirephoto.storage.messages import insert_messages
from wirephoto.storage.schema import messages

PATIENCE_S = 0.3


async def write(tx, rows):
    await insert_messages(tx, rows)
    return rows


async def test_whoever_waits_in_a_silent_network_is_let_go(postgres_url):
    """A firewall that forgets a connection tells neither end: a request would wait for hours."""
    async with SilentNetwork(postgres_url).carrying() as network:
        database = open_database(network.url)
        commits = GroupCommit(database)
        before, lost, after = [make_message() for _ in range(3)]
        await store(database, before)

        database.patience_s, network.silent = PATIENCE_S, True
        with pytest.raises(StorageUnavailable):
            await load(database, before)
        with pytest.raises(StorageUnavailable):
            await commits.run(write, lost)

        database.patience_s, network.silent = TRANSACTION_S_MAX, False
        await commits.run(write, after)
        assert await count(database, messages) == 2
        await database.close()


async def test_a_server_that_takes_for_ever_is_given_up(postgres):
    """Something else holds the lock, or the disk hangs: callers get their 503 and repeat."""
    postgres.patience_s = PATIENCE_S

    async def wait():
        async with postgres.transaction() as tx:
            await insert_messages(tx, [make_message()])
            await tx.execute(text("SELECT pg_sleep(60)"))

    with pytest.raises(StorageUnavailable):
        async with asyncio.timeout(30):
            await wait()

    postgres.patience_s = TRANSACTION_S_MAX
    assert await count(postgres, messages) == 0
