"""Reckon anew when queued messages may leave: their window has closed, or rules have changed."""

from collections.abc import Iterable
from datetime import datetime

from wirephoto.clock import Clock
from wirephoto.domain.departure import QUIET, SCHEDULED, Departure, within_hours
from wirephoto.domain.quiet_hours import QuietHours
from wirephoto.storage.database import Database
from wirephoto.storage.departures import (
    Place,
    Waiting,
    store_departures,
    waiting_behind,
)
from wirephoto.telemetry import LogEvent, get_log

_log = get_log()

LOOK_MAX = 500
"""Queued messages that one turn looks at."""
REST_S = 3600.0
"""How long after the last of them to look again: for what a process with other rules has stored."""


def reckoned(
    waiting: Iterable[Waiting], hours: QuietHours, now: datetime
) -> list[tuple[Waiting, Departure]]:
    """Return when each message leaves.

    One that quiet hours hold is thought of as on the day on which they began to. One for which no
    hour is ever open waits until it expires, or until the rules are changed.
    """
    return [(each, _departure(each, hours, now)) for each in waiting]


def _departure(each: Waiting, hours: QuietHours, now: datetime) -> Departure:
    quiet = each.hold_reason == QUIET
    wanted_at = max(now, (each.held_from or now) if quiet else each.due_at)
    found = within_hours(hours, each.person, each.category, wanted_at)
    if found is None:
        return Departure(each.expires_at, QUIET, wanted_at, each.expires_at, hours.digest)
    if found.hold_reason:
        return found
    # What was due already keeps its place among the others that are.
    due_at, hold_reason = each.due_at, each.hold_reason
    if quiet:
        due_at, hold_reason = wanted_at, SCHEDULED if wanted_at > now else None
    return Departure(due_at, hold_reason, None, found.window_closes_at, found.hours_digest)


class Reckoner:
    """Goes over the queue once a process starts, for what other rules have held or let go.

    No message depends on it: the claim reckons anew whatever it meets. But what new rules allow
    earlier, the claim would meet only at its old hour.
    """

    name = "reckoner"

    def __init__(self, database: Database, clock: Clock, hours: QuietHours) -> None:
        self._database = database
        self._clock = clock
        self._hours = hours
        self._behind: Place | None = None
        self.bell = database.bell()

    async def turn(self) -> float:
        """Look at `LOOK_MAX` messages; return how long to rest, in seconds."""
        now, digest = self._clock.now(), self._hours.digest
        async with self._database.read() as tx:
            found = await waiting_behind(tx, self._behind, limit=LOOK_MAX)
        other = [row for row in found if row.hours_digest != digest and not row.is_answer]
        if other:
            async with self._database.transaction() as tx:
                await store_departures(tx, reckoned(other, self._hours, now))
            _log.info(LogEvent.MESSAGES_RECKONED, count=len(other))
        self._behind = found[-1].place if len(found) == LOOK_MAX else None
        return 0.0 if self._behind else REST_S
