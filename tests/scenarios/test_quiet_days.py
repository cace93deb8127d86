"""Whatever happens in what order, nothing leaves at an hour at which it may not."""

from collections import Counter

import pytest
from sqlalchemy import func, select, update

from tests.engine.nights import at
from tests.engine.stage import Stage
from tests.scenarios.quiet_days import QuietDays
from tests.virtual_clock import VirtualClock
from wirephoto.storage.schema import audit, brands

DAYS = {"march": "2026-03-06 06:00", "november": "2026-10-30 06:00", "july": "2026-07-15 03:00"}
"""Two of them go over a Sunday on which clocks change."""
STEPS = 40


@pytest.mark.parametrize("days", DAYS)
async def test_no_attempt_begins_in_a_closed_window(database, commits, ids, days):
    """In no zone that the phone may be in, whatever was held, put off, tried again or resent.

    Clocks change, rules change between acceptance and claim, a daily cap moves messages to
    midnight in Los Angeles, recipients write in the night. Caps on how often hold as well.
    """
    seen: Counter[str] = Counter()
    stage = Stage(database, commits, VirtualClock(at(DAYS[days])), ids)
    await stage.prepare(rate=20.0)
    async with database.transaction() as tx:
        await tx.execute(update(brands).values(daily_cap=20))
    for seed in range(3):
        world = QuietDays(stage, seed)
        await world.live(STEPS)
        assert world.broken == []
        seen += world.seen

    # It was no idle time: messages left by day and by exemption, and others waited.
    assert seen["left marketing"] >= 20
    assert min(seen["tried again"], seen["bypass"], seen["accepted quiet_hours"]) >= 3
    assert min(seen["left answer"], seen["rejected"], seen["conversation"]) >= 1
    async with database.read() as tx:
        bypasses = (await tx.execute(select(func.count()).select_from(audit))).scalar_one()
    assert bypasses >= seen["bypass"] + seen["conversation"]
