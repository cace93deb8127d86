"""Claim due messages with a slot each, send each in its slot, record what became of it."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Protocol

from wirephoto.clock import Clock
from wirephoto.domain.daily_cap import CapRules
from wirephoto.domain.departure import DepartureRules
from wirephoto.domain.follow import Pair, apply_answer, follow_answer
from wirephoto.domain.line import OUTAGE_AFTER
from wirephoto.domain.message import Message, MessageState, Submission
from wirephoto.domain.outcome import Outcome, Verdict
from wirephoto.domain.pacing import LATE_MAX
from wirephoto.domain.retry import RetryPolicy
from wirephoto.engine.attempts import begin
from wirephoto.engine.claim import IDLE_REST_S, claim_due
from wirephoto.engine.gate import Gate
from wirephoto.engine.line import heed, not_probed
from wirephoto.engine.transitions import transition_between
from wirephoto.errors import StorageUnavailable
from wirephoto.ids import Ids
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.database import Database
from wirephoto.storage.messages import (
    Transition,
    get_attempt,
    get_message,
    record_transitions,
)
from wirephoto.telemetry import LogEvent, get_log

_log = get_log()

LEAD = timedelta(milliseconds=40)
"""How long before its slot a message's attempt is recorded, so that the flush does not delay it."""
WINDOW = 64
"""How many messages are in flight at first; it grows with each slot kept, and halves when one is
missed: claiming more than the process can send in time would only forfeit slots."""
WINDOW_MIN = 8
WINDOW_GROWTH = 1 / 16
"""By how much it grows for each slot kept, once it has been too wide; before, it doubles."""
RECORD_TRIES_MAX = 5
"""How often an answer is applied again to a message that moved meanwhile."""
TAKE_BACK_TRIES_MAX = 120
"""How often a beginning without an answer is looked for, with `RECORD_REST_S` between: longer than
a lease lasts, after which the message is somebody else's."""
RECORD_REST_S = 0.5
"""How long to wait before an answer is stored again, when the database was out of reach."""
SLOT_MISSED = Outcome(
    Verdict.HELD_BACK,
    reason="slot_missed",
    detail="Its slot had passed before the request could leave; it takes the next one.",
)
OUTAGE = Outcome(
    Verdict.STOP_LINE,
    reason="provider_unreachable",
    detail="The provider does not answer. What waits stays queued, and one message at growing "
    "intervals tries whether it is back.",
)
HEAD_START_S = 0.03
HEAD_START_S_MAX = 1.0
"""How far ahead the first slot of a claim is: what recording claim and attempt may take.

It doubles with each slot that is missed, so that a slow database delays messages but never keeps
them from leaving, and shrinks again slowly.
"""


class Provider(Protocol):
    """Where messages are submitted: the client of the real provider, or a test's."""

    async def submit(self, submission: Submission, *, timeout_s: float) -> Outcome:
        """Make one try; return what became of it, never raise for the network's faults."""
        ...


@dataclass(frozen=True, slots=True)
class DispatchSettings:
    """How one account is served: bounds in messages, times in seconds.

    `media_url` is where hosted files are found, their names behind it.
    """

    account_id: str
    in_flight_max: int = 256
    lease_s: float = 30.0
    submit_timeout_s: float = 30.0
    media_url: str = ""
    cap_rules: CapRules = field(default_factory=CapRules)
    departures: DepartureRules = field(default_factory=DepartureRules)
    retry: RetryPolicy = field(default_factory=RetryPolicy)


