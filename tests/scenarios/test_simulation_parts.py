"""The simulation itself: what it claims about time, order and death is true."""

import asyncio
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.scenarios.simulation.loop import Fate, LoopClock, SimulatedLoop, Stuck
from tests.scenarios.simulation.planted import BUGS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "simulation.md"


@pytest.fixture
def loop() -> Iterator[SimulatedLoop]:
    """Give a loop; whatever a test leaves undone is ended without effect."""
    loop = SimulatedLoop(Random(1))
    yield loop
    loop.bury()
    loop.close()


def test_a_killed_process_does_nothing_more(loop) -> None:
    """Not even a `finally`: SIGKILL runs none, and one that ran would tidy up what it must not."""
    fate, did = Fate("doomed"), []

    async def work() -> None:
        try:
            await LoopClock(loop).sleep(1)
        finally:
            did.append("tidied up")

    async def run() -> None:
        fate.spawn(work(), "work")
        await asyncio.sleep(0.5)  # noqa: TID251 - of the loop's own time
        fate.dead = True
        await asyncio.sleep(10)  # noqa: TID251 - of the loop's own time
        assert did == []

    loop.run_until_complete(run())


def test_time_goes_to_what_happens_next(loop) -> None:
    """An hour takes no longer than a second: nobody waits for a timer."""

    async def run() -> float:
        await LoopClock(loop).sleep(3600)
        return loop.time()

    assert loop.run_until_complete(run()) == 3600


def test_any_order_may_come(loop) -> None:
    """Races are found only where the loop does not keep to first come, first served."""
    orders = set()

    async def run() -> None:
        for _ in range(100):
            order: list[int] = []
            await asyncio.gather(*[_append(order, number) for number in range(3)])
            orders.add(tuple(order))

    loop.run_until_complete(run())

    assert len(orders) == 6


async def _append(order: list[int], number: int) -> None:
    order.append(number)


def test_a_run_that_cannot_end_says_so(loop) -> None:
    """A deadlock is a finding, and must not look like a slow machine."""

    async def run() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stuck, match="nothing is left to happen"):
        loop.run_until_complete(run())


def test_threads_are_found_out(loop) -> None:
    """What another thread does, no seed decides."""
    refused = []

    def call() -> None:
        try:
            loop.call_soon_threadsafe(print)
        except AssertionError as error:
            refused.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()

    assert refused == ["a thread was used"]


def test_the_planted_bugs_are_listed() -> None:
    """What the simulation is known to find is what people may rely on."""
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert rows == [(bug.name, bug.sentence) for bug in BUGS]
