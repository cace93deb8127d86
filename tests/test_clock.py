"""The system's clock and the tests' own: both fulfil one protocol."""

import asyncio
from datetime import UTC, timedelta

from tests.factories import NOW
from tests.virtual_clock import VirtualClock
from wirephoto.clock import Clock, SystemClock


def test_the_systems_instants_are_aware_and_in_utc():
    """A naive instant is off by hours as soon as it meets another."""
    assert SystemClock().now().tzinfo is UTC


def test_the_correction_moves_instants_and_leaves_durations():
    """Processes compare instants by the database's time; a step of it must not end a timeout."""
    clock = SystemClock()
    instant, elapsed_s = clock.now(), clock.monotonic()

    clock.offset = timedelta(days=1)

    assert clock.now() - instant >= timedelta(days=1)
    assert 0 <= clock.monotonic() - elapsed_s < 3600


async def test_the_systems_clock_sleeps_no_time_at_all_when_there_is_none_left():
    """A slot that has come must not cost a turn of the scheduler's clock."""
    clock = SystemClock()

    async with asyncio.timeout(10):
        await clock.sleep(0)
        await clock.sleep(-5)


async def test_sleepers_of_the_virtual_clock_wake_in_order_each_at_its_instant():
    """Every test of time stands on it."""
    clock, woken = VirtualClock(), []

    async def sleep(seconds):
        await clock.sleep(seconds)
        woken.append((seconds, clock.now()))

    sleepers = [asyncio.create_task(sleep(seconds)) for seconds in (3, 1, 2)]
    await clock.advance(2.5)

    assert woken == [(s, NOW + timedelta(seconds=s)) for s in (1, 2)]
    assert clock.monotonic() == 2.5

    await clock.advance(1)
    await asyncio.gather(*sleepers)
    assert [seconds for seconds, _ in woken] == [1, 2, 3]


async def test_a_sleeper_that_was_cancelled_does_not_hold_up_the_others():
    """Stopping a duty must not stop the test's time."""
    clock = VirtualClock()
    cancelled, kept = [asyncio.create_task(clock.sleep(1)) for _ in range(2)]
    await clock.advance(0)
    cancelled.cancel()

    await clock.advance(2)

    assert kept.done()
    assert cancelled.cancelled()


def test_both_clocks_fulfil_the_protocol():
    """What runs with one must run with the other."""
    clocks: list[Clock] = [SystemClock(), VirtualClock()]

    assert all(clock.now().tzinfo for clock in clocks)
