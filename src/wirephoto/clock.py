"""Time, handed in: the system's clock, and the protocol that a test's clock fulfils as well."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where every part gets its time from."""

    offset: timedelta
    """What `now` is corrected by: the database's time minus the machine's."""

    def now(self) -> datetime:
        """Return the present instant: aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back, for durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` (at once when it is not positive)."""
        ...


class SystemClock:
    """The machine's clock; `offset` corrects its instants and leaves durations alone."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        """Return the present instant: aware, UTC, corrected."""
        return datetime.now(UTC) + self.offset  # noqa: TID251 - the one place that asks

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()  # noqa: TID251 - the one place that asks

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        await asyncio.sleep(seconds)  # noqa: TID251 - the one place that sleeps
