"""The claim: which due messages leave next, each with its slot, decided in one transaction."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import Table

from wirephoto.domain.line import probing
from wirephoto.domain.message import Message
from wirephoto.domain.pacing import HORIZON, Allocation, Demand, Pace, allocate
from wirephoto.engine.line import resume_quiet
from wirephoto.storage.database import Transaction
from wirephoto.storage.queue import claim_messages, due_messages
from wirephoto.storage.schema import accounts, campaigns
from wirephoto.storage.senders import (
    Line,
    advance_slots,
    lock_line,
    lock_ready_campaigns,
    stop_line,
)

CAMPAIGNS_MAX = 64
"""Campaigns that one claim serves."""
IDLE_REST_S = 0.5
"""The longest rest: how late a held message's hour may be noticed, in seconds."""
_SOON = HORIZON + timedelta(seconds=IDLE_REST_S)


@dataclass(frozen=True, slots=True)
class Claim:
    """Messages that this process has until their leases end, and when to claim again.

    `probed` names the stopped lines that let one of them through, to see whether they go on.
    """

    messages: list[Message]
    rest_s: float
    probed: frozenset[str] = frozenset()


async def claim_due(
    tx: Transaction,
    account_id: str,
    *,
    now: datetime,
    head_start: timedelta,
    limit: int,
    lease: timedelta,
) -> Claim:
    """Claim up to `limit` due messages of an account's campaigns, with a slot for each.

    The locks are taken in one order (account, campaigns by id, messages), so that any number of
    processes may claim. A stopped line gives out one message when its probe is due. The first slot
    is `head_start` from now.
    """
    earliest = now + head_start
    account = await resume_quiet(tx, accounts, await lock_line(tx, accounts, account_id), now)
    if account.stop and account.stop.probe_at > now:
        return Claim([], IDLE_REST_S)
    # Those whose slot comes within the longest rest are among them: it decides how long to rest.
    lines = await lock_ready_campaigns(
        tx, account.id, now=now, until=earliest + _SOON, limit=CAMPAIGNS_MAX
    )
    if not lines:
        return Claim([], IDLE_REST_S)
    lines = [await resume_quiet(tx, campaigns, line, now) for line in lines]
    limit = 1 if account.stop else limit
    waiting = [
        await due_messages(tx, line.id, now=now, limit=_wanted(line, limit, earliest))
        for line in lines
    ]
    demands = [Demand(line.pace, len(ids)) for line, ids in zip(lines, waiting, strict=True)]
    allocation = allocate(account.pace, demands, now=earliest, limit=limit)
    slots = _slots(waiting, allocation)
    if not slots:
        return Claim([], _rest_s([account.pace, *(line.pace for line in lines)], earliest))
    claimed = await claim_messages(tx, slots, now=now, lease_until=now + lease)
    served = [
        (line, pace)
        for line, pace, times in zip(lines, allocation.campaigns, allocation.slots, strict=True)
        if times
    ]
    await _store(tx, accounts, [(account, allocation.account)], now)
    await _store(tx, campaigns, served, now)
    paces = [allocation.account, *allocation.campaigns]
    rest_s = 0.0 if len(slots) == limit else _rest_s(paces, earliest)
    probed = frozenset(line.id for line in (account, *(line for line, _ in served)) if line.stop)
    return Claim(claimed, rest_s, probed)


def _wanted(line: Line, limit: int, earliest: datetime) -> int:
    """Return how many of a campaign's messages could get a slot at all."""
    if line.pace.next_slot_at >= earliest + HORIZON:
        return 0
    if line.stop:
        return 1
    return min(limit, ceil(HORIZON.total_seconds() * line.pace.rate) + 1)


def _slots(waiting: list[list[str]], allocation: Allocation) -> list[tuple[str, datetime]]:
    """Return who leaves when: a campaign's first slots are for the first in its queue."""
    return [
        (id_, slot_at)
        for ids, times in zip(waiting, allocation.slots, strict=True)
        for id_, slot_at in zip(ids, times, strict=False)
    ]


def _rest_s(paces: list[Pace], now: datetime) -> float:
    """Return when the next slot can be given out: half a horizon before it, in seconds."""
    soonest = max(paces[0].next_slot_at, min(pace.next_slot_at for pace in paces[1:]))
    return min(IDLE_REST_S, max(0.01, (soonest - now - HORIZON / 2).total_seconds()))


async def _store(
    tx: Transaction, table: Table, lines: list[tuple[Line, Pace]], now: datetime
) -> None:
    await advance_slots(tx, table, {line.id: pace.next_slot_at for line, pace in lines})
    for line, _ in lines:
        if line.stop:
            await stop_line(tx, table, line.id, probing(line.stop, now))
