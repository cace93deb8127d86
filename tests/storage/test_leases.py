"""Leases on work that one process does at a time."""

from datetime import timedelta

import pytest

from tests.factories import NOW
from tests.race import race
from tests.storage.writing import add_tenant, count
from wirephoto.storage.leases import drop_lease, take_lease
from wirephoto.storage.schema import DEFAULT_TENANT
from wirephoto.storage.schema_media import work_leases

UNTIL = NOW + timedelta(seconds=150)


async def take(tx, holder, *, now=NOW, tenant_id=DEFAULT_TENANT):
    return await take_lease(
        tx, tenant_id, "work", holder=holder, now=now, until=now + (UNTIL - NOW)
    )


async def test_work_is_one_holders_until_it_is_given_up(database):
    """A picture is decoded once, however many messages want it."""
    async with database.transaction() as tx:
        assert await take(tx, "one")
        assert not await take(tx, "two")
        assert not await take(tx, "one"), "nor is it taken twice by the one who has it"

    async with database.transaction() as tx:
        assert not await drop_lease(tx, DEFAULT_TENANT, "work", holder="two")
        assert await drop_lease(tx, DEFAULT_TENANT, "work", holder="one")

    async with database.transaction() as tx:
        assert await take(tx, "two")


async def test_a_lease_that_ran_out_is_free(database):
    """A process that was killed must not keep a picture from everybody for ever.

    One that was only slow finds that it is not its own any more.
    """
    async with database.transaction() as tx:
        await take(tx, "killed")
        assert not await take(tx, "next", now=UNTIL - timedelta(microseconds=1))
        assert await take(tx, "next", now=UNTIL)
        assert not await drop_lease(tx, DEFAULT_TENANT, "work", holder="killed")

    assert await count(database, work_leases) == 1


async def test_another_tenants_lease_is_not_touched(database):
    """Not even one that ran out: keys name things of one tenant."""
    await add_tenant(database)
    async with database.transaction() as tx:
        await take(tx, "them", tenant_id="tnt_other")

        assert not await take(tx, "us", now=UNTIL)
        assert not await drop_lease(tx, DEFAULT_TENANT, "work", holder="them")


@pytest.mark.parametrize("undone", [False, True], ids=["first commits", "first is undone"])
async def test_two_processes_that_take_a_lease_at_once(postgres, undone):
    """One has it, and the other knows that it has not."""

    async def second():
        async with postgres.transaction() as tx:
            return await take(tx, "two")

    taken = await race(postgres, lambda tx: take(tx, "one"), second, first_is_undone=undone)

    assert taken is undone
    assert await count(postgres, work_leases) == 1
