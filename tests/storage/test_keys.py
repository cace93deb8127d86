"""API keys as stored: found by their hash while they live."""

from datetime import timedelta

from tests.factories import NOW
from tests.storage.writing import add_tenant
from wirephoto.storage.keys import (
    ApiKey,
    any_key,
    find_key,
    insert_key,
    list_keys,
    revoke_key,
)
from wirephoto.storage.schema import DEFAULT_TENANT

LATER = NOW + timedelta(seconds=5)


def key(number=1, tenant_id=DEFAULT_TENANT):
    return ApiKey(
        id=f"key_{number}",
        tenant_id=tenant_id,
        name="shop",
        mode="live",
        scopes=("send", "read"),
        hint="wp_live_ab…",
        key_hash=f"hash-{number}",
        created_at=NOW,
    )


async def insert(database, *keys):
    async with database.transaction() as tx:
        for one in keys:
            await insert_key(tx, one)


async def revoke(database, key_id, tenant_id=DEFAULT_TENANT):
    async with database.transaction() as tx:
        return await revoke_key(tx, tenant_id, key_id, LATER)


async def find(database, key_hash):
    async with database.read() as tx:
        return await find_key(tx, key_hash, LATER), await any_key(tx, LATER)


async def test_a_key_is_found_by_its_hash(database):
    """Who the caller is, and what they may do, comes from this row alone."""
    assert await find(database, "hash-1") == (None, False)

    await insert(database, key())

    assert await find(database, "hash-1") == (key(), True)
    assert await find(database, "hash-2") == (None, True)


async def test_a_revoked_key_is_dead_and_still_listed(database):
    """Whoever looks after a leak must see that it existed, and when it ended."""
    await insert(database, key())

    assert await revoke(database, "key_1")
    assert not await revoke(database, "key_1")

    assert await find(database, "hash-1") == (None, False)
    async with database.read() as tx:
        (listed,) = await list_keys(tx, DEFAULT_TENANT)
    assert listed.revoked_at == LATER


async def test_keys_are_listed_the_newest_first(database):
    """The one that was just made is the one that is looked for."""
    await insert(database, key(1), key(2))

    async with database.read() as tx:
        assert [one.id for one in await list_keys(tx, DEFAULT_TENANT)] == ["key_2", "key_1"]


async def test_an_unknown_key_is_not_revoked(database):
    """Neither another tenant's, nor one whose name PostgreSQL cannot even compare."""
    other = await add_tenant(database)
    await insert(database, key())

    assert not await revoke(database, "key_9")
    assert not await revoke(database, "\x00")
    assert not await revoke(database, "key_1", tenant_id=other)
    assert await find(database, "hash-1") == (key(), True)
