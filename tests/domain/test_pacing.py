"""Slots: never closer than the rate allows, never given back, none wasted."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories import NOW
from wirephoto.domain.pacing import (
    FULL,
    HORIZON,
    RECOVERY_PER_S,
    SLOWEST_SHARE,
    Demand,
    Pace,
    allocate,
)

RATES = st.one_of(st.floats(0.05, 60), st.sampled_from([0.25, 1.0, 3.0, 4.5, 10.0, 30.0, 75.0]))
SECOND = timedelta(seconds=1)


def give(account, demands, *, now=NOW, limit=1000):
    return allocate(account, demands, now=now, limit=limit)


@pytest.mark.parametrize(
    ("rate", "micros"),
    [(1.0, 1_000_000), (0.25, 4_000_000), (3.0, 333_334), (30.0, 33_334), (4.5, 222_223)],
)
def test_an_interval_is_rounded_up_to_the_microsecond(rate, micros):
    """Rounded down, a thousand messages would be faster than the registration allows."""
    assert Pace(rate, NOW).interval == timedelta(microseconds=micros)


@pytest.mark.parametrize(("before", "after"), [(0.01, 10.0), (10.0, 0.01), (3.0, 3.0)])
def test_another_rate_counts_from_the_last_slot(before, after):
    """Whoever corrects 0.01 to 10 does not wait for 100 seconds more; nor does a slower rate begin
    with a slot too soon.
    """
    last = NOW
    pace = Pace(before, last + Pace(before, NOW).interval).at_rate(after)

    assert pace == Pace(after, last + Pace(after, NOW).interval)


def test_slots_are_one_interval_apart_within_the_horizon():
    """What a killed process had of slots is lost, so it gets few of them."""
    given_out = give(Pace(100.0, NOW), [Demand(Pace(20.0, NOW), [1] * 50)])

    offsets = [(slot - NOW).total_seconds() for slot in given_out.slots[0]]
    assert offsets == [0.0, 0.05, 0.1, 0.15]
    assert given_out.campaigns[0].next_slot_at == NOW + 4 * timedelta(seconds=0.05)
    assert given_out.account.next_slot_at == NOW + timedelta(seconds=0.15 + 0.01)


def test_a_slow_campaign_gets_its_one_slot():
    """A rate of one in four seconds has no second slot within the horizon, but a first one."""
    given_out = give(Pace(30.0, NOW), [Demand(Pace(0.25, NOW), [1] * 9)])

    assert given_out.slots == ((NOW,),)
    assert given_out.campaigns[0].next_slot_at == NOW + 4 * SECOND


def test_a_slot_beyond_the_horizon_is_not_given_out():
    """It would be held for seconds by a process that may die."""
    campaign, account = Pace(1.0, NOW + HORIZON), Pace(30.0, NOW - SECOND)

    given_out = give(account, [Demand(campaign, [1] * 1)])

    assert given_out.slots == ((),)
    assert (given_out.account, given_out.campaigns) == (account, (campaign,))


def test_a_pause_is_not_followed_by_a_burst():
    """An hour without messages earns no hour's worth of slots."""
    long_ago = NOW - timedelta(hours=1)

    given_out = give(Pace(30.0, long_ago), [Demand(Pace(10.0, long_ago), [1] * 500)])

    assert given_out.slots == ((NOW, NOW + SECOND / 10),)


def test_who_has_nothing_due_gets_nothing_and_loses_nothing():
    """A campaign without messages must not be moved on, nor cost the account a slot."""
    idle, busy = Pace(5.0, NOW), Pace(5.0, NOW)

    given_out = give(Pace(30.0, NOW), [Demand(idle, [1] * 0), Demand(busy, [1] * 1)])

    assert given_out.slots == ((), (NOW,))
    assert given_out.campaigns[0] == idle


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_no_more_slots_than_wanted(limit):
    """A process claims what it can send, and leaves the rest to others."""
    demands = [Demand(Pace(50.0, NOW), [1] * 9), Demand(Pace(50.0, NOW), [1] * 9)]
    account = Pace(1000.0, NOW)

    given_out = give(account, demands, limit=limit)

    assert sum(map(len, given_out.slots)) == limit
    if not limit:
        assert given_out.account == account


def test_campaigns_share_an_account_that_is_too_slow_for_them():
    """The first in the list must not starve the rest, turn after turn."""
    account, paces = Pace(30.0, NOW), [Pace(100.0, NOW) for _ in range(10)]
    counts = [0] * len(paces)
    for turn in range(100):
        now = NOW + turn * timedelta(milliseconds=100)
        given_out = give(account, [Demand(pace, [1] * 50) for pace in paces], now=now)
        account, paces = given_out.account, list(given_out.campaigns)
        counts = [count + len(slots) for count, slots in zip(counts, given_out.slots, strict=True)]

    assert max(counts) - min(counts) <= 1
    assert sum(counts) >= 300


