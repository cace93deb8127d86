"""The last use of a key: how one finds out which keys nobody needs any more."""

import pytest

from tests.factories import NOW
from wirephoto.engine.key_use import KeyUses
from wirephoto.storage.keys import ApiKey, get_key, insert_key
from wirephoto.storage.schema import DEFAULT_TENANT


@pytest.fixture
async def key(database):
    row = ApiKey("key_1", DEFAULT_TENANT, "n", "live", (), "h", "hash", NOW)
    async with database.transaction() as tx:
        await insert_key(tx, row)
    return row


async def last_use(database):
    async with database.read() as tx:
        return (await get_key(tx, DEFAULT_TENANT, "key_1")).last_used_at


async def test_the_last_use_of_a_key_is_written_by_the_next_turn(database, clock, key):
    """A request only notes it: no write of the database stands in its way."""
    uses = KeyUses(database, clock)
    uses.saw(DEFAULT_TENANT, "key_1")
    await clock.advance(10)
    uses.saw(DEFAULT_TENANT, "key_1")
    seen_at = clock.now()
    assert await last_use(database) is None

    assert await uses.turn() == 60

    assert await last_use(database) == seen_at


async def test_several_processes_write_a_keys_use_once_a_minute(database, clock, key):
    """A busy key of ten processes must not be ten writes that wait for each other."""
    one, two = KeyUses(database, clock), KeyUses(database, clock)
    one.saw(DEFAULT_TENANT, "key_1")
    first = clock.now()
    await one.turn()
    await clock.advance(30)
    two.saw(DEFAULT_TENANT, "key_1")
    await two.turn()
    assert await last_use(database) == first

    await clock.advance(30)
    two.saw(DEFAULT_TENANT, "key_1")
    await two.turn()

    assert await last_use(database) == clock.now()
