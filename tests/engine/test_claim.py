"""Which messages leave next, and when: the rate, the order, the leases, and stopped lines."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import event

from tests.engine.stage import Stage
from tests.factories import NOW, make_message
from wirephoto.domain.daily_cap import CapRules
from wirephoto.domain.line import PROBE_FIRST_S
from wirephoto.domain.message import Message, MessageState, Priority
from wirephoto.engine.claim import IDLE_REST_S, Claim, claim_due
from wirephoto.storage.messages import Transition, record_transitions
from wirephoto.storage.schema import (
    DEFAULT_ACCOUNT,
    DEFAULT_CAMPAIGN,
    accounts,
    campaigns,
)

HEAD_START = timedelta(milliseconds=30)
LEASE = timedelta(seconds=30)
TURN_COSTS_S = 0.003
"""What a turn takes on a real machine; the virtual clock would let it take none."""


async def claim(stage: Stage, *, limit: int = 100, head_start: timedelta = HEAD_START) -> Claim:
    async with stage.database.transaction() as tx:
        return await claim_due(
            tx,
            DEFAULT_ACCOUNT,
            now=stage.clock.now(),
            head_start=head_start,
            limit=limit,
            lease=LEASE,
            cap_rules=CapRules(),
        )


@dataclass
class Claimers:
    """Several processes that claim for as long as the clock runs, as a dispatcher does."""

    stage: Stage
    count: int
    claimed: list[Message] = field(default_factory=list)

    async def run(self, seconds: float) -> None:
        """Claim for `seconds` of the clock."""
        claiming = [asyncio.create_task(self._claim(index)) for index in range(self.count)]
        await self.stage.advance(seconds)
        for task in claiming:
            task.cancel()
        await asyncio.gather(*claiming, return_exceptions=True)

    async def _claim(self, index: int) -> None:
        # Processes do not start together.
        await self.stage.clock.sleep(index * 0.037)
        while True:
            found = await claim(self.stage)
            self.claimed += found.messages
            await self.stage.clock.sleep(found.rest_s + TURN_COSTS_S)

    @property
    def slots(self) -> list[datetime]:
        """Every slot that was given, in order of time."""
        return sorted(message.slot_at or NOW for message in self.claimed)


async def test_a_claim_stores_slot_and_lease(stage):
    """Whoever finds the row after a crash must see until when it is somebody's."""
    await stage.prepare(rate=10.0)
    messages = sorted([make_message() for _ in range(3)], key=lambda message: message.id)
    await stage.store(*messages)

    found = await claim(stage)

    assert [m.slot_at for m in found.messages] == [
        NOW + HEAD_START,
        NOW + HEAD_START + timedelta(seconds=0.1),
    ]
    for message in found.messages:
        stored = await stage.message(message)
        assert stored == message
        assert stored.state is MessageState.CLAIMED
        assert stored.lease_until == NOW + LEASE
        assert stored.version == 2
    assert await stage.states(messages) == ["claimed", "claimed", "queued"]


async def test_the_next_slots_of_account_and_campaign_move_on(stage):
    """They are the only memory of the rate, over all processes."""
    await stage.prepare(rate=10.0, account_rate=50.0)
    await stage.store(*[make_message() for _ in range(3)])

    await claim(stage)

    last = NOW + HEAD_START + timedelta(seconds=0.1)
    assert (await stage.campaign()).next_slot_at == last + timedelta(seconds=0.1)
    assert (await stage.account()).next_slot_at == last + timedelta(seconds=0.02)


async def test_nothing_due_moves_no_slot(stage):
    """An idle line must not owe anything to its idle turns."""
    before = (await stage.campaign()).next_slot_at
    await stage.store(make_message(due_at=NOW + timedelta(hours=1)))

    found = await claim(stage)

    assert found == Claim([], IDLE_REST_S)
    assert (await stage.campaign()).next_slot_at == before


