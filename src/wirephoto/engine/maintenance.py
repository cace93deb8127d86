"""Duties of time: leases that ran out, messages that grew too old, rows kept long enough."""

from dataclasses import replace
from datetime import timedelta

from wirephoto.clock import Clock
from wirephoto.domain.event import message_event
from wirephoto.domain.message import AttemptState, Message, MessageState
from wirephoto.ids import Ids
from wirephoto.storage.acceptance import delete_keys
from wirephoto.storage.database import Database, Transaction
from wirephoto.storage.messages import (
    Transition,
    latest_attempts,
    lock_messages,
    record_transitions,
)
from wirephoto.storage.number_look_ups import delete_look_ups
from wirephoto.storage.queue import (
    expired_messages,
    lapsed_claims,
    overdue_attempts,
    overdue_receipts,
    release_preparing,
)
from wirephoto.telemetry import LogEvent, get_log

_log = get_log()

TURN_MAX = 500
"""Rows that one turn handles; the next turn follows at once when there are more."""
REST_S = 1.0
PRUNE_REST_S = 60.0
OVERDUE_REST_S = 60.0
DEADLINE_MARGIN = timedelta(seconds=5)
"""How long after its deadline an attempt without an answer is called unconfirmed."""


class Rescuer:
    """Takes over what a killed process left: claims go back, sends become unconfirmed."""

    name = "rescuer"

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self.bell = database.bell()

    async def turn(self) -> float:
        """Handle up to `TURN_MAX` of each; return how long to rest, in seconds."""
        async with self._database.transaction() as tx:
            released = await self._release_claims(tx)
            doubted = await self._doubt_attempts(tx)
        if released or doubted:
            _log.warning(LogEvent.MESSAGES_RESCUED, requeued=released, unconfirmed=doubted)
        return 0.0 if TURN_MAX in (released, doubted) else REST_S

    async def release_all(self) -> None:
        """Give back every claim and every lease: for a start where no other process holds one."""
        async with self._database.transaction() as tx:
            await release_preparing(tx, self._clock.now())
        released = TURN_MAX
        while released == TURN_MAX:
            async with self._database.transaction() as tx:
                released = await self._release_claims(tx, lease=timedelta(days=3650))

    async def _release_claims(self, tx: Transaction, lease: timedelta = timedelta()) -> int:
        now = self._clock.now()
        lapsed = await lapsed_claims(tx, before=now + lease, limit=TURN_MAX)
        rows = [Transition(message.move_to(MessageState.QUEUED, now)) for message in lapsed]
        return sum(await record_transitions(tx, rows))

    async def _doubt_attempts(self, tx: Transaction) -> int:
        now = self._clock.now()
        before = now - DEADLINE_MARGIN
        found = await overdue_attempts(tx, before=before, limit=TURN_MAX)
        if not found:
            return 0
        messages = await lock_messages(tx, [attempt.message_id for attempt in found])
        rows = []
        # Read again under the locks: an answer may have come while we waited for them.
        for attempt in await overdue_attempts(tx, before=before, limit=TURN_MAX):
            if attempt.message_id not in messages:
                continue
            doubted = attempt.move_to(AttemptState.UNCONFIRMED, now, reason="answer_unknown")
            message = messages[attempt.message_id]
            if message.state is not MessageState.SENDING or message.attempts != attempt.number:
                rows.append(Transition(message.touched(now), attempt=doubted))
                continue
            moved = message.move_to(MessageState.UNCONFIRMED, now, reason="answer_unknown")
            event = message_event(self._ids.new("evt", now), moved, doubted)
            rows.append(Transition(moved, event=event, attempt=doubted))
        return sum(await record_transitions(tx, rows))


class Expirer:
    """Ends waiting messages that are too old to be sent."""

    name = "expirer"

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self.bell = database.bell()

    async def turn(self) -> float:
        """End up to `TURN_MAX` messages; return how long to rest, in seconds."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            found = await expired_messages(tx, now=now, limit=TURN_MAX)
            expired = sum(await record_transitions(tx, [self._expired(row) for row in found]))
        if expired:
            _log.info(LogEvent.MESSAGES_EXPIRED, count=expired)
        return 0.0 if len(found) == TURN_MAX else REST_S

    def _expired(self, message: Message) -> Transition:
        now = self._clock.now()
        expired = message.move_to(
            MessageState.EXPIRED, now, reason="expired", detail="It was not sent in time."
        )
        return Transition(expired, event=message_event(self._ids.new("evt", now), expired))


class Pruner:
    """Forgets what was kept long enough: idempotency keys, and what look-ups told of numbers."""

    name = "pruner"

    def __init__(self, database: Database, clock: Clock, *, keys_keep: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._keys_keep = keys_keep
        self.bell = database.bell()

    async def turn(self) -> float:
        """Forget up to `TURN_MAX` rows of each; return how long to rest, in seconds."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            deleted = {
                "idempotency_keys": await delete_keys(
                    tx, before=now - self._keys_keep, limit=TURN_MAX
                ),
                "number_look_ups": await delete_look_ups(tx, before=now, limit=TURN_MAX),
            }
        for table, count in deleted.items():
            if count:
                _log.info(LogEvent.ROWS_PRUNED, table=table, count=count)
        return 0.0 if TURN_MAX in deleted.values() else PRUNE_REST_S


class Overdue:
    """Marks messages whose last word never came: nothing is invented in its place."""

    name = "overdue"

    def __init__(
        self, database: Database, clock: Clock, *, window: timedelta, looked_up: bool
    ) -> None:
        self._database = database
        self._clock = clock
        self._window = window
        self._looked_up = looked_up
        self.bell = database.bell()

    async def turn(self) -> float:
        """Mark up to `TURN_MAX` messages; return how long to rest, in seconds."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            found = await overdue_receipts(tx, before=now - self._window, limit=TURN_MAX)
            latest = await latest_attempts(tx, [message.id for message in found])
            rows = [
                Transition(
                    message.touched(now, receipt_overdue=True),
                    attempt=replace(latest[message.id], check_at=now if self._looked_up else None),
                )
                for message in found
                if message.id in latest
            ]
            marked = sum(await record_transitions(tx, rows))
        if marked:
            _log.warning(LogEvent.RECEIPTS_OVERDUE, count=marked)
        return 0.0 if len(found) == TURN_MAX else OVERDUE_REST_S