class Dispatcher:
    """Sends one account's messages; any number of processes may run one each."""

    name = "dispatch"

    def __init__(
        self,
        *,
        database: Database,
        commits: GroupCommit,
        provider: Provider,
        clock: Clock,
        ids: Ids,
        random: Random,
        settings: DispatchSettings,
    ) -> None:
        self._database = database
        self._commits = commits
        self._provider = provider
        self._clock = clock
        self._ids = ids
        self._random = random
        self._settings = settings
        self._gate = Gate(database, commits, clock=clock, ids=ids, rules=settings.departures)
        self._sending: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._turning = asyncio.Lock()
        self._turns = 0
        self._halted: dict[str, int] = {}
        self._starved = False
        self._head_start_s = HEAD_START_S
        self._window = float(min(WINDOW, settings.in_flight_max))
        self._shrunk_in = 0
        self._unanswered = 0
        self.slots: Counter[str] = Counter()
        """Slots that this process took, by campaign."""
        self.bell = database.bell(MessageState.QUEUED.value)

    @property
    def in_flight(self) -> int:
        """Return how many messages this process has claimed or is sending."""
        return len(self._sending)

    async def turn(self) -> float:
        """Claim what is due and start to send it; return how long to rest, in seconds."""
        async with self._turning:
            return await self._turn()

    async def _turn(self) -> float:
        free = int(self._window) - len(self._sending)
        # A claim for a handful costs as much as one for many.
        self._starved = free * 4 < self._window
        if self._stopping.is_set() or self._starved:
            return IDLE_REST_S
        # Counted before the claim: a line that stops meanwhile halts what the claim brings as well.
        self._turns += 1
        turn = self._turns
        async with self._database.transaction() as tx:
            claim = await claim_due(
                tx,
                self._settings.account_id,
                now=self._clock.now(),
                head_start=timedelta(seconds=self._head_start_s),
                limit=free,
                lease=timedelta(seconds=self._settings.lease_s),
                cap_rules=self._settings.cap_rules,
                hours=self._settings.departures.hours,
            )
        for message in claim.messages:
            self.slots[message.campaign_id] += message.weight
            sending = asyncio.create_task(self._send(message, turn=turn, probed=claim.probed))
            self._sending.add(sending)
            sending.add_done_callback(self._sent)
        await self._gate.block(claim.refused)
        return claim.rest_s

    async def stop(self, grace_s: float) -> None:
        """Return what has not left to the queue; wait up to `grace_s` seconds for answers."""
        self._stopping.set()
        async with self._turning:
            pass  # a claim that is under way brings the last ones
        if self._sending:
            await asyncio.wait(self._sending, timeout=grace_s)
        left = list(self._sending)
        for sending in left:
            sending.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def drain(self) -> None:
        """Return when nothing is in flight."""
        while self._sending:
            await asyncio.wait(self._sending)

    def _sent(self, sending: "asyncio.Task[None]") -> None:
        self._sending.discard(sending)
        if self._starved and len(self._sending) * 4 <= self._window * 3:
            self.bell.set()
        if not sending.cancelled() and (error := sending.exception()):
            _log.error(LogEvent.LOOP_FAILED, loop="send", error=str(error), exc_info=error)

    async def _send(self, message: Message, *, turn: int, probed: frozenset[str]) -> None:
        """Take one message that was claimed in `turn` to its answer, or back to the queue."""
        assert message.slot_at is not None, "a claim gives a slot"
        await self._until(message, lead=LEAD)
        now = self._clock.now()
        held_back = self._stopping.is_set() or self._is_halted(message, turn)
        missed = now > message.slot_at + LATE_MAX
        if held_back or missed:
            self._adapt(turn, missed=missed)
            await self._gate.release(message)
            await not_probed(self._database, message, probed=probed, now=now)
            return
        begun = begin(
            message,
            now=now,
            ids=self._ids,
            timeout_s=self._settings.submit_timeout_s,
            media_url=self._settings.media_url,
        )
        pair = begun.pair
        try:
            if not await self._gate.let_go(message, begun, now):
                return
        except StorageUnavailable:
            await self._take_back(pair, message)
            return
        await self._until(message, lead=timedelta())
        outcome = await self._submit(pair, begun.submission)
        self._adapt(turn, missed=outcome is SLOT_MISSED)
        await self._settle(pair, outcome, probed=probed)

    def _is_outage(self, message: Message, outcome: Outcome, probed: frozenset[str]) -> bool:
        """Tell whether the provider is down: several requests in a row, or a probe, say so.

        Without this, each message that is due would end in doubt, or would come back with all the
        others in the moment in which the provider does.
        """
        if outcome.verdict is Verdict.HELD_BACK:
            return False
        self._unanswered = self._unanswered + 1 if outcome.is_outage else 0
        many = self._unanswered >= OUTAGE_AFTER
        return outcome.is_outage and (many or message.account_id in probed)

    def _halt(self, message: Message, outcome: Outcome) -> None:
        """Let nothing leave that is claimed already and goes through what an answer stops or slows.

        What is released takes a new slot, behind the wait that the provider asked for.
        """
        slowed = outcome.throttled and outcome.http_status is not None
        if slowed or outcome.verdict is Verdict.STOP_LINE:
            self._halted[message.account_id] = self._turns
        elif outcome.verdict is Verdict.PAUSE_CAMPAIGN:
            self._halted[message.campaign_id] = self._turns

    def _is_halted(self, message: Message, turn: int) -> bool:
        lines = (message.account_id, message.campaign_id)
        return any(self._halted.get(line_id, 0) >= turn for line_id in lines)

    async def _until(self, message: Message, *, lead: timedelta) -> None:
        assert message.slot_at is not None, "a claim gives a slot"
        wait_s = (message.slot_at - lead - self._clock.now()).total_seconds()
        if wait_s > 0:
            await self._clock.sleep(wait_s)

    def _adapt(self, turn: int, *, missed: bool) -> None:
        """Claim less and further ahead after a missed slot of `turn`, more after a kept one."""
        if not missed:
            self._head_start_s = max(HEAD_START_S, self._head_start_s * 0.99)
            growth = WINDOW_GROWTH if self._shrunk_in else 1.0
            self._window = min(self._settings.in_flight_max, self._window + growth)
        elif turn > self._shrunk_in:
            # The messages of one claim miss their slots together: that is one reason to shrink.
            self._shrunk_in = self._turns
            self._head_start_s = min(HEAD_START_S_MAX, self._head_start_s * 2.0)
            self._window = max(min(WINDOW_MIN, self._settings.in_flight_max), self._window / 2)

    async def _submit(self, pair: Pair, submission: Submission) -> Outcome:
        message, attempt, now = pair.message, pair.attempt, self._clock.now()
        if message.slot_at is not None and now > message.slot_at + LATE_MAX:
            return SLOT_MISSED
        timeout_s = (attempt.deadline_at - now).total_seconds()
        return await self._provider.submit(submission, timeout_s=timeout_s)

    async def _settle(self, pair: Pair, outcome: Outcome, *, probed: frozenset[str]) -> None:
        """Record an answer, however the message has moved since, then heed what it says."""
        outage = self._is_outage(pair.message, outcome, probed)
        if outage and outcome.verdict is Verdict.RETRY:
            # The line is at fault, not the message: it goes back without having used up a try.
            outcome = replace(OUTAGE, http_status=outcome.http_status, answer=outcome.answer)
        message = await self._record_answer(pair, outcome)
        _report(pair, outcome)
        said = OUTAGE if outage else outcome
        self._halt(message, said)
        await heed(
            self._database,
            said,
            message,
            left_at=pair.attempt.started_at,
            probed=probed,
            now=self._clock.now(),
        )
        # Once more for what was claimed while the stop was being stored.
        self._halt(message, said)

    async def _record_answer(self, pair: Pair, outcome: Outcome) -> Message:
        """Store an answer; while the database is out of reach, keep it and try again.

        After the attempt's deadline whoever finds it may call it unconfirmed; the answer still
        settles it when it can be stored at last.
        """
        tries = 0
        while True:
            try:
                moved = self._answered(pair, outcome)
                if moved is None or await self._commits.run(record_transitions, moved):
                    return moved.message if moved else pair.message
                pair = await self._reload(pair)
            except StorageUnavailable:
                await self._clock.sleep(RECORD_REST_S)
                continue
            tries += 1
            assert tries < RECORD_TRIES_MAX, (
                "a message moves a few times while its answer is stored"
            )

    def _answered(self, pair: Pair, outcome: Outcome) -> Transition | None:
        now = self._clock.now()
        attempt = apply_answer(pair.attempt, outcome, now)
        message = follow_answer(
            Pair(pair.message, attempt),
            outcome,
            policy=self._settings.retry,
            jitter=self._random.random(),
            now=now,
        )
        return transition_between(pair, Pair(message, attempt), ids=self._ids, now=now)

    async def _reload(self, pair: Pair) -> Pair:
        tenant_id = pair.message.tenant_id
        async with self._database.read() as tx:
            message = await get_message(tx, tenant_id, pair.message.id)
            attempt = await get_attempt(tx, tenant_id, pair.attempt.id)
        assert message is not None, "messages with an attempt in flight are not deleted"
        assert attempt is not None, "attempts in flight are not deleted"
        return Pair(message, attempt)

    async def _take_back(self, pair: Pair, claimed: Message) -> None:
        """Undo a beginning whose commit was not answered: it may have happened; nothing left."""
        for _ in range(TAKE_BACK_TRIES_MAX):
            await self._clock.sleep(RECORD_REST_S)
            try:
                async with self._database.read() as tx:
                    begun = await get_attempt(tx, pair.attempt.tenant_id, pair.attempt.id)
                # Where it is no longer ours it may have been committed after all: look again.
                if begun is None and await self._gate.release(claimed):
                    return
            except StorageUnavailable:
                continue
            if begun is not None:
                await self._record_answer(pair, SLOT_MISSED)
                return


def _report(pair: Pair, outcome: Outcome) -> None:
    facts = {
        "message_id": pair.message.id,
        "attempt_id": pair.attempt.id,
        "reason": outcome.reason,
        "http_status": outcome.http_status,
    }
    if outcome.verdict is Verdict.ACCEPTED:
        uuid = outcome.provider_message_id
        _log.debug(LogEvent.ATTEMPT_SUBMITTED, provider_message_id=uuid, **facts)
    elif outcome.verdict is Verdict.UNKNOWN:
        _log.warning(LogEvent.ATTEMPT_UNCONFIRMED, detail=outcome.detail, **facts)
    else:
        _log.info(LogEvent.ATTEMPT_REFUSED, verdict=outcome.verdict, detail=outcome.detail, **facts)