def test_a_heavy_message_takes_several_slots_of_its_campaign():
    """The carrier counts segments; the account counts requests."""
    account, campaign = Pace(1000.0, NOW), Pace(50.0, NOW)

    given_out = give(account, [Demand(campaign, [3, 1, 1])])

    offsets = [(slot - NOW) / timedelta(milliseconds=1) for slot in given_out.slots[0]]
    assert offsets == [0.0, 60.0, 80.0]
    assert given_out.campaigns[0].next_slot_at == NOW + timedelta(milliseconds=100)


@pytest.mark.parametrize(
    ("seconds", "share"), [(0, 0.5), (10, 0.6), (49, 0.99), (50, 1.0), (9999, 1.0)]
)
def test_a_slowed_line_recovers_evenly(seconds, share):
    """Nobody has to press a button, and the rate does not jump back into the burst."""
    slowing = FULL.after_signal(left_at=NOW, now=NOW)

    assert slowing.share_at(NOW + seconds * SECOND) == pytest.approx(share)


def test_a_clock_that_is_behind_does_not_slow_a_line_further():
    """Another process' clock may be a little ahead of ours."""
    slowing = FULL.after_signal(left_at=NOW, now=NOW)

    assert slowing.share_at(NOW - SECOND) == 0.5


def test_a_burst_that_comes_back_refused_slows_the_line_once():
    """All of it left at the old pace: it says nothing of the new one."""
    first = FULL.after_signal(left_at=NOW, now=NOW + SECOND)

    again = [
        first.after_signal(left_at=NOW + at * SECOND, now=NOW + 2 * SECOND) for at in (0, 1, 2)
    ]

    assert again == [first] * 3


def test_a_line_slows_further_while_it_is_still_too_fast():
    """And never to nothing: what a carrier means by a code is not certain."""
    slowing, shares = FULL, []
    for at in range(1, 7):
        now = NOW + at * 2 * SECOND
        slowing = slowing.after_signal(left_at=now, now=now)
        shares.append(slowing.share)

    assert shares[:3] == pytest.approx([0.5, 0.26, 0.14])
    assert shares[3:] == [SLOWEST_SHARE] * 3
    recovery_s = (1 - SLOWEST_SHARE) / RECOVERY_PER_S
    assert slowing.share_at(now + timedelta(seconds=recovery_s + 1e-3)) == 1.0


TURNS = st.lists(
    st.tuples(
        st.integers(0, 700),  # milliseconds since the turn before
        st.lists(st.integers(0, 40), min_size=3, max_size=3),  # due in each campaign
        st.integers(0, 30),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=300)
@given(account_rate=RATES, rates=st.lists(RATES, min_size=3, max_size=3), turns=TURNS)
def test_slots_are_never_closer_than_the_rates_allow(account_rate, rates, turns):
    """The registration and the account are metered by carriers: over any claims, both hold."""
    account, paces = Pace(account_rate, NOW), [Pace(rate, NOW) for rate in rates]
    slots, now = [[], [], []], NOW
    for wait_ms, due, limit in turns:
        now += timedelta(milliseconds=wait_ms)
        demands = [Demand(pace, [1] * count) for pace, count in zip(paces, due, strict=True)]
        given_out = give(account, demands, now=now, limit=limit)
        account, paces = given_out.account, list(given_out.campaigns)
        for mine, new, count in zip(slots, given_out.slots, due, strict=True):
            assert len(new) <= count
            assert all(now <= slot < now + HORIZON for slot in new)
            mine += new

    for rate, mine in zip(rates, slots, strict=True):
        assert all((b - a).total_seconds() >= 1 / rate - 1e-9 for a, b in pairwise(mine))
    together = sorted(slot for mine in slots for slot in mine)
    assert all((b - a).total_seconds() >= 1 / account_rate - 1e-9 for a, b in pairwise(together))


@pytest.mark.parametrize("rate", [0.25, 1.0, 4.5, 30.0])
def test_nearly_all_of_the_rate_is_used(rate):
    """A customer paid for it: a day at one message in four seconds has 21,600 of them."""
    account, pace = Pace(1000.0, NOW), Pace(rate, NOW)
    seconds = 86_400 if rate < 1 else 3600
    now, used = NOW, 0
    while now < NOW + timedelta(seconds=seconds):
        given_out = give(account, [Demand(pace, [1] * 1000)], now=now)
        account, (pace,) = given_out.account, given_out.campaigns
        used += len(given_out.slots[0])
        # The next claim comes half a horizon before the next slot, late by a database's hiccup.
        now = max(now, pace.next_slot_at - HORIZON / 2) + timedelta(milliseconds=30)

    assert used >= 0.99 * rate * seconds
