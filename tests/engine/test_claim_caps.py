"""What a brand's daily cap holds back, and what it lets pass."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from tests.engine.stage import Stage
from tests.factories import NOW, make_message
from wirephoto.domain.daily_cap import CapRules, cap_day, next_pacific_midnight
from wirephoto.domain.message import Message, Priority
from wirephoto.engine.claim import CAPPED_LOOK, Claim, claim_due
from wirephoto.storage.daily_caps import learn_networks, mark_spent
from wirephoto.storage.schema import DEFAULT_ACCOUNT, DEFAULT_BRAND, DEFAULT_CAMPAIGN, brands
from wirephoto.storage.schema_senders import brand_days

T_MOBILE, AT_AND_T = "310260", "310410"
MIDNIGHT = next_pacific_midnight(NOW)


async def claim(stage: Stage, *, limit: int = 100, unknown_counts: bool = True) -> Claim:
    async with stage.database.transaction() as tx:
        return await claim_due(
            tx,
            DEFAULT_ACCOUNT,
            now=stage.clock.now(),
            head_start=timedelta(milliseconds=30),
            limit=limit,
            lease=timedelta(seconds=30),
            cap_rules=CapRules(unknown_counts=unknown_counts),
        )


async def cap(stage: Stage, daily_cap: int | None, *, sent: int | None = None) -> None:
    await stage.prepare(rate=1000.0, account_rate=1000.0)
    async with stage.database.transaction() as tx:
        await tx.execute(update(brands).values(daily_cap=daily_cap))
        if sent is not None:
            day = {"brand_id": DEFAULT_BRAND, "day": cap_day(NOW), "sent": sent}
            await tx.execute(insert(brand_days).values(day | {"tenant_id": "tnt_default"}))


async def sent_on(stage: Stage) -> dict[str, int]:
    async with stage.database.read() as tx:
        return {row.day: row.sent for row in await tx.execute(select(brand_days))}


async def waiting(stage: Stage, *messages: Message) -> list[tuple[str | None, datetime]]:
    stored = [await stage.message(message) for message in messages]
    return [(message.hold_reason, message.due_at) for message in stored]


def several(count: int, **changes: object) -> list[Message]:
    return [make_message(id=f"msg_{place:04d}", **changes) for place in range(count)]


async def test_what_is_over_the_cap_waits_for_midnight(stage):
    """T-Mobile fails it, at our price, and does not queue it."""
    await cap(stage, 10, sent=8)
    first, second, third, fourth = several(4)
    await stage.store(first, second, third, fourth)

    found = await claim(stage)

    assert [message.id for message in found.messages] == [first.id, second.id]
    assert await waiting(stage, third, fourth) == [("daily_limit", MIDNIGHT)] * 2
    assert await sent_on(stage) == {cap_day(NOW): 10}


async def test_after_midnight_it_leaves(stage):
    """The day is the Pacific coast's, and begins with a whole cap."""
    await cap(stage, 1)
    messages = several(3, expires_at=NOW + timedelta(days=5))
    await stage.store(*messages)

    left = []
    for _ in range(3):
        left.append([message.id for message in (await claim(stage)).messages])
        await claim(stage)
        now = stage.clock.now()
        await stage.advance((next_pacific_midnight(now) - now).total_seconds())

    assert left == [[message.id] for message in messages]
    assert list((await sent_on(stage)).values()) == [1, 1, 1]


async def test_other_carriers_phones_pass(stage):
    """AT&T has no such cap, and its customers wait for their pictures as well."""
    await cap(stage, 1, sent=1)
    ours = make_message(recipient="+12125550101", id="msg_1")
    theirs = make_message(recipient="+12125550102", id="msg_2")
    unknown = make_message(recipient="+12125550103", id="msg_3")
    async with stage.database.transaction() as tx:
        await learn_networks(tx, [(ours, T_MOBILE), (theirs, AT_AND_T)])
    await stage.store(ours, theirs, unknown)

    found = await claim(stage)

    assert [message.id for message in found.messages] == [theirs.id]
    assert await sent_on(stage) == {cap_day(NOW): 1}
    assert [reason for reason, _ in await waiting(stage, ours, unknown)] == ["daily_limit"] * 2


async def test_phones_of_unknown_carriers_pass_where_the_settings_say_so(stage):
    """Most of them are not T-Mobile's; whoever would rather risk a 1460 may."""
    await cap(stage, 1, sent=1)
    unknown = make_message()
    await stage.store(unknown)

    found = await claim(stage, unknown_counts=False)

    assert [message.id for message in found.messages] == [unknown.id]