async def test_urgent_ones_leave_first_then_the_oldest(stage):
    """A code for signing in does not wait behind a newsletter."""
    await stage.prepare(rate=1000.0, account_rate=1000.0)
    earlier = NOW - timedelta(minutes=1)
    bulk = make_message(priority=Priority.BULK, due_at=earlier - timedelta(hours=1))
    late = make_message()
    early = make_message(due_at=earlier)
    urgent = make_message(priority=Priority.URGENT)
    await stage.store(bulk, late, early, urgent)

    found = await claim(stage)

    assert [message.id for message in found.messages] == [urgent.id, early.id, late.id, bulk.id]


async def test_a_claim_takes_no_more_than_its_limit(stage):
    """A process claims what it can send now; the rest is free for others at once."""
    await stage.prepare(rate=1000.0, account_rate=1000.0)
    await stage.store(*[make_message() for _ in range(5)])

    found = await claim(stage, limit=3)

    assert len(found.messages) == 3
    assert found.rest_s == 0.0


@pytest.mark.parametrize("gone", ["expired", "canceled"])
async def test_what_is_gone_costs_no_slot(stage, gone):
    """A line that was stopped for a day would lose minutes to what it may not send any more."""
    await stage.prepare(rate=10.0)
    first = make_message(due_at=NOW - timedelta(minutes=1))
    if gone == "expired":
        first = make_message(due_at=first.due_at, expires_at=NOW)
    second = make_message()
    await stage.store(first, second)
    if gone == "canceled":
        canceled = Transition(first.move_to(MessageState.CANCELED, NOW))
        async with stage.database.transaction() as tx:
            await record_transitions(tx, [canceled])

    found = await claim(stage)

    assert [(m.id, m.slot_at) for m in found.messages] == [(second.id, NOW + HEAD_START)]


async def test_a_slot_is_never_in_the_past(stage):
    """After a pause the line goes on at its rate; it does not make up for the pause."""
    await stage.prepare(rate=10.0)
    await stage.advance(3600)
    await stage.store(*[make_message() for _ in range(5)])

    found = await claim(stage)

    start = stage.clock.now() + HEAD_START
    assert [m.slot_at for m in found.messages] == [start, start + timedelta(seconds=0.1)]


@pytest.mark.parametrize("claimers", [1, 4])
@pytest.mark.parametrize(("rate", "seconds"), [(4.5, 10.0), (0.25, 40.0)])
async def test_the_rate_is_exact_however_many_claim(stage, claimers, rate, seconds):
    """The carrier drops what comes too fast, and a slower line than approved is money lost."""
    await stage.prepare(rate=rate)
    await stage.store(*[make_message() for _ in range(int(seconds * rate) + 10)])
    running = Claimers(stage, claimers)

    await running.run(seconds)

    slots, interval = running.slots, timedelta(seconds=1 / rate)
    assert len({message.id for message in running.claimed}) == len(running.claimed)
    assert all(after - before >= interval for before, after in pairwise(slots))
    used = (len(slots) - 1) * interval / (slots[-1] - slots[0])
    assert used >= 0.99
    assert len(slots) >= (seconds - 0.1) * rate * 0.99


async def test_the_account_bounds_all_its_campaigns_together(stage):
    """The provider limits the account (30 a second by default), whoever it sends for."""
    await stage.prepare(rate=20.0, account_rate=10.0)
    other = await stage.add_campaign("other", rate=20.0)
    await stage.store(*[make_message() for _ in range(40)])
    await stage.store(*[make_message(campaign_id=other) for _ in range(40)])
    running = Claimers(stage, 1)

    await running.run(4.0)

    slots = running.slots
    assert all(b - a >= timedelta(seconds=0.1) for a, b in pairwise(slots))
    assert len(slots) >= 39
    shares = [
        sum(m.campaign_id == id_ for m in running.claimed) for id_ in (other, DEFAULT_CAMPAIGN)
    ]
    assert abs(shares[0] - shares[1]) <= 1


