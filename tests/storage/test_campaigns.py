"""Campaigns and senders as their owner sees them: what is told of each, page by page."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from tests.factories import NOW, SENDER, make_message
from tests.storage.writing import add_campaign, store
from wirephoto.domain.daily_cap import cap_day
from wirephoto.domain.message import MessageState
from wirephoto.domain.pacing import Pace
from wirephoto.storage.campaigns import (
    get_campaign,
    get_sender,
    list_campaigns,
    list_senders,
    lock_campaign,
    lock_sender,
    set_pace,
    set_sender_pause,
)
from wirephoto.storage.schema import (
    DEFAULT_ACCOUNT,
    DEFAULT_BRAND,
    DEFAULT_CAMPAIGN,
    DEFAULT_TENANT,
    brands,
)
from wirephoto.storage.schema_senders import brand_days
from wirephoto.storage.senders import Sender, add_sender

OTHERS = [f"+1202555010{place}" for place in range(1, 4)]


@pytest.fixture(autouse=True)
async def _senders(database):
    async with database.transaction() as tx:
        for number in (SENDER, *OTHERS):
            sender = Sender(number, DEFAULT_TENANT, DEFAULT_CAMPAIGN, DEFAULT_ACCOUNT, "10dlc")
            await add_sender(tx, sender, NOW)


async def campaign_of(database, id_=DEFAULT_CAMPAIGN, now=NOW):
    async with database.read() as tx:
        return await get_campaign(tx, DEFAULT_TENANT, id_, now=now)


async def sender_of(database, number):
    async with database.read() as tx:
        return await get_sender(tx, DEFAULT_TENANT, number)


async def test_a_campaign_is_told_with_its_senders_and_its_queue(database):
    """One look says who sends, and how much is to come."""
    await add_campaign(database, "cmp_other")
    waiting = [make_message(), make_message(due_at=NOW + timedelta(days=1))]
    left = [make_message(state=state) for state in (MessageState.CLAIMED, MessageState.SUBMITTED)]
    await store(database, *waiting, *left, make_message(campaign_id="cmp_other"))

    found = await campaign_of(database)

    assert (found.line.id, found.queued) == (DEFAULT_CAMPAIGN, 2)
    assert found.senders == tuple(sorted([SENDER, *OTHERS]))
    other = await campaign_of(database, "cmp_other")
    assert (other.queued, other.senders) == (1, ())


async def test_the_brands_day_is_that_of_its_cap(database):
    """The cap begins anew at midnight in Los Angeles, whatever the server's clock shows."""
    day = {"brand_id": DEFAULT_BRAND, "tenant_id": DEFAULT_TENANT, "day": cap_day(NOW), "sent": 7}
    async with database.transaction() as tx:
        await tx.execute(update(brands).values(daily_cap=2000, provider_id="B1"))
        await tx.execute(insert(brand_days).values(day))

    brand = (await campaign_of(database)).brand

    assert (brand.id, brand.provider_id) == (DEFAULT_BRAND, "B1")
    assert (brand.daily_cap, brand.sent_today) == (2000, 7)
    assert (await campaign_of(database, now=NOW + timedelta(days=1))).brand.sent_today == 0


async def test_lists_go_on_where_they_stopped(database):
    """Ten thousand senders are no answer to one question."""
    await add_campaign(database, "cmp_other")
    async with database.read() as tx:
        first = await list_senders(tx, DEFAULT_TENANT, after=None, limit=3)
        rest = await list_senders(tx, DEFAULT_TENANT, after=first[-1].number, limit=3)
        pages = [
            await list_campaigns(tx, DEFAULT_TENANT, after_id=after_id, limit=1, now=NOW)
            for after_id in (None, DEFAULT_CAMPAIGN, "cmp_other")
        ]

    assert [sender.number for sender in (*first, *rest)] == sorted([SENDER, *OTHERS])
    assert [each.line.id for page in pages for each in page] == [DEFAULT_CAMPAIGN, "cmp_other"]


async def test_a_pause_is_of_one_sender(database):
    """The others of its campaign go on."""
    async with database.transaction() as tx:
        assert await lock_sender(tx, DEFAULT_TENANT, SENDER)
        await set_sender_pause(tx, SENDER, paused_at=NOW, reason="why")

    paused, other = await sender_of(database, SENDER), await sender_of(database, OTHERS[0])
    assert (paused.paused_at, paused.pause_reason) == (NOW, "why")
    assert replace(paused, number=OTHERS[0], paused_at=None, pause_reason=None) == other


async def test_a_pace_is_of_one_campaign(database):
    """And its stop, its slowing and its turns stay."""
    await add_campaign(database, "cmp_other", rate=2.0)
    pace = Pace(9.0, NOW + timedelta(seconds=5))
    async with database.transaction() as tx:
        before = await lock_campaign(tx, DEFAULT_TENANT, DEFAULT_CAMPAIGN)
        await set_pace(tx, DEFAULT_CAMPAIGN, pace)

    assert (await campaign_of(database)).line == replace(before, pace=pace)
    assert (await campaign_of(database, "cmp_other")).line.pace.rate == 2.0


@pytest.mark.parametrize("name", ["none", "a\x00b"])
async def test_what_is_not_there_is_not_found(database, name):
    """Names come from addresses, where anything may stand."""
    assert await campaign_of(database, name) is None
    assert await sender_of(database, name) is None
    async with database.transaction() as tx:
        assert await lock_campaign(tx, DEFAULT_TENANT, name) is None
        assert not await lock_sender(tx, DEFAULT_TENANT, name)