async def test_the_carriers_word_counts_for_more_than_our_count(stage):
    """Others may send under the same brand, and no registration told us of a cap."""
    await cap(stage, None)
    message = make_message()
    await stage.store(message)
    async with stage.database.transaction() as tx:
        await mark_spent(tx, [DEFAULT_CAMPAIGN], day=cap_day(NOW), now=NOW)

    found = await claim(stage)

    assert found.messages == []
    assert await waiting(stage, message) == [("daily_limit", MIDNIGHT)]


async def test_without_a_cap_nothing_is_counted(stage):
    """Most brands' first weeks: the claim writes no row for them."""
    await cap(stage, None)
    await stage.store(*several(3))

    assert len((await claim(stage)).messages) == 3
    assert await sent_on(stage) == {}


async def test_the_urgent_ones_get_what_is_left(stage):
    """A code for signing in is worth more than a newsletter."""
    await cap(stage, 1)
    bulk = make_message(priority=Priority.BULK, due_at=NOW - timedelta(hours=1), id="msg_1")
    urgent = make_message(priority=Priority.URGENT, id="msg_2")
    await stage.store(bulk, urgent)

    found = await claim(stage)

    assert [message.id for message in found.messages] == [urgent.id]
    assert await waiting(stage, bulk) == [("daily_limit", MIDNIGHT)]


async def test_campaigns_of_a_brand_share_its_cap(stage):
    """T-Mobile counts by the tax id: over all campaigns, senders and tenants of it."""
    await cap(stage, 3)
    other = await stage.add_campaign("other", rate=1000.0)
    mine, theirs = several(2), [make_message(campaign_id=other) for _ in range(2)]
    await stage.store(*mine, *theirs)

    found = await claim(stage)

    assert len(found.messages) == 3
    assert await sent_on(stage) == {cap_day(NOW): 3}
    assert (await claim(stage)).messages == []


async def test_a_long_text_counts_by_its_segments(stage):
    """The carrier counts segments; four of them are four."""
    await cap(stage, 5)
    long, longer, short = (
        make_message(id=f"msg_{weight}", weight=weight, due_at=NOW + timedelta(microseconds=place))
        for place, weight in enumerate((4, 2, 1))
    )
    await stage.store(long, longer, short)
    await stage.advance(1)

    found = await claim(stage)

    assert [message.id for message in found.messages] == [long.id, short.id]
    assert await sent_on(stage) == {cap_day(NOW): 5}


async def test_only_what_gets_a_slot_counts(stage):
    """What is merely looked at has not left; it must not eat up the day."""
    await cap(stage, 100)
    await stage.prepare(rate=5.0, account_rate=1000.0)
    await stage.store(*several(50))

    found = await claim(stage)

    assert await sent_on(stage) == {cap_day(NOW): len(found.messages)}
    assert len(found.messages) < 5


async def test_those_behind_many_that_wait_are_soon_found(stage):
    """A day's worth of held pictures must not cost those behind them a slot each."""
    await cap(stage, 1, sent=1)
    await stage.prepare(rate=1.0, account_rate=1000.0)
    held = several(3 * CAPPED_LOOK)
    free = make_message(recipient="+12125550199", id="msg_9999")
    async with stage.database.transaction() as tx:
        await learn_networks(tx, [(free, AT_AND_T)])
    await stage.store(*held, free)

    turns = 0
    found = Claim([], 0.0)
    while not found.messages:
        found = await claim(stage)
        turns += 1
        assert found.messages or found.rest_s == 0.0

    assert turns <= 4
    assert [message.id for message in found.messages] == [free.id]


@pytest.mark.parametrize(
    "now", [datetime(2026, 3, 8, 9, tzinfo=UTC), datetime(2026, 11, 1, 8, tzinfo=UTC)]
)
async def test_the_days_when_clocks_change_are_one_day_each(stage, now):
    """23 or 25 hours: one cap."""
    await cap(stage, 1)
    await stage.advance((now - NOW).total_seconds())
    await stage.store(*several(2, due_at=now, expires_at=now + timedelta(days=2)))

    assert len((await claim(stage)).messages) == 1
    assert (await claim(stage)).messages == []
    await stage.advance((next_pacific_midnight(now) - now).total_seconds() - 1)
    assert (await claim(stage)).messages == []
    await stage.advance(1)
    assert len((await claim(stage)).messages) == 1