async def test_two_at_a_time_give_nothing_twice(stage):
    """Row locks are the only agreement between processes."""
    await stage.prepare(rate=40.0, account_rate=1000.0)
    await stage.store(*[make_message() for _ in range(60)])

    found = await asyncio.gather(*[claim(stage, limit=5) for _ in range(6)])

    claimed = [message for each in found for message in each.messages]
    slots = sorted(message.slot_at or NOW for message in claimed)
    assert len({message.id for message in claimed}) == len(claimed)
    assert all(b - a >= timedelta(seconds=0.025) for a, b in pairwise(slots))


async def test_turns_go_on_from_claim_to_claim(stage):
    """A process that claims one message at a time must not serve one customer alone."""
    await stage.prepare(rate=1000.0, account_rate=1000.0)
    await stage.store(*[make_message(fair_key=key) for key in "abc" for _ in range(3)])

    served = [(await claim(stage, limit=1)).messages[0].fair_key for _ in range(7)]

    assert "".join(served) == "abcabca"


async def test_the_turns_of_each_priority_are_its_own(stage):
    """Urgent messages between them must not let one bulk customer overtake another."""
    await stage.prepare(rate=1000.0, account_rate=1000.0)
    await stage.store(*[make_message(fair_key=key) for key in "ab" for _ in range(2)])
    served = ""
    for _ in range(4):
        await stage.store(make_message(fair_key="z", priority=Priority.URGENT))
        served += "".join([(await claim(stage, limit=1)).messages[0].fair_key for _ in range(2)])

    assert served == "zazbzazb"


async def test_a_heavy_message_takes_its_slots_of_the_campaign(stage):
    """Carriers count the segments of a text; the provider counts one request."""
    await stage.prepare(rate=10.0, account_rate=50.0)
    first = make_message(weight=3, due_at=NOW - timedelta(seconds=1))
    await stage.store(first, make_message())

    [claimed] = (await claim(stage)).messages

    slot_at = NOW + HEAD_START
    assert (claimed.id, claimed.slot_at) == (first.id, slot_at)
    assert (await stage.campaign()).next_slot_at == slot_at + timedelta(seconds=0.3)
    assert (await stage.account()).next_slot_at == slot_at + timedelta(seconds=0.02)


async def test_ordered_messages_leave_one_after_the_other(stage):
    """The next one leaves once the one before is with the provider."""
    await stage.prepare(rate=1000.0, account_rate=1000.0)
    rows = [make_message(ordered=True, id=f"msg_{place}") for place in range(2)]
    await stage.store(*rows)

    first = await claim(stage)
    await stage.advance(1.0)
    waiting = await claim(stage)
    async with stage.database.transaction() as tx:
        sending = first.messages[0].move_to(MessageState.SENDING, NOW)
        await record_transitions(tx, [Transition(sending)])
        submitted = sending.move_to(MessageState.SUBMITTED, NOW)
        await record_transitions(tx, [Transition(submitted)])
    await stage.advance(1.0)
    second = await claim(stage)

    assert [m.id for m in first.messages] == [rows[0].id]
    assert waiting.messages == []
    assert [m.id for m in second.messages] == [rows[1].id]


@pytest.mark.parametrize("count", [1, 20])
async def test_any_number_of_campaigns_takes_the_same_statements(stage, count):
    """A thousand customers must not cost a thousand questions a turn."""
    await stage.prepare(rate=10.0, account_rate=1000.0)
    for place in range(count):
        other = await stage.add_campaign(f"busy_{place}", rate=10.0)
        await stage.store(make_message(campaign_id=other))
        await stage.add_campaign(f"idle_{place}", rate=10.0)
    sent = []
    engine = stage.database.writer.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *_: sent.append(1))

    found = await claim(stage)

    assert len(found.messages) == count
    # Lock the account, lock the campaigns, ask, claim, and three times store what comes next.
    assert len(sent) <= 7 + 1  # SQLite's BEGIN is one as well


