"""Settle what is in doubt: ask the provider's records, or repeat where the operator wants it."""

from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from wirephoto.clock import Clock
from wirephoto.domain.doubt import Delivery, DoubtPolicy, Step, looked_up, next_step, repeat
from wirephoto.domain.event import message_event
from wirephoto.domain.follow import Pair
from wirephoto.domain.look_up import LookUp, look_up_of
from wirephoto.domain.message import Attempt
from wirephoto.domain.outcome import Receipt
from wirephoto.engine.line import heed_receipts
from wirephoto.engine.receipts import Receipts
from wirephoto.engine.replies import Replies
from wirephoto.errors import ReportsUnavailable
from wirephoto.ids import Ids
from wirephoto.storage.database import Database, Transaction
from wirephoto.storage.messages import (
    Transition,
    get_attempt,
    lock_messages,
    record_transitions,
)
from wirephoto.storage.queue import arm_checks, lease_checks
from wirephoto.telemetry import LogEvent, get_log

_log = get_log()

TURN_MAX = 100
"""Attempts that one turn looks into, where the records are not asked."""
LEASE = timedelta(minutes=2)
"""How long an attempt is one process' to look into: longer than a look-up takes."""
REST_S = 5.0
LOOK_UP_REST_S = 1.0
"""Between two look-ups: they share the account's limit of requests, and cost money."""
UNAVAILABLE_REST_S = 60.0
UNAVAILABLE_REST_S_MAX = 3600.0
NOT_ALLOWED_REST_S = 900.0
"""After an answer that only a human can change: wrong credentials, or a product not paid for."""
_NOT_ALLOWED = frozenset({"unauthorized", "forbidden"})
_ANSWERED_BADLY = frozenset({"refused", "incomplete", "unreadable"})
"""Each such answer may have its price, and the next would be the same: asked ever less often."""


class Records(Protocol):
    """The provider's records, or a test's."""

    async def find(self, look_up: LookUp) -> Receipt | None:
        """Return what they say of an attempt, or None where they do not know it (yet).

        Raises:
            ReportsUnavailable: they cannot be asked now.
        """
        ...


class Reconciler:
    """Looks into attempts in doubt, and into those whose last word is overdue."""

    name = "reconciler"

    def __init__(
        self,
        *,
        database: Database,
        records: Records | None,
        receipts: Receipts,
        replies: Replies,
        policy: DoubtPolicy,
        clock: Clock,
        ids: Ids,
    ) -> None:
        assert policy.looks_up is (records is not None), "who looks up needs records"
        self._database = database
        self._records = records
        self._receipts = receipts
        self._replies = replies
        self._policy = policy
        self._clock = clock
        self._ids = ids
        self._armed = False
        self.bell = database.bell()

    async def turn(self) -> float:
        """Look into what is due, one at a time where the records are asked; return the rest."""
        now, limit = self._clock.now(), 1 if self._records else TURN_MAX
        async with self._database.transaction() as tx:
            if not self._armed:
                await arm_checks(tx, now)
            due = await lease_checks(tx, now=now, lease_until=now + LEASE, limit=limit)
        self._armed = True
        # Apart from the lease, which locks attempts: everybody else locks their messages first.
        async with self._database.transaction() as tx:
            taken = [await self._step(tx, attempt) for attempt in due]
        if count := sum(step is Step.REPEAT for step, _ in taken):
            _log.warning(LogEvent.DOUBT_REPEATED, count=count)
        for step, pair in taken:
            if step is Step.LOOK_UP:
                return await self._look_up(pair)
        return 0.0 if len(due) == limit else REST_S

    async def _step(self, tx: Transaction, leased: Attempt) -> tuple[Step, Pair]:
        """Take the step that is due; a look-up is only named, for it leaves the process."""
        now, pair = self._clock.now(), await _locked(tx, leased)
        step = next_step(pair, self._policy, now)
        if step.step is Step.LOOK_UP:
            return step.step, pair
        if step.step is Step.REPEAT:
            after = repeat(pair, self._policy, now)
            event = message_event(self._ids.new("evt", now), after.message, after.attempt)
            move = Transition(after.message, event=event, attempt=after.attempt)
        else:
            waiting = replace(pair.attempt, check_at=step.check_at)
            move = Transition(pair.message.touched(now), attempt=waiting)
        await _record(tx, move)
        return step.step, pair

    async def _look_up(self, pair: Pair) -> float:
        """Ask the records of one attempt, and record what they know; return how long to rest."""
        assert self._records is not None, "only asked where there are records"
        try:
            found = await self._records.find(
                look_up_of(pair.message, pair.attempt, self._clock.now())
            )
        except ReportsUnavailable as error:
            rest_s = _rest_s(error)
            _log.warning(LogEvent.RECORDS_UNAVAILABLE, reason=error.reason, rest_s=rest_s)
            if not self._counts_as_asked(error):
                return rest_s
            found = None
        await self._learn(pair.attempt, self._receipts.judged(found) if found else None)
        return LOOK_UP_REST_S

    def _counts_as_asked(self, error: ReportsUnavailable) -> bool:
        """Tell whether to go on as if the records knew nothing, for they will not be asked.

        Otherwise `at_least_once` would wait for ever for an account that may not ask them.
        """
        repeats = self._policy.delivery is Delivery.AT_LEAST_ONCE
        return error.reason in _ANSWERED_BADLY or (repeats and error.reason in _NOT_ALLOWED)

    async def _learn(self, asked: Attempt, found: Receipt | None) -> None:
        """Record what the records said; where that is nothing new, when to ask again."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            pair = await _locked(tx, asked)
            move = self._receipts.apply(pair, found) if found else None
            learned = move.attempt if move and move.attempt else pair.attempt
            if move is None or learned.state is pair.attempt.state:
                again = looked_up(learned, now)
                await _record(tx, Transition(pair.message.touched(now), attempt=again))
                return
            await _record(tx, move)
        assert found, "a receipt made the move"
        _log.info(LogEvent.DOUBT_SETTLED, message_id=move.message.id, state=found.state)
        news = [(move.message, learned, found)]
        await self._replies.heed(news, now)
        await heed_receipts(self._database, news, now, complaints=self._receipts.complaints)


def _rest_s(error: ReportsUnavailable) -> float:
    if error.reason in _NOT_ALLOWED:
        return NOT_ALLOWED_REST_S
    return min(error.retry_after_s or UNAVAILABLE_REST_S, UNAVAILABLE_REST_S_MAX)


async def _record(tx: Transaction, move: Transition) -> None:
    recorded = await record_transitions(tx, [move])
    assert all(recorded), "the message is locked"


async def _locked(tx: Transaction, leased: Attempt) -> Pair:
    """Return an attempt and its message as they stand under the message's lock."""
    [message] = (await lock_messages(tx, [leased.message_id])).values()
    attempt = await get_attempt(tx, leased.tenant_id, leased.id)
    assert attempt is not None, "attempts to look into are not deleted"
    return Pair(message, attempt)
