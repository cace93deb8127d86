"""Duties are repeated whatever happens, rest between turns, and stop between turns."""

import asyncio

import pytest

from tests.engine.stage import logged
from tests.virtual_clock import VirtualClock, settle
from wirephoto.engine.loop import FAILURE_REST_S_MAX, Runner, rest
from wirephoto.errors import StorageUnavailable


class Work:
    """A duty that counts its turns and fails when told to."""

    name = "work"

    def __init__(self, rest_s: float = 10.0) -> None:
        self.bell = asyncio.Event()
        self.turns = 0
        self.faults: list[Exception] = []
        self.going_on: asyncio.Event | None = None
        self._rest_s = rest_s

    async def turn(self) -> float:
        self.turns += 1
        if self.going_on:
            await self.going_on.wait()
        if self.faults:
            raise self.faults.pop(0)
        return self._rest_s


async def test_a_duty_rests_as_long_as_it_says(clock):
    """A rest that is too short burns a core, one that is too long delays messages."""
    work = Work()
    runner = Runner(work, clock)
    runner.start()

    await clock.advance(9.9)
    assert work.turns == 1
    await clock.advance(0.2)

    assert work.turns == 2
    await runner.stop()


async def test_the_bell_ends_a_rest(clock):
    """Work that has just come does not wait."""
    work = Work()
    runner = Runner(work, clock)
    runner.start()
    await settle()

    work.bell.set()
    await settle()

    assert work.turns == 2
    await runner.stop()


async def test_a_bell_during_a_turn_is_not_missed(clock):
    """The turn may have looked just before the work came."""
    work = Work()
    work.going_on = asyncio.Event()
    runner = Runner(work, clock)
    runner.start()
    await settle()

    work.bell.set()
    work.going_on.set()
    await settle()

    assert work.turns == 2
    await runner.stop()


async def test_a_turn_that_fails_is_reported_and_repeated(clock):
    """Ever more slowly: a database that is down is not helped by a thousand tries a second."""
    work = Work()
    work.faults = [ZeroDivisionError("a fault") for _ in range(12)]
    runner = Runner(work, clock)

    with logged() as lines:
        runner.start()
        await settle()
        assert (work.turns, runner.failures) == (1, 1)
        await clock.advance(100.0)

    failed = [line for line in lines if line["event"] == "loop_failed"]
    rests = [line["rest_s"] for line in failed]
    assert rests == sorted(rests)
    assert (rests[0], rests[-1]) == (0.2, FAILURE_REST_S_MAX)
    assert [line["failures"] for line in failed] == list(range(1, 13))
    assert all(line["exc_info"] for line in failed)
    assert [line["event"] for line in lines][-1] == "loop_recovered"
    assert runner.failures == 0
    await runner.stop()


async def test_a_database_out_of_reach_is_reported_without_a_traceback(clock):
    """It is nobody's fault in the code, and comes back every few seconds."""
    work = Work()
    work.faults = [StorageUnavailable("database: gone")]
    runner = Runner(work, clock)

    with logged() as lines:
        runner.start()
        await settle()

    [line] = lines
    assert (line["error"], line["exc_info"]) == ("database: gone", None)
    await runner.stop()


async def test_the_bell_does_not_shorten_the_rest_after_a_failure(clock):
    """A fault under load would otherwise be repeated with every message that comes."""
    work = Work()
    work.faults = [ZeroDivisionError("a fault") for _ in range(50)]
    runner = Runner(work, clock)
    runner.start()
    for _ in range(20):
        await settle()
        work.bell.set()

    assert work.turns == 1
    await clock.advance(0.2)
    assert work.turns == 2
    await runner.stop()


@pytest.mark.parametrize("failing", [False, True])
async def test_a_stop_ends_a_rest(clock, failing):
    """A restart does not wait for rests."""
    work = Work(rest_s=3600.0)
    work.faults = [ZeroDivisionError("a fault")] if failing else []
    runner = Runner(work, clock)
    runner.start()
    await settle()

    await runner.stop()

    assert work.turns == 1


async def test_a_stop_waits_for_the_turn(clock):
    """What a turn has begun it also ends."""
    work = Work()
    work.going_on = asyncio.Event()
    runner = Runner(work, clock)
    runner.start()
    await settle()

    stopping = asyncio.create_task(runner.stop())
    await settle()
    assert not stopping.done()
    work.going_on.set()
    await stopping

    assert work.turns == 1


async def test_a_runner_that_never_started_stops_at_once(clock):
    """A start that failed half way is cleaned up like any other."""
    await Runner(Work(), clock).stop()


async def test_a_rest_leaves_nothing_behind():
    """A sleeper for each rest would be a leak of one task a turn."""
    clock, bell = VirtualClock(), asyncio.Event()
    before = len(asyncio.all_tasks())
    resting = asyncio.create_task(rest(clock, bell, 60.0))
    await settle()

    bell.set()
    await resting
    await settle()

    assert len(asyncio.all_tasks()) == before


async def test_a_runner_tells_when_it_last_turned_and_how_often_it_failed(clock):
    """Metrics are made of it: a duty that hangs neither fails nor turns."""
    work = Work()
    work.faults.append(ValueError("once"))
    runner = Runner(work, clock)
    runner.start()
    await settle()
    assert (runner.turned_at, runner.failures_total) == (None, 1)

    await clock.advance(1.0)
    await runner.stop()

    assert runner.turned_at is not None
    assert (runner.failures, runner.failures_total) == (0, 1)
