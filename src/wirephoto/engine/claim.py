"""The claim: which due messages leave next, each with its slot, decided in one transaction."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import Table

from wirephoto.domain.daily_cap import (
    HELD,
    CapRules,
    DailyCap,
    cap_day,
    next_pacific_midnight,
    within,
)
from wirephoto.domain.departure import NEVER_QUIET
from wirephoto.domain.line import probing
from wirephoto.domain.message import Message, Priority
from wirephoto.domain.pacing import HORIZON, Demand, Pace, allocate
from wirephoto.domain.quiet_hours import QuietHours
from wirephoto.engine.line import resume_quiet
from wirephoto.engine.reckoning import reckoned
from wirephoto.storage.daily_caps import count_sent, networks_of
from wirephoto.storage.database import Transaction
from wirephoto.storage.departures import store_departures, waiting_by_id
from wirephoto.storage.queue import Hold, claim_messages, put_off, set_aside
from wirephoto.storage.schema import accounts, campaigns
from wirephoto.storage.senders import (
    NOBODY,
    Line,
    advance_slots,
    lock_line,
    lock_ready_campaigns,
    stop_line,
    store_served,
)
from wirephoto.storage.turns import LOOK_AHEAD, Due, Turn, due_messages

CAMPAIGNS_MAX = 64
"""Campaigns that one claim serves."""
CAPPED_LOOK = 256
"""Due messages of a campaign that one claim looks at when its brand's daily cap is used up: those
to other carriers need not wait for a slot each that those before them cannot use."""
IDLE_REST_S = 0.5
"""The longest rest: how late a held message's hour may be noticed, in seconds."""
_SOON = HORIZON + timedelta(seconds=IDLE_REST_S)


@dataclass(frozen=True, slots=True)
class Claim:
    """Messages that this process has until their leases end, and when to claim again.

    `probed` names the stopped lines that let one of them through, to see whether they go on;
    `refused` the messages that got a slot and must not leave.
    """

    messages: list[Message]
    rest_s: float
    probed: frozenset[str] = frozenset()
    refused: tuple[str, ...] = ()


async def claim_due(
    tx: Transaction,
    account_id: str,
    *,
    now: datetime,
    head_start: timedelta,
    limit: int,
    lease: timedelta,
    cap_rules: CapRules,
    hours: QuietHours = NEVER_QUIET,
) -> Claim:
    """Claim up to `limit` due messages of an account's campaigns, with a slot for each.

    The locks are taken in one order (account, campaigns by id, messages), so that any number of
    processes may claim. A stopped line gives out one message when its probe is due. The first slot
    is `head_start` from now.
    """
    earliest = now + head_start
    account = await resume_quiet(tx, accounts, await lock_line(tx, accounts, account_id), now)
    if account.stop and account.stop.probe_at > now:
        return Claim([], IDLE_REST_S)
    pace = account.pace_at(now)
    if pace.next_slot_at >= earliest + HORIZON:
        return Claim([], _rest_s(pace, [pace], earliest))
    most = 1 if account.stop else min(limit, pace.slots_within(HORIZON))
    # Those whose slot comes within the longest rest are among them: it decides how long to rest.
    lines = await lock_ready_campaigns(
        tx, account.id, now=now, until=earliest + _SOON, limit=min(most, CAMPAIGNS_MAX)
    )
    lines = [await resume_quiet(tx, campaigns, line, now) for line in lines]
    queues = await _waiting(tx, lines, now=now, earliest=earliest, limit=most, hours=hours)
    await _keep_to_caps(tx, queues, cap_rules, now)
    demands = [Demand(queue.pace, [due.weight for due in queue.due]) for queue in queues]
    allocation = allocate(pace, demands, now=earliest, limit=most)
    for queue, slots, after in zip(queues, allocation.slots, allocation.campaigns, strict=True):
        queue.serve(slots, after)
    claimed = await _take(tx, queues, now=now, lease_until=now + lease, hours=hours)
    passed_over = await _hold_back(tx, queues)
    served = [queue for queue in queues if queue.slots]
    if served:
        await _store(tx, accounts, [(account, allocation.account)], now)
        await _store_served(tx, served, now)
    probed = [line.id for line in (account, *(queue.line for queue in served)) if line.stop]
    # Behind those that may not leave there may be some that may.
    is_more = len(claimed) == limit or passed_over >= LOOK_AHEAD
    paces = [queue.pace for queue in queues if queue.due or not queue.wanted]
    rest_s = 0.0 if is_more else _rest_s(allocation.account, paces, earliest)
    probing_lines = frozenset(probed if served else ())
    return Claim(claimed, rest_s, probing_lines, _refused(queues, claimed))


