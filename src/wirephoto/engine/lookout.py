"""The lookout: hears what other processes notify, and keeps the clock at the database's time."""

from datetime import timedelta

from wirephoto.clock import Clock
from wirephoto.domain.clock_offset import DRIFT_MAX, TimeSample, known_drift
from wirephoto.storage.database import LISTENER_LOST, Database
from wirephoto.telemetry import LogEvent, get_log

_log = get_log()

REST_S = 60.0
SAMPLES = 5
"""Questions for the time in one turn; the quickest answer counts."""


class Lookout:
    """Keeps one connection to PostgreSQL by which a process knows what the others know.

    Asking for the time each minute also shows whether the connection is still there, which a
    network that swallows everything would not tell. Every process has one, whatever its roles;
    over SQLite there is no other process to agree with.
    """

    name = "lookout"

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lost_at_s: float | None = None
        self._has_listened = False
        self.bell = database.bell(LISTENER_LOST)

    async def turn(self) -> float:
        """Listen again if the connection was lost, and correct the clock; return the rest."""
        if not self._database.is_listening:
            await self._listen()
        await self._correct_clock()
        return REST_S

    async def _listen(self) -> None:
        if self._has_listened and self._lost_at_s is None:
            self._lost_at_s = self._clock.monotonic()
            _log.warning(LogEvent.LISTENER_LOST)
        await self._database.listen()
        self._has_listened = True
        if self._lost_at_s is not None:
            lost_s = round(self._clock.monotonic() - self._lost_at_s, 3)
            self._lost_at_s = None
            _log.info(LogEvent.LISTENER_RESTORED, lost_s=lost_s)

    async def _correct_clock(self) -> None:
        samples = [await self._ask() for _ in range(SAMPLES)]
        drift = known_drift(samples)
        self._clock.offset += drift
        if abs(drift) > DRIFT_MAX:
            _log.warning(
                LogEvent.CLOCK_CORRECTED,
                drift_s=round(drift.total_seconds(), 3),
                offset_s=round(self._clock.offset.total_seconds(), 3),
            )

    async def _ask(self) -> TimeSample:
        asked_at, asked_s = self._clock.now(), self._clock.monotonic()
        told_at = await self._database.time()
        return TimeSample(asked_at, told_at, timedelta(seconds=self._clock.monotonic() - asked_s))