@pytest.mark.parametrize("table", [accounts, campaigns], ids=str)
async def test_a_slowed_line_gets_fewer_slots_until_it_recovers(stage, table):
    """What the carrier asked for holds for every process, and ends by itself."""
    await stage.prepare(rate=20.0, account_rate=20.0)
    await stage.store(*[make_message() for _ in range(100)])
    id_ = DEFAULT_ACCOUNT if table is accounts else DEFAULT_CAMPAIGN
    await stage.set_line(table, id_, slow_share=0.5, slowed_at=NOW)

    slowed = await claim(stage)
    await stage.advance(50.0)
    recovered = await claim(stage)

    assert len(slowed.messages) == 2
    assert len(recovered.messages) == 4


async def test_a_stopped_account_lets_one_message_try(stage):
    """One refused request tells as much as a thousand, and nobody has to press a button."""
    await stage.prepare(rate=100.0)
    await stage.store(*[make_message() for _ in range(5)])
    probe_at = NOW + timedelta(seconds=PROBE_FIRST_S)
    await stop(stage, accounts, DEFAULT_ACCOUNT, probe_at)

    early = await claim(stage)
    await stage.advance(PROBE_FIRST_S)
    due = await claim(stage)
    again = await claim(stage)

    assert (early.messages, again.messages) == ([], [])
    assert len(due.messages) == 1
    assert due.probed == {DEFAULT_ACCOUNT}
    account = await stage.account()
    assert account.probes == 1
    assert account.probe_at == probe_at + timedelta(seconds=2 * PROBE_FIRST_S)
    assert account.stopped_at == NOW


async def test_a_paused_campaign_does_not_hold_up_another(stage):
    """One customer's wrong sender is not everybody's outage."""
    await stage.prepare(rate=5.0)
    other = await stage.add_campaign("other", rate=5.0)
    paused = [make_message() for _ in range(2)]
    going = [make_message(campaign_id=other) for _ in range(2)]
    await stage.store(*paused, *going)
    await stop(stage, campaigns, DEFAULT_CAMPAIGN, NOW + timedelta(seconds=PROBE_FIRST_S))

    found = await claim(stage)
    await stage.advance(PROBE_FIRST_S)
    later = await claim(stage)

    assert [message.campaign_id for message in found.messages] == [other]
    assert not found.probed
    assert {message.campaign_id for message in later.messages} == {DEFAULT_CAMPAIGN, other}
    assert later.probed == {DEFAULT_CAMPAIGN}


async def test_only_what_goes_through_a_stopped_line_is_a_probe(stage):
    """An answer to an ordinary message proves nothing about a line that stands still."""
    await stage.prepare(rate=5.0, account_rate=5.0)
    other = await stage.add_campaign("other", rate=5.0)
    await stop(stage, campaigns, other, NOW)
    await stage.set_line(campaigns, other, next_slot_at=NOW + timedelta(milliseconds=300))
    await stage.store(make_message(), make_message(campaign_id=other))

    found = await claim(stage)

    assert len(found.messages) == 1
    assert not found.probed


async def test_a_line_rests_until_its_next_slot_comes_near(stage):
    """Longer would lose a part of a slow line's rate, shorter would keep the database busy."""
    await stage.prepare(rate=2.0)
    await stage.store(make_message(), make_message())

    first = await claim(stage)
    await stage.clock.advance(0.2)
    nothing = await claim(stage)

    # The next slot is half a second after the first one; its claim is half a horizon earlier.
    assert first.rest_s == pytest.approx(0.4)
    assert nothing.messages == []
    assert nothing.rest_s == pytest.approx(0.2)


async def stop(stage, table, id_, probe_at):
    await stage.set_line(
        table,
        id_,
        stopped_at=NOW,
        stop_reason="unauthorized",
        stop_detail="No.",
        probe_at=probe_at,
    )