@dataclass(slots=True)
class _Queue:
    """A campaign in a claim: its pace, what of it is due, and what of that gets which slot.

    `fit` of what is due are not stale, and quiet hours held `shut` of those that were.
    `counted` says of what is due how much it counts against the brand's daily cap.
    """

    line: Line
    pace: Pace
    wanted: int
    due: list[Due] = field(default_factory=list)
    fit: int = 0
    shut: int = 0
    holds: list[Hold] = field(default_factory=list)
    paused: list[str] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)
    slots: list[tuple[str, datetime]] = field(default_factory=list)
    served: tuple[str | None, ...] = NOBODY

    @property
    def cap(self) -> DailyCap:
        """Return the daily cap of its brand."""
        assert self.line.cap is not None, "campaigns are locked with their cap"
        return self.line.cap

    @property
    def looked_at(self) -> int:
        """Return how many due messages to look at: where most are held, those behind them."""
        return (
            max(self.wanted, CAPPED_LOOK)
            if self.cap.is_limited and not self.cap.left
            else self.wanted
        )

    def serve(self, slots: Sequence[datetime], after: Pace) -> None:
        """Give the first of the queue the slots; remember whose turn it was."""
        self.pace = after
        served = list(self.line.served)
        for due, slot_at in zip(self.due, slots, strict=False):
            self.slots.append((due.id, slot_at))
            served[due.priority] = due.fair_key
        self.served = tuple(served)


async def _take(
    tx: Transaction,
    queues: list[_Queue],
    *,
    now: datetime,
    lease_until: datetime,
    hours: QuietHours,
) -> list[Message]:
    slots = [slot for queue in queues for slot in queue.slots]
    if not slots:
        return []
    return await claim_messages(
        tx, slots, now=now, lease_until=lease_until, hours_digest=hours.digest
    )


def _refused(queues: list[_Queue], claimed: list[Message]) -> tuple[str, ...]:
    """Return what got a slot and was not claimed: it has moved on, or must not leave."""
    taken = {message.id for message in claimed}
    return tuple(id_ for queue in queues for id_, _ in queue.slots if id_ not in taken)


async def _waiting(
    tx: Transaction,
    lines: list[Line],
    *,
    now: datetime,
    earliest: datetime,
    limit: int,
    hours: QuietHours,
) -> list[_Queue]:
    """Ask what is due of all campaigns at once; nothing of those whose slot comes later.

    Each is asked for up to twice its share of the claim, for others may have less: what is read
    does not grow with their number, and what one has beyond that the next claim takes.
    """
    queues = {}
    limit = min(limit, ceil(2 * limit / max(1, len(lines))))
    for line in lines:
        pace = line.pace_at(now)
        wanted = min(1 if line.stop else limit, pace.slots_within(HORIZON))
        is_later = pace.next_slot_at >= earliest + HORIZON
        queues[line.id] = _Queue(line, pace, 0 if is_later else wanted)
    turns = [
        Turn(queue.line.id, priority.value, queue.line.served[priority.value], queue.looked_at)
        for queue in queues.values()
        if queue.wanted
        for priority in Priority
    ]
    for due in await due_messages(tx, turns, now=now, hours_digest=hours.digest):
        queue = queues[due.campaign_id]
        if due.paused:
            queue.paused.append(due.id)
        elif due.put_off_until:
            queue.holds.append(Hold(due.id, due.put_off_until, "earlier_message"))
        elif due.stale or queue.fit < queue.looked_at:
            queue.fit += not due.stale
            queue.due.append(due)
    await _keep_to_hours(tx, queues.values(), hours, now)
    return list(queues.values())


