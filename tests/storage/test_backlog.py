"""What waits for a campaign is counted by priority and by when it falls due."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from tests.factories import NOW, SENDER, make_message
from tests.storage.writing import store
from wirephoto.domain.daily_cap import cap_day, next_pacific_midnight
from wirephoto.domain.message import MessageState, Priority
from wirephoto.storage.backlog import load_backlog
from wirephoto.storage.daily_caps import mark_spent
from wirephoto.storage.schema import (
    DEFAULT_CAMPAIGN,
    DEFAULT_TENANT,
    accounts,
    brands,
    campaigns,
    senders,
)
from wirephoto.storage.turns import SET_ASIDE

MINUTE = timedelta(minutes=1)


async def load(database):
    async with database.read() as tx:
        return await load_backlog(tx, DEFAULT_CAMPAIGN, now=NOW, capped=True)


async def test_what_waits_is_counted_by_priority_and_time(database):
    """What is due already is one number; later ones are kept apart by the minute."""
    await store(
        database,
        make_message(due_at=NOW - 9 * MINUTE),
        make_message(due_at=NOW),
        make_message(due_at=NOW, priority=Priority.URGENT),
        make_message(due_at=NOW + 2.2 * MINUTE),
        make_message(due_at=NOW + 2.7 * MINUTE, weight=3),
        make_message(state=MessageState.PREPARING),
        make_message(state=MessageState.SUBMITTED),
    )

    found = await load(database)

    assert [(group.priority, group.due_at, group.count) for group in found.waiting] == [
        (Priority.URGENT, NOW, 1),
        (Priority.NORMAL, NOW, 2),
        (Priority.NORMAL, NOW + 2 * MINUTE, 4),
    ]


async def test_the_slower_of_campaign_and_account_sets_the_rate(database):
    """All campaigns together must not exceed what the account may send."""
    async with database.transaction() as tx:
        await tx.execute(update(campaigns).values(rate=50.0))
        await tx.execute(update(accounts).values(rate=30.0))
        await tx.execute(update(brands).values(daily_cap=2000))

    found = await load(database)

    assert (found.rate, found.daily_cap, found.sent_today) == (30.0, 2000, 0)
    assert not found.stopped


@pytest.mark.parametrize(
    ("cap", "capped", "told"),
    [
        (2000, True, (2000, 2000, NOW)),
        (2000, False, (None, 0, NOW)),
        (None, True, (None, 0, next_pacific_midnight(NOW))),
        (None, False, (None, 0, NOW)),
    ],
)
async def test_a_day_that_the_carrier_called_spent_is_spent(database, cap, capped, told):
    """An expected time before midnight would be one that everybody knows to be wrong."""
    async with database.transaction() as tx:
        await tx.execute(update(brands).values(daily_cap=cap))
        await tx.execute(update(campaigns).values(next_slot_at=NOW))
        await mark_spent(tx, [DEFAULT_CAMPAIGN], day=cap_day(NOW), now=NOW)
        found = await load_backlog(tx, DEFAULT_CAMPAIGN, now=NOW, capped=capped)

    assert (found.daily_cap, found.sent_today, found.next_slot_at) == told


async def test_what_is_set_aside_stands_in_nobodys_way(database):
    """Nobody waits behind the messages of a paused sender; once it goes on, they do."""
    row = {
        "number": SENDER,
        "tenant_id": DEFAULT_TENANT,
        "campaign_id": DEFAULT_CAMPAIGN,
        "kind": "10dlc",
        "created_at": NOW,
        "paused_at": NOW,
    }
    async with database.transaction() as tx:
        await tx.execute(insert(senders).values(row))
    await store(database, make_message(fair_key=f"{SET_ASIDE}{SENDER}"))
    assert (await load(database)).waiting == []

    async with database.transaction() as tx:
        await tx.execute(update(senders).values(paused_at=None))

    assert [group.count for group in (await load(database)).waiting] == [1]


async def test_a_stop_of_the_account_is_one_of_the_campaign(database):
    """Nothing leaves either way."""
    async with database.transaction() as tx:
        await tx.execute(update(accounts).values(stopped_at=NOW, stop_reason="unauthorized"))

    assert (await load(database)).stopped


async def test_a_campaign_that_does_not_exist_has_no_backlog(database):
    """Its sender may have been removed meanwhile."""
    async with database.read() as tx:
        assert await load_backlog(tx, "cmp_none", now=NOW, capped=True) is None
