"""A clock that a test owns: time moves when the test says so, and at once."""

import asyncio
import heapq
import itertools
from datetime import datetime, timedelta

from tests.factories import NOW


class VirtualClock:
    """Fulfils `wirephoto.clock.Clock`; sleepers wake in the order of their instants.

    Like the system's it can be wrong (by what `now` is off at the start) and be corrected.
    """

    def __init__(self, now: datetime = NOW) -> None:
        self._start = now
        self.offset = timedelta()
        self._elapsed_s = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """Return the present instant, corrected."""
        return self._start + timedelta(seconds=self._elapsed_s) + self.offset

    def monotonic(self) -> float:
        """Return the seconds that passed."""
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        """Return once the test has advanced the clock so far."""
        if seconds <= 0:
            await asyncio.sleep(0)  # noqa: TID251 - gives way, takes no time
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed_s + seconds, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass; whoever sleeps wakes at its own instant, and runs before the next."""
        until = self._elapsed_s + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            at, _, woken = heapq.heappop(self._sleepers)
            self._elapsed_s = max(self._elapsed_s, at)
            if not woken.done():
                woken.set_result(None)
                await settle()
        self._elapsed_s = until
        await settle()


async def settle() -> None:
    """Let everything run that can run without time passing, the database's threads included."""
    for _ in range(20):
        await asyncio.sleep(0)  # noqa: TID251 - gives way, takes no time
