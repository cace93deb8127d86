"""Whatever happens in what order, nothing leaves after a STOP or at an hour that is closed."""

from collections import Counter

import pytest
from sqlalchemy import func, select, update

from tests.engine.nights import at
from tests.engine.stage import Stage
from tests.engine.test_replies import Phone, phone_on
from tests.scenarios.quiet_days import QuietDays
from tests.virtual_clock import VirtualClock
from wirephoto.storage.schema import audit, brands

DAYS = {"march": "2026-03-06 06:00", "november": "2026-10-30 06:00", "july": "2026-07-15 03:00"}
"""Two of them go over a Sunday on which clocks change."""
SEEDS = 2
STEPS = 36


async def begin(database, commits, ids, days: str) -> tuple[Stage, Phone]:
    """Return the stage on which days pass, and what hears the phones of its recipients."""
    stage = Stage(database, commits, VirtualClock(at(DAYS[days])), ids)
    phone = await phone_on(stage)
    await stage.prepare(rate=20.0)
    async with database.transaction() as tx:
        await tx.execute(update(brands).values(daily_cap=20))
    return stage, phone


@pytest.mark.parametrize("days", DAYS)
async def test_nothing_leaves_after_a_stop_or_in_a_closed_window(database, commits, ids, days):
    """In no zone that the phone may be in, whatever was held, put off, tried again or resent.

    Clocks change, rules change between acceptance and claim, a daily cap moves messages to
    midnight in Los Angeles, recipients write in the night, say STOP while a message is about to
    leave, and START again; processes die between two statements. Caps on how often hold as well.
    """
    seen: Counter[str] = Counter()
    stage, phone = await begin(database, commits, ids, days)
    for seed in range(SEEDS):
        world = QuietDays(stage, phone, seed)
        await world.live(STEPS)
        assert world.broken == []
        seen += world.seen

    # It was no idle time: messages left by day and by exemption, and others waited.
    assert seen["left marketing"] >= 8
    assert min(seen["tried again"], seen["bypass"], seen["accepted quiet_hours"]) >= 3
    assert min(seen["left answer"], seen["rejected"], seen["conversation"]) >= 1
    assert min(seen["stopped"], seen["died"], seen["left after start"]) >= 2
    async with database.read() as tx:
        bypasses = (await tx.execute(select(func.count()).select_from(audit))).scalar_one()
    assert bypasses >= seen["bypass"] + seen["conversation"]


async def test_the_judge_notices_what_leaves_in_a_closed_window(database, commits, ids):
    """Else the test above might be green for want of a judge."""
    stage, phone = await begin(database, commits, ids, "july")
    world = QuietDays(stage, phone, 0, blind_to_hours=True)

    await world.live(STEPS)

    assert any("federal" in each for each in world.broken)


async def test_the_judge_notices_what_leaves_after_a_stop(database, commits, ids, monkeypatch):
    """The same for opt-outs that nobody stores before the provider is answered."""
    monkeypatch.setattr("wirephoto.engine.replies.silence", _says_so_and_does_nothing)
    stage, phone = await begin(database, commits, ids, "july")
    world = QuietDays(stage, phone, 0)

    await world.live(STEPS)

    assert any("after STOP" in each for each in world.broken)


async def _says_so_and_does_nothing(_tx, rows, **_):
    return [True] * len(rows)
