"""Slot arithmetic: when the next messages of a campaign, and of an account, may leave.

An account and each campaign hold `next_slot_at`. Slots are an interval apart and never given back,
so the rate is exact however many processes claim, and a pause is never followed by a burst.
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

HORIZON = timedelta(milliseconds=200)
"""How far ahead slots are given out; what a killed process had is lost, so it is short."""
LATE_MAX = timedelta(milliseconds=60)
"""How long after its slot a message may still leave; then the slot is forfeited.

Whoever meters us may see it a tenth of a second late. The rest of that is for the way there: after
a database's hiccup several leave together, and their bytes one after the other.
"""
SLOWED_BY = 0.5
SLOWEST_SHARE = 0.1
RECOVERY_PER_S = 0.01
"""A line that is asked to slow down halves its rate, and gets a hundredth of it back each second.

So TCP finds its rate (RFC 5681, section 3.1): down by a factor, for a queue that overflows grows
fast, up in even steps. From the floor it takes 90 seconds: longer than a carrier's burst lasts,
shorter than a customer's patience. The floor keeps a line moving that a misread code would stop.
"""
SETTLED_AFTER = timedelta(seconds=1)
"""How long after a decrease messages may still leave in slots that were given out before it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A rate in messages per second, and when its next slot is."""

    rate: float
    next_slot_at: datetime

    @property
    def interval(self) -> timedelta:
        """Return the time between two slots, rounded up to the microsecond: never too fast."""
        return timedelta(microseconds=math.ceil(1_000_000 / self.rate - 1e-6))

    def at_rate(self, rate: float) -> "Pace":
        """Return the pace at another rate: its next slot is one of the new intervals away from the
        last one, so that neither a slow line nor a fast one begins the new rate with a fault.
        """
        after = Pace(rate, self.next_slot_at)
        return Pace(rate, self.next_slot_at + (after.interval - self.interval))

    def slots_within(self, time: timedelta) -> int:
        """Return how many slots fit into `time` at most."""
        return math.ceil(time / self.interval) + 1


@dataclass(frozen=True, slots=True)
class Slowing:
    """Which share of its rate a line had at `since`; from then on it recovers by itself."""

    share: float = 1.0
    since: datetime | None = None

    def share_at(self, now: datetime) -> float:
        """Return the share of the rate that may be used now."""
        if self.since is None:
            return 1.0
        recovered = RECOVERY_PER_S * max(0.0, (now - self.since).total_seconds())
        return min(1.0, self.share + recovered)

    def after_signal(self, *, left_at: datetime, now: datetime) -> "Slowing":
        """Return the slowing once we were asked to slow down, about what left at `left_at`.

        What had its slot before the last decrease says nothing of the pace since: a burst that
        comes back refused slows the line once, not once for each message.
        """
        if self.since is not None and left_at <= self.since + SETTLED_AFTER:
            return self
        return Slowing(max(SLOWEST_SHARE, SLOWED_BY * self.share_at(now)), now)


FULL = Slowing()
"""The slowing of a line that nobody asked to slow down."""


@dataclass(frozen=True, slots=True)
class Demand:
    """A campaign's pace, and how many slots each of its due messages takes, in their order."""

    pace: Pace
    weights: Sequence[int]


@dataclass(frozen=True, slots=True)
class Allocation:
    """Slots for each campaign in order of time, and every pace as it stands afterwards."""

    slots: tuple[tuple[datetime, ...], ...]
    account: Pace
    campaigns: tuple[Pace, ...]


def allocate(account: Pace, demands: Sequence[Demand], *, now: datetime, limit: int) -> Allocation:
    """Give up to `limit` due messages the slots of the next `HORIZON`.

    Each message takes as many slots of its campaign as it weighs and one of the account: it leaves
    at the later of the first ones.
    The campaign whose slot has been free for longest goes first, so that none is starved where
    the account is too slow for all of them.
    """
    slots: list[list[datetime]] = [[] for _ in demands]
    next_slots = [demand.pace.next_slot_at for demand in demands]
    account_next = max(account.next_slot_at, now)
    order = [(at, index) for index, at in enumerate(next_slots) if demands[index].weights]
    heapq.heapify(order)
    while order and limit > 0:
        at, index = heapq.heappop(order)
        slot_at = max(at, account_next)
        if slot_at >= now + HORIZON:
            break
        slots[index].append(slot_at)
        limit -= 1
        account_next = slot_at + account.interval
        weights, taken = demands[index].weights, len(slots[index])
        next_slots[index] = slot_at + weights[taken - 1] * demands[index].pace.interval
        if taken < len(weights):
            heapq.heappush(order, (next_slots[index], index))
    return Allocation(
        slots=tuple(map(tuple, slots)),
        account=Pace(account.rate, account_next if any(slots) else account.next_slot_at),
        campaigns=tuple(
            Pace(demand.pace.rate, next_slots[index] if slots[index] else demand.pace.next_slot_at)
            for index, demand in enumerate(demands)
        ),
    )
