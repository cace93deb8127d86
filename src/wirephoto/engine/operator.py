"""What somebody changes of senders and campaigns by hand: each act stands in the audit trail."""

from dataclasses import replace

from wirephoto.clock import Clock
from wirephoto.domain.line import Proof, Stop, paused_by_hand
from wirephoto.domain.message import MessageState
from wirephoto.engine.audit_trail import AuditTrail
from wirephoto.errors import Fault, RequestRefused
from wirephoto.ids import Ids
from wirephoto.storage.campaigns import (
    Campaign,
    OwnSender,
    get_campaign,
    get_sender,
    list_campaigns,
    list_senders,
    lock_campaign,
    lock_sender,
    set_pace,
    set_sender_pause,
)
from wirephoto.storage.database import Database, Transaction
from wirephoto.storage.schema import campaigns
from wirephoto.storage.senders import Line, resume_line, stop_line

REASON_CHARS_MAX = 200


class Operator:
    """A tenant's senders and campaigns, in the hands of `actor` (a key's id, or `cli`).

    A change returns the row as it stands then, None where the tenant has no such row. What
    changes nothing leaves no trace.
    """

    def __init__(
        self, database: Database, *, tenant_id: str, actor: str, clock: Clock, ids: Ids
    ) -> None:
        self._database = database
        self._tenant_id = tenant_id
        self._clock = clock
        self._trail = AuditTrail(tenant_id, actor, clock, ids)

    async def campaigns(self, *, after_id: str | None = None, limit: int) -> list[Campaign]:
        """Return up to `limit` campaigns by id, those behind `after_id`."""
        now = self._clock.now()
        async with self._database.read() as tx:
            return await list_campaigns(
                tx, self._tenant_id, after_id=after_id, limit=limit, now=now
            )

    async def campaign(self, campaign_id: str) -> Campaign | None:
        """Return one campaign."""
        async with self._database.read() as tx:
            return await get_campaign(tx, self._tenant_id, campaign_id, now=self._clock.now())

    async def senders(self, *, after: str | None = None, limit: int) -> list[OwnSender]:
        """Return up to `limit` senders by number, those behind `after`."""
        async with self._database.read() as tx:
            return await list_senders(tx, self._tenant_id, after=after, limit=limit)

    async def sender(self, number: str) -> OwnSender | None:
        """Return one sender."""
        async with self._database.read() as tx:
            return await get_sender(tx, self._tenant_id, number)

    async def change_campaign(
        self,
        campaign_id: str,
        *,
        rate: float | None = None,
        paused: bool | None = None,
        reason: str | None = None,
    ) -> Campaign | None:
        """Give a campaign another rate, stop it, or let it go on whatever stopped it.

        Raises:
            RequestRefused: the reason breaks a rule.
        """
        _check(paused=paused, reason=reason)
        async with self._database.transaction() as tx:
            line = await lock_campaign(tx, self._tenant_id, campaign_id)
            if line is None:
                return None
            done = await _set_rate(tx, line, rate) if rate is not None else {}
            if paused is not None:
                done |= await self._set_stop(tx, line, reason, paused=paused)
            if done:
                await self._trail.note(tx, "campaign.change", campaign_id, done)
            return await get_campaign(tx, self._tenant_id, campaign_id, now=self._clock.now())

    async def change_sender(
        self, number: str, *, paused: bool, reason: str | None = None
    ) -> OwnSender | None:
        """Pause a sender, or let it go on: its messages wait meanwhile, as long as they may.

        Raises:
            RequestRefused: the reason breaks a rule.
        """
        _check(paused=paused, reason=reason)
        async with self._database.transaction() as tx:
            await lock_sender(tx, self._tenant_id, number)
            before = await get_sender(tx, self._tenant_id, number)
            if before is None:
                return None
            paused_at = (before.paused_at or self._clock.now()) if paused else None
            after = replace(before, paused_at=paused_at, pause_reason=reason if paused else None)
            if after != before:
                await set_sender_pause(tx, number, paused_at=paused_at, reason=after.pause_reason)
                told = _told(was=before.paused_at is not None, paused=paused, reason=reason)
                await self._trail.note(tx, "sender.change", number, told)
                await tx.notify(MessageState.QUEUED.value)
            return after

    async def _set_stop(
        self, tx: Transaction, line: Line, reason: str | None, *, paused: bool
    ) -> dict[str, str]:
        after = paused_by_hand(line.stop, reason, self._clock.now()) if paused else None
        if _is_same(line.stop, after):
            return {}
        if after:
            await stop_line(tx, campaigns, line.id, after)
        else:
            await resume_line(tx, campaigns, line.id, Proof.HUMAN)
            await tx.notify(MessageState.QUEUED.value)
        was = {"was": line.stop.reason} if line.stop else {}
        return _told(was=line.stop is not None, paused=paused, reason=reason) | was


async def _set_rate(tx: Transaction, line: Line, rate: float) -> dict[str, str]:
    if rate == line.pace.rate:
        return {}
    await set_pace(tx, line.id, line.pace.at_rate(rate))
    return {"rate": f"{line.pace.rate:g} → {rate:g}"}


def _is_same(before: Stop | None, after: Stop | None) -> bool:
    """Tell whether a stop says the same: that it is asked for again is no news."""
    if before is None or after is None:
        return before is after
    return replace(after, fault_at=before.fault_at) == before


def _told(*, was: bool, paused: bool, reason: str | None) -> dict[str, str]:
    words = {True: "yes", False: "no"}
    told = words[paused] if was == paused else f"{words[was]} → {words[paused]}"
    return {"paused": told} | ({"reason": reason} if reason else {})


def _check(*, paused: bool | None, reason: str | None) -> None:
    if reason is None:
        return
    if not paused:
        raise _refused("only_paused", "Only a pause has a reason.")
    if not 1 <= len(reason) <= REASON_CHARS_MAX:
        raise _refused("length", f"A reason has 1 to {REASON_CHARS_MAX} characters.")
    if "\x00" in reason:
        raise _refused("null_character", "Text cannot hold the character U+0000.")


def _refused(code: str, message: str) -> RequestRefused:
    return RequestRefused([Fault("reason", code, message)])
