"""When a message that is accepted now will leave, from what is known of its campaign's queue."""

from bisect import bisect_left
from dataclasses import dataclass, replace
from datetime import datetime

from wirephoto.clock import Clock
from wirephoto.domain.daily_cap import CapRules
from wirephoto.domain.forecast import Backlog, Waiting, forecast
from wirephoto.domain.message import Message, Priority
from wirephoto.storage.backlog import load_backlog
from wirephoto.storage.database import Database

AGE_S_MIN = 1.0
"""How long what is known of a queue is used again, in seconds, at least."""
SHARE_MAX = 0.05
"""The part of the time that looking at a queue may take: a long one is looked at less often."""


@dataclass(slots=True)
class _Known:
    """A backlog, with what this process has accepted since it was loaded."""

    backlog: Backlog
    waiting: list[Waiting]
    stale_at: float

    def add(self, message: Message) -> None:
        """Count an accepted message in."""
        place = bisect_left(self.waiting, message.due_at, key=lambda group: group.due_at)
        for near in self.waiting[place : place + 3]:
            if near.due_at == message.due_at and near.priority is message.priority:
                grown = replace(near, count=near.count + message.weight)
                self.waiting[self.waiting.index(near)] = grown
                return
        group = Waiting(message.priority, message.due_at, message.weight)
        self.waiting.insert(place, group)


class Outlook:
    """Tells when messages leave; what other processes accept is seen a little later."""

    def __init__(self, database: Database, clock: Clock, cap_rules: CapRules) -> None:
        self._database = database
        self._clock = clock
        # Whom a message is for may not be known yet: they are thought of as those of whom nobody
        # knows the network.
        self._capped = cap_rules.unknown_counts
        self._known: dict[str, _Known] = {}

    async def refresh(self, campaign_id: str) -> Backlog | None:
        """Return what waits for a campaign, a second old or some more; None if there is none."""
        started = self._clock.monotonic()
        known = self._known.get(campaign_id)
        if known and started < known.stale_at:
            return known.backlog
        async with self._database.read() as tx:
            backlog = await load_backlog(
                tx, campaign_id, now=self._clock.now(), capped=self._capped
            )
        if backlog is None:
            self._known.pop(campaign_id, None)
            return None
        took_s = self._clock.monotonic() - started
        waiting = list(backlog.waiting)
        stale_at = started + took_s + max(AGE_S_MIN, took_s / SHARE_MAX)
        self._known[campaign_id] = _Known(replace(backlog, waiting=waiting), waiting, stale_at)
        return self._known[campaign_id].backlog

    def expect(self, message: Message) -> Message:
        """Return a message that is about to be accepted with its `expected_at`, and count it in.

        Its campaign was refreshed before. Without an `expected_at` nobody knows when it leaves.
        """
        known = self._known.get(message.campaign_id)
        if known is None:
            return message
        expected_at = self.when(message.campaign_id, message.due_at, message.priority)
        known.add(message)
        return replace(message, expected_at=expected_at)

    def when(self, campaign_id: str, due_at: datetime, priority: Priority) -> datetime | None:
        """Return when one more message would leave, None where nobody knows."""
        known = self._known.get(campaign_id)
        if known is None:
            return None
        now = self._clock.now()
        found = forecast(known.backlog, 1, due_at=due_at, now=now, priority=priority)
        return found.first_at if found else None
