"""How often a recipient hears from a brand: counted with what leaves, and never beyond the cap."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from tests.factories import NOW, RECIPIENT, make_attempt, make_message
from tests.race import race
from wirephoto.domain.frequency import Cap, Tally
from wirephoto.domain.message import Category, MessageState
from wirephoto.storage.departures import read_tallies
from wirephoto.storage.messages import Transition, get_message, insert_messages
from wirephoto.storage.schema import (
    DEFAULT_ACCOUNT,
    DEFAULT_TENANT,
    brands,
    campaigns,
)
from wirephoto.storage.schema_recipients import contacts
from wirephoto.storage.tallies import CappedMove, begin_within_caps

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TWO_A_DAY = (Cap(2, DAY),)


def leaving(message, at=NOW, caps=TWO_A_DAY):
    sending = message.move_to(MessageState.SENDING, at, attempts=1)
    return CappedMove(Transition(sending, begun=make_attempt(sending, started_at=at)), caps)


async def claimed(database, count, **changes):
    fields = {"state": MessageState.CLAIMED, "category": Category.MARKETING} | changes
    rows = [make_message(**fields) for _ in range(count)]
    async with database.transaction() as tx:
        await insert_messages(tx, rows)
    return rows


async def begin(database, *rows):
    async with database.transaction() as tx:
        return await begin_within_caps(tx, rows)


async def tallies(database):
    async with database.read() as tx:
        rows = await tx.execute(select(contacts))
        return {(row.brand_id, row.recipient): read_tallies(row.tallies) for row in rows}


async def test_as_many_leave_as_the_cap_lets_through(database):
    """The third hears when it may."""
    rows = await claimed(database, 3)

    begun = await begin(database, *[leaving(row) for row in rows])

    assert begun == [True, True, NOW + DAY]
    assert list((await tallies(database)).values()) == [{"marketing/1": Tally(2, NOW, NOW)}]
    async with database.read() as tx:
        last = await get_message(tx, DEFAULT_TENANT, rows[-1].id)
    assert (last.state, last.attempts) == (MessageState.CLAIMED, 0)


async def test_what_has_left_before_counts(database):
    """A process that starts again forgets nothing."""
    first, second, third = await claimed(database, 3)
    later = NOW + HOUR

    assert await begin(database, leaving(first)) == [True]
    assert await begin(database, leaving(second, later), leaving(third, later)) == [
        True,
        NOW + DAY,
    ]


async def test_recipients_do_not_share_a_cap(database):
    """Nor do brands, nor categories."""
    async with database.transaction() as tx:
        brand = {"id": "brd_2", "tenant_id": DEFAULT_TENANT, "name": "Other", "created_at": NOW}
        await tx.execute(insert(brands).values(brand))
        campaign = {
            "id": "cmp_2",
            "tenant_id": DEFAULT_TENANT,
            "account_id": DEFAULT_ACCOUNT,
            "brand_id": "brd_2",
            "name": "Other",
            "rate": 1.0,
            "next_slot_at": NOW,
        }
        await tx.execute(insert(campaigns).values(campaign))
    one = (Cap(1, DAY),)
    rows = [
        *await claimed(database, 2),
        *await claimed(database, 1, recipient="+13055550123"),
        *await claimed(database, 1, campaign_id="cmp_2"),
        *await claimed(database, 1, category=Category.TRANSACTIONAL),
    ]

    begun = await begin(database, *[leaving(row, caps=one) for row in rows])

    assert begun == [True, NOW + DAY, True, True, True]
    assert len(await tallies(database)) == 3


async def test_what_does_not_leave_is_not_counted(database):
    """It was canceled meanwhile; and whoever was held for it is looked at once more."""
    [canceled] = await claimed(database, 1, state=MessageState.CANCELED)
    waiting = await claimed(database, 2)
    gone = leaving(
        make_message(id=canceled.id, state=MessageState.CLAIMED, category=Category.MARKETING)
    )

    begun = await begin(database, gone, *[leaving(row) for row in waiting])

    assert begun == [False, True, False]
    assert list((await tallies(database)).values()) == [{"marketing/1": Tally(1, NOW, NOW)}]


@pytest.mark.parametrize("undone", [False, True], ids=["committed", "killed"])
async def test_two_processes_do_not_both_send_the_last_one(postgres, undone):
    """The second waits for the first's lock, then counts what that has sent."""
    first, second = await claimed(postgres, 2)
    one = (Cap(1, DAY),)

    begun = await race(
        postgres,
        lambda tx: begin_within_caps(tx, [leaving(first, caps=one)]),
        lambda: begin(postgres, leaving(second, caps=one)),
        first_is_undone=undone,
    )

    assert begun == [True if undone else NOW + DAY]


async def test_many_at_once_keep_to_the_cap(database):
    """Whoever comes first: three of twelve, and no deadlock among those with two recipients."""
    here = await claimed(database, 12)
    there = await claimed(database, 12, recipient="+13055550123")
    caps = (Cap(3, DAY),)
    batches = [
        begin(database, *[leaving(row, caps=caps) for row in sorted(pair, key=lambda row: row.id)])
        for pair in zip(here, reversed(there), strict=True)
    ]

    begun = [answer for batch in await asyncio.gather(*batches) for answer in batch]

    assert begun.count(True) == 6
    assert {tally["marketing/1"].count for tally in (await tallies(database)).values()} == {3}
    assert RECIPIENT in {recipient for _, recipient in await tallies(database)}
