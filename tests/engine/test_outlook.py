"""What is told of a message at its acceptance: when it will leave."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.factories import NOW, make_message
from wirephoto.domain.daily_cap import CapRules
from wirephoto.domain.message import Priority
from wirephoto.engine.outlook import AGE_S_MIN, Outlook
from wirephoto.storage.schema import DEFAULT_CAMPAIGN, campaigns

SECOND = timedelta(seconds=1)


@pytest.fixture
async def outlook(stage):
    async with stage.database.transaction() as tx:
        await tx.execute(update(campaigns).values(rate=1.0, next_slot_at=NOW))
    return Outlook(stage.database, stage.clock, CapRules())


async def expected(outlook, **changes):
    message = make_message(**changes)
    await outlook.refresh(message.campaign_id)
    return outlook.expect(message).expected_at


async def test_each_accepted_message_stands_behind_the_ones_before(stage, outlook):
    """A batch of a thousand does not hear a thousand times that it leaves now."""
    await stage.store(make_message(), make_message())

    times = [await expected(outlook) for _ in range(3)]

    assert times == [NOW + number * SECOND for number in (2, 3, 4)]


async def test_an_urgent_message_passes_the_others(stage, outlook):
    """And they hear of it."""
    await expected(outlook)
    await expected(outlook)

    assert await expected(outlook, priority=Priority.URGENT) == NOW
    assert await expected(outlook) == NOW + 3 * SECOND


async def test_messages_for_the_same_hour_stand_behind_each_other(stage, outlook):
    """A bulk that is scheduled for ten does not leave at ten all at once."""
    later = NOW + timedelta(hours=1)

    times = [await expected(outlook, due_at=later) for _ in range(3)]

    assert times == [later + number * SECOND for number in range(3)]


async def test_what_others_did_is_seen_a_little_later(stage, outlook):
    """Another process may have accepted a thousand, or a dispatcher sent them."""
    assert await expected(outlook) == NOW
    await stage.store(*[make_message() for _ in range(10)])
    await stage.advance(AGE_S_MIN + 0.1)

    now = stage.clock.now()
    assert await expected(outlook, due_at=now) == now + 10 * SECOND


async def test_a_stopped_line_promises_nothing(stage, outlook):
    """Null is honest."""
    async with stage.database.transaction() as tx:
        await tx.execute(update(campaigns).values(stopped_at=NOW, stop_reason="x"))

    assert await expected(outlook) is None


async def test_a_campaign_that_is_gone_promises_nothing(outlook):
    """Nothing is made up, and nothing breaks."""
    assert await outlook.refresh("cmp_none") is None
    message = make_message(campaign_id="cmp_none")
    assert outlook.expect(message) is message
    assert await outlook.refresh(DEFAULT_CAMPAIGN) is not None
