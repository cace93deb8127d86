"""When messages that wait, or would wait, leave: pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from wirephoto.domain.daily_cap import next_pacific_midnight
from wirephoto.domain.message import Priority

DAYS_MAX = 3650
"""How far ahead a forecast looks."""
COUNT_MAX = 100_000_000
"""The most messages that are asked about."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Messages of one priority that fall due at about the same time (or are due already)."""

    priority: Priority
    due_at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """What stood before a new message of a campaign at an instant (`at`).

    `rate` is in messages per second, the account's limit included. `waiting` is ordered by
    `due_at`. `daily_cap` is how many may leave from midnight to midnight, Pacific, of which
    `sent_today` have.
    """

    at: datetime
    rate: float
    next_slot_at: datetime
    waiting: Sequence[Waiting] = ()
    stopped: bool = False
    daily_cap: int | None = None
    sent_today: int = 0


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the first and the last of some messages would leave, and how many leave before them."""

    first_at: datetime
    last_at: datetime
    ahead: int


def forecast(
    backlog: Backlog,
    count: int,
    *,
    due_at: datetime,
    now: datetime,
    priority: Priority = Priority.NORMAL,
) -> Forecast | None:
    """Return when `count` messages that fall due at `due_at` would leave.

    Everything that is due before them, and at least as urgent, leaves first. None while the line
    is stopped: nobody knows how long; and where it would take more than `DAYS_MAX` days.
    """
    if backlog.stopped or count > COUNT_MAX:
        return None
    line = _Line(backlog)
    ahead = 0
    for group in backlog.waiting:
        if group.due_at > due_at:
            break
        if group.priority <= priority:
            ahead += group.count
            line.leave(group.count, not_before=group.due_at)
    first_at = line.leave(1, not_before=max(due_at, now))
    last_at = line.leave(count - 1, not_before=first_at) if count > 1 else first_at
    if last_at - backlog.at > timedelta(days=DAYS_MAX):
        return None
    return Forecast(first_at, last_at, ahead)


class _Line:
    """A campaign from now on: messages leave an interval apart, and so many a day."""

    def __init__(self, backlog: Backlog) -> None:
        self._rate = backlog.rate
        self._cap = backlog.daily_cap
        self._next_at = max(backlog.at, backlog.next_slot_at)
        self._midnight = next_pacific_midnight(backlog.at)
        self._left = max(0, (backlog.daily_cap or 0) - backlog.sent_today)
        self._end = backlog.at + timedelta(days=DAYS_MAX + 1)

    def leave(self, count: int, *, not_before: datetime) -> datetime:
        """Let `count` messages leave; return when the last of them does."""
        self._next_at = max(self._next_at, not_before)
        if self._cap is None:
            return self._advance(count)
        last_at = self._next_at
        while count and self._next_at < self._end:
            self._begin_day()
            until_midnight = (self._midnight - self._next_at).total_seconds()
            today = min(count, self._left, int(until_midnight * self._rate) + 1)
            if today:
                last_at = self._advance(today)
                self._left -= today
                count -= today
            if count:
                self._next_at = max(self._next_at, self._midnight)
        return last_at if not count else self._end

    def _advance(self, count: int) -> datetime:
        """Let `count` messages leave on one day; return when the last of them does."""
        longest_s = (DAYS_MAX + 1) * 86_400
        last_at = self._next_at + timedelta(seconds=min((count - 1) / self._rate, longest_s))
        self._next_at = last_at + timedelta(seconds=min(1 / self._rate, longest_s))
        return last_at

    def _begin_day(self) -> None:
        if self._next_at >= self._midnight:
            self._midnight = next_pacific_midnight(self._next_at)
            self._left = self._cap or 0
