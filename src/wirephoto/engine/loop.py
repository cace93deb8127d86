"""Background duties: one bounded turn each, and the runner that repeats it."""

import asyncio
from datetime import datetime
from typing import Protocol

from wirephoto.clock import Clock
from wirephoto.errors import StorageUnavailable
from wirephoto.telemetry import LogEvent, get_log

_log = get_log()

FAILURE_REST_S_MAX = 5.0


class Duty(Protocol):
    """Something that a process does over and over."""

    name: str
    bell: asyncio.Event
    """Set when there is work before the rest is over."""

    async def turn(self) -> float:
        """Do one bounded amount of work; return how long to rest, in seconds."""
        ...


class Runner:
    """Repeats a duty's turn until told to stop; a turn that fails is reported and repeated."""

    def __init__(self, duty: Duty, clock: Clock) -> None:
        self.duty = duty
        self._clock = clock
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.failures = 0
        """Turns in a row that have failed."""
        self.failures_total = 0
        self.turned_at: datetime | None = None
        """When a turn last ended well."""

    def start(self) -> None:
        """Begin to run, in the background."""
        self._task = asyncio.create_task(self._run(), name=f"duty-{self.duty.name}")

    async def stop(self) -> None:
        """Return when the turn that is under way has ended."""
        self._stopping.set()
        self.duty.bell.set()
        if self._task:
            await self._task

    async def _run(self) -> None:
        while not self._stopping.is_set():
            self.duty.bell.clear()
            try:
                rest_s = await self.duty.turn()
            except Exception as error:  # noqa: BLE001 - the one place that outlives every failure
                await self._back_off(error)
                continue
            self.turned_at = self._clock.now()
            if self.failures:
                _log.info(LogEvent.LOOP_RECOVERED, loop=self.duty.name)
                self.failures = 0
            if rest_s > 0 and not self._stopping.is_set():
                await rest(self._clock, self.duty.bell, rest_s)

    async def _back_off(self, error: Exception) -> None:
        """Report a failure and rest; the bell does not shorten it, or new work would hammer."""
        self.failures += 1
        self.failures_total += 1
        rest_s = min(FAILURE_REST_S_MAX, 0.1 * 2.0 ** min(self.failures, 10))
        _log.error(
            LogEvent.LOOP_FAILED,
            loop=self.duty.name,
            failures=self.failures,
            rest_s=rest_s,
            exc_info=None if isinstance(error, StorageUnavailable) else error,
            error=str(error),
        )
        await rest(self._clock, self._stopping, rest_s)


async def rest(clock: Clock, bell: asyncio.Event, seconds: float) -> None:
    """Return when `bell` is set or `seconds` have passed."""
    if bell.is_set():
        return
    waiting = asyncio.ensure_future(bell.wait())
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({waiting, sleeping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        sleeping.cancel()