async def _keep_to_hours(
    tx: Transaction, queues: Collection[_Queue], hours: QuietHours, now: datetime
) -> None:
    """Hold until the next hour that is open what it is too late for.

    Of what follows from other rules some may leave: it keeps its place.
    """
    stale = [due.id for queue in queues for due in queue.due if due.stale]
    if not stale:
        return
    found = reckoned(await waiting_by_id(tx, stale), hours, now)
    await store_departures(tx, found)
    may_leave = {each.id for each, departure in found if departure.due_at <= now}
    for queue in queues:
        open_ = [due for due in queue.due if not due.stale or due.id in may_leave]
        queue.shut = len(queue.due) - len(open_)
        queue.due = open_[: queue.looked_at]


async def _hold_back(tx: Transaction, queues: list[_Queue]) -> int:
    """Put off what may not leave yet, so that it is passed over once; return how many those are."""
    holds = [hold for queue in queues for hold in queue.holds]
    paused = [id_ for queue in queues for id_ in queue.paused]
    await put_off(tx, holds)
    await set_aside(tx, paused)
    return len(holds) + len(paused) + sum(queue.shut for queue in queues)


async def _keep_to_caps(
    tx: Transaction, queues: list[_Queue], rules: CapRules, now: datetime
) -> None:
    """Hold until midnight what a brand's carrier takes no more of today."""
    capped = [queue for queue in queues if queue.due and queue.cap.is_limited]
    if not capped:
        return
    networks = await networks_of(tx, [due.id for queue in capped for due in queue.due])
    left = {queue.cap.brand_id: queue.cap.left for queue in capped}
    for queue in capped:
        brand_id = queue.cap.brand_id
        queue.counted = {
            due.id: due.weight for due in queue.due if rules.counts(networks.get(due.id))
        }
        weights = [queue.counted.get(due.id, 0) for due in queue.due]
        fit = []
        for due, weight, fits in zip(
            queue.due, weights, within(left[brand_id], weights), strict=True
        ):
            if fits:
                left[brand_id] -= weight
                fit.append(due)
            else:
                queue.holds.append(Hold(due.id, next_pacific_midnight(now), HELD))
        queue.due = fit[: queue.wanted]


async def _store_served(tx: Transaction, served: list[_Queue], now: datetime) -> None:
    await _store(tx, campaigns, [(queue.line, queue.pace) for queue in served], now)
    await store_served(tx, {queue.line.id: queue.served for queue in served})
    await _count_to_caps(tx, served, now)


async def _count_to_caps(tx: Transaction, served: list[_Queue], now: datetime) -> None:
    """Count what got a slot against its brand's cap; like the slot, it is not given back."""
    sent: dict[str, int] = {}
    for queue in served:
        count = sum(queue.counted.get(id_, 0) for id_, _ in queue.slots)
        sent[queue.cap.brand_id] = sent.get(queue.cap.brand_id, 0) + count
    await count_sent(tx, sent, cap_day(now))


def _rest_s(account: Pace, campaigns: list[Pace], now: datetime) -> float:
    """Return when the next slot can be given out: half a horizon before it, in seconds."""
    if not campaigns:
        return IDLE_REST_S
    soonest = max(account.next_slot_at, min(pace.next_slot_at for pace in campaigns))
    return min(IDLE_REST_S, max(0.01, (soonest - now - HORIZON / 2).total_seconds()))


async def _store(
    tx: Transaction, table: Table, lines: list[tuple[Line, Pace]], now: datetime
) -> None:
    await advance_slots(tx, table, {line.id: pace.next_slot_at for line, pace in lines})
    for line, _ in lines:
        if line.stop:
            await stop_line(tx, table, line.id, probing(line.stop, now))
