"""The gate: the last look at a claimed message, whose commit is the moment in which it leaves."""

from collections.abc import Callable, Sequence
from datetime import datetime

from wirephoto.clock import Clock
from wirephoto.domain.departure import CAPPED, DepartureRules
from wirephoto.domain.event import message_event
from wirephoto.domain.message import Message, MessageState
from wirephoto.engine.attempts import Begun
from wirephoto.engine.blocking import block_refused
from wirephoto.ids import Ids
from wirephoto.storage.audit import AuditEntry
from wirephoto.storage.batch import GroupCommit
from wirephoto.storage.database import Database
from wirephoto.storage.messages import (
    Transition,
    begin_sending,
    get_message,
    record_transitions,
)
from wirephoto.storage.tallies import CappedMove, begin_within_caps

TRIES_MAX = 5
"""How often a claimed message is moved anew that was touched meanwhile."""


class Gate:
    """Lets claimed messages leave; puts those that may not where they belong."""

    def __init__(
        self,
        database: Database,
        commits: GroupCommit,
        *,
        clock: Clock,
        ids: Ids,
        rules: DepartureRules,
    ) -> None:
        self._database = database
        self._commits = commits
        self._clock = clock
        self._ids = ids
        self._rules = rules

    async def let_go(self, message: Message, begun: Begun, now: datetime) -> bool:
        """Record that a claimed message leaves at `now`; tell whether it does.

        What it may do only by an exemption is told to the audit trail with it.

        Raises:
            StorageUnavailable: it may be recorded, or not.
        """
        pair = begun.pair
        leaving = Transition(
            pair.message,
            event=message_event(self._ids.new("evt", now), pair.message, pair.attempt),
            begun=pair.attempt,
            names=begun.names,
            audit=self._bypass(message, now),
        )
        caps = self._rules.caps_on(message)
        if not caps:
            gone: bool | datetime = await self._commits.run(begin_sending, leaving)
        else:
            gone = await self._commits.run(begin_within_caps, CappedMove(leaving, caps))
        if gone is True:
            return True
        await self._turn_back(message, until=gone or None)
        return False

    async def release(self, message: Message) -> bool:
        """Give a claimed message back, its slot forfeited; tell whether it was still ours."""
        return await self._move(message, self._queued)

    async def block(self, message_ids: Sequence[str]) -> frozenset[str]:
        """End those messages whose recipients have opted out of them; return which those are."""
        return await block_refused(
            self._database, message_ids, ids=self._ids, now=self._clock.now()
        )

    async def _turn_back(self, message: Message, *, until: datetime | None) -> None:
        """End a claimed message that may not leave any more, or give it back.

        One whose recipient has heard enough is put off. One whose window has closed is released:
        the next claim holds it until that opens again. One that somebody else moved is theirs.
        """
        if message.expires_at <= self._clock.now():
            await self._move(message, self._expired)
        elif until:
            await self._move(message, lambda ours: self._capped(ours, until))
        elif not await self.block([message.id]):
            await self.release(message)

    def _queued(self, message: Message) -> Transition:
        return Transition(message.move_to(MessageState.QUEUED, self._clock.now()))

    def _capped(self, message: Message, until: datetime) -> Transition:
        now = self._clock.now()
        held = message.move_to(MessageState.QUEUED, now, due_at=until, hold_reason=CAPPED)
        return Transition(held)

    def _expired(self, message: Message) -> Transition:
        now = self._clock.now()
        expired = message.move_to(MessageState.EXPIRED, now, reason="expired")
        event = message_event(self._ids.new("evt", now), expired)
        return Transition(expired, event=event)

    async def _move(self, message: Message, move: Callable[[Message], Transition]) -> bool:
        """Move a message while the claim is ours; tell whether it was.

        News of an earlier attempt gives it another version meanwhile, and leaves us the claim.
        """
        for _ in range(TRIES_MAX):
            if await self._commits.run(record_transitions, move(message)):
                return True
            async with self._database.read() as tx:
                latest = await get_message(tx, message.tenant_id, message.id)
            if latest is None or not _is_claim_of(latest, message):
                return False
            message = latest
        return False

    def _bypass(self, message: Message, now: datetime) -> AuditEntry | None:
        bypass = self._rules.bypass(message, now)
        if bypass is None:
            return None
        return AuditEntry(
            id=self._ids.new("aud", now),
            tenant_id=message.tenant_id,
            actor=message.tenant_id,
            act="message.quiet_hours_bypass",
            object=message.id,
            at=now,
            detail={
                "exemption": bypass.exemption.value,
                "category": message.category.value,
                "place": bypass.rule.place,
                "source": bypass.rule.source,
            },
        )


def _is_claim_of(latest: Message, claimed: Message) -> bool:
    """Tell whether a message is still claimed as it was: another claim has another slot."""
    return latest.state is MessageState.CLAIMED and latest.slot_at == claimed.slot_at
