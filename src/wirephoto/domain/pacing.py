"""Slot arithmetic: when the next messages of a campaign, and of an account, may leave.

An account and each campaign hold `next_slot_at`. Slots are an interval apart and never given back,
so the rate is exact however many processes claim, and a pause is never followed by a burst.
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

HORIZON = timedelta(milliseconds=200)
"""How far ahead slots are given out; what a killed process had is lost, so it is short."""
LATE_MAX = timedelta(milliseconds=100)
"""How long after its slot a message may still leave; then the slot is forfeited."""

CAP_ZONE = "America/Los_Angeles"
"""T-Mobile's daily cap of a brand starts anew at midnight there (contract 4.2)."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A rate in messages per second, and when its next slot is."""

    rate: float
    next_slot_at: datetime

    @property
    def interval(self) -> timedelta:
        """Return the time between two slots, rounded up to the microsecond: never too fast."""
        return timedelta(microseconds=math.ceil(1_000_000 / self.rate - 1e-6))


@dataclass(frozen=True, slots=True)
class Demand:
    """A campaign's pace, and how many of its messages are due."""

    pace: Pace
    due: int


@dataclass(frozen=True, slots=True)
class Allocation:
    """Slots for each campaign in order of time, and every pace as it stands afterwards."""

    slots: tuple[tuple[datetime, ...], ...]
    account: Pace
    campaigns: tuple[Pace, ...]


def allocate(account: Pace, demands: Sequence[Demand], *, now: datetime, limit: int) -> Allocation:
    """Give up to `limit` due messages the slots of the next `HORIZON`.

    Each message takes a slot of its campaign and one of the account: it leaves at the later one.
    The campaign whose slot has been free for longest goes first, so that none is starved where
    the account is too slow for all of them.
    """
    slots: list[list[datetime]] = [[] for _ in demands]
    next_slots = [demand.pace.next_slot_at for demand in demands]
    account_next = max(account.next_slot_at, now)
    order = [(at, index) for index, at in enumerate(next_slots) if demands[index].due]
    heapq.heapify(order)
    while order and limit > 0:
        at, index = heapq.heappop(order)
        slot_at = max(at, account_next)
        if slot_at >= now + HORIZON:
            break
        slots[index].append(slot_at)
        limit -= 1
        account_next = slot_at + account.interval
        next_slots[index] = slot_at + demands[index].pace.interval
        if len(slots[index]) < demands[index].due:
            heapq.heappush(order, (next_slots[index], index))
    return Allocation(
        slots=tuple(map(tuple, slots)),
        account=Pace(account.rate, account_next if any(slots) else account.next_slot_at),
        campaigns=tuple(
            Pace(demand.pace.rate, next_slots[index] if slots[index] else demand.pace.next_slot_at)
            for index, demand in enumerate(demands)
        ),
    )


def cap_day(now: datetime) -> str:
    """Return the present day in the zone of the daily caps, as `YYYY-MM-DD`."""
    return now.astimezone(ZoneInfo(CAP_ZONE)).date().isoformat()


def next_pacific_midnight(now: datetime) -> datetime:
    """Return the end of the present day in the zone of the daily caps."""
    tomorrow = now.astimezone(ZoneInfo(CAP_ZONE)).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), tzinfo=ZoneInfo(CAP_ZONE)).astimezone(UTC)
