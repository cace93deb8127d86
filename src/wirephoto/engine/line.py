"""Stop the line, pause a campaign, slow down, and go on: what an answer says beyond its message."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

from sqlalchemy import Table

from wirephoto.domain.daily_cap import cap_day
from wirephoto.domain.line import QUIET, Proof, stopped
from wirephoto.domain.message import Attempt, AttemptState, Message, MessageState
from wirephoto.domain.outcome import Failure, FailureClass, Outcome, Receipt, Verdict
from wirephoto.domain.pacing import Slowing
from wirephoto.engine.receipts import Complaints
from wirephoto.storage.daily_caps import learn_networks, mark_spent
from wirephoto.storage.database import Database, Transaction
from wirephoto.storage.schema import accounts, campaigns
from wirephoto.storage.senders import (
    Line,
    advance_slots,
    give_back_probe,
    lock_line,
    resume_line,
    slow_line,
    stop_line,
    stopped_lines,
)
from wirephoto.telemetry import LogEvent, get_log

_log = get_log()

THROTTLED_S = 1.0
"""How long nothing leaves after an HTTP 429 that names no time, in seconds."""
THROTTLED_S_MAX = 60.0

_TABLES = MappingProxyType({"account": accounts, "campaign": campaigns})
_PROVES_THE_ACCOUNT = frozenset(
    {Verdict.ACCEPTED, Verdict.FAIL, Verdict.SUPPRESS, Verdict.PAUSE_CAMPAIGN}
)


async def heed(
    database: Database,
    outcome: Outcome,
    message: Message,
    *,
    left_at: datetime,
    probed: frozenset[str],
    now: datetime,
) -> None:
    """Apply what an answer says of the account and the campaign that its message went through.

    `left_at` is when the request left, `probed` names the stopped lines that let messages through,
    to see whether they go on.
    """
    if outcome.verdict is Verdict.HELD_BACK:
        await not_probed(database, message, probed=probed, now=now)
    elif outcome.verdict is Verdict.STOP_LINE:
        await _stop(database, accounts, message.account_id, outcome, now, Proof.ANSWER)
    elif outcome.verdict is Verdict.PAUSE_CAMPAIGN:
        await _stop(database, campaigns, message.campaign_id, outcome, now, Proof.ANSWER)
    elif outcome.throttled and outcome.http_status is not None:
        await _slow_down(database, message.account_id, outcome, left_at=left_at, now=now)
    if message.account_id in probed and outcome.verdict in _PROVES_THE_ACCOUNT:
        await _resume(database, accounts, message.account_id, Proof.ANSWER)
    if message.campaign_id in probed and outcome.verdict is Verdict.ACCEPTED:
        await _resume(database, campaigns, message.campaign_id, Proof.ANSWER)


async def not_probed(
    database: Database, message: Message, *, probed: frozenset[str], now: datetime
) -> None:
    """Let the next message be the probe: this one was to be, and did not leave."""
    ids = probed & {message.account_id, message.campaign_id}
    if not ids:
        return
    async with database.transaction() as tx:
        for table in (accounts, campaigns):
            await give_back_probe(tx, table, ids, now)


async def heed_receipts(
    database: Database,
    news: Sequence[tuple[Message, Attempt, Receipt]],
    now: datetime,
    *,
    complaints: Complaints,
) -> None:
    """Apply what receipts say of the accounts and campaigns that their messages went through.

    The provider takes messages of a sender that is not registered, and only later says so: such a
    line goes on when a message that left after the fault is delivered, or with `resume_quiet`.
    What a receipt tells of networks and daily caps is kept for the claims to come.
    Codes of capacity slow a campaign; too many complaints pause it until a human has looked.
    """
    # Told late, a receipt says nothing of the line as it is now, whatever it was.
    failed = [
        (message, attempt, receipt.failure)
        for message, attempt, receipt in news
        if receipt.failure and now - receipt.reported_at <= QUIET
    ]
    faults = {}
    for message, _, failure in failed:
        if failure.kind is FailureClass.SENDER:
            faults[campaigns, message.campaign_id] = failure
        elif failure.kind is FailureClass.ACCOUNT:
            faults[accounts, message.account_id] = failure
    for (table, id_), failure in faults.items():
        await _stop(database, table, id_, failure, now, Proof.RECEIPT)
    await _learn(database, news, now)
    await _slow_campaigns(database, failed, now)
    for id_, failure in complaints.too_many(news):
        await _stop(database, campaigns, id_, failure, now, Proof.HUMAN)
    left_at: dict[str, datetime] = {}
    for message, attempt, _ in news:
        if attempt.state is AttemptState.DELIVERED:
            for id_ in (message.account_id, message.campaign_id):
                left_at[id_] = max(attempt.started_at, left_at.get(id_, attempt.started_at))
    if left_at:
        await _resume_proven(database, left_at)


async def _learn(
    database: Database, news: Sequence[tuple[Message, Attempt, Receipt]], now: datetime
) -> None:
    """Remember on which networks phones were seen, and whose daily cap is used up."""
    seen = [(message, receipt.network_code) for message, _, receipt in news if receipt.network_code]
    spent: dict[str, set[str]] = {}
    for message, _, receipt in news:
        if receipt.failure and receipt.failure.daily_cap:
            spent.setdefault(cap_day(receipt.reported_at), set()).add(message.campaign_id)
    if not seen and not spent:
        return
    async with database.transaction() as tx:
        await learn_networks(tx, seen)
        for day, campaign_ids in sorted(spent.items()):
            await mark_spent(tx, campaign_ids, day=day, now=now)
    for day, campaign_ids in sorted(spent.items()):
        _log.warning(LogEvent.DAILY_CAP_SPENT, campaigns=sorted(campaign_ids), day=day)


async def _slow_campaigns(
    database: Database, failed: Sequence[tuple[Message, Attempt, Failure]], now: datetime
) -> None:
    """Slow each campaign once whose messages met a lack of capacity; the latest to leave counts."""
    signals: dict[str, tuple[datetime, str]] = {}
    for message, attempt, failure in failed:
        if failure.throttled:
            signal = (attempt.started_at, failure.reason)
            signals[message.campaign_id] = max(signal, signals.get(message.campaign_id, signal))
    for id_, (left_at, reason) in sorted(signals.items()):
        async with database.transaction() as tx:
            before = await lock_line(tx, campaigns, id_)
            after = await _slowed(tx, campaigns, before, left_at=left_at, now=now)
        if after != before.slowing:
            _log.warning(
                LogEvent.CAMPAIGN_SLOWED, campaign=id_, share=round(after.share, 3), reason=reason
            )


async def _slowed(
    tx: Transaction, table: Table, line: Line, *, left_at: datetime, now: datetime
) -> Slowing:
    slowing = line.slowing.after_signal(left_at=left_at, now=now)
    if slowing != line.slowing:
        await slow_line(tx, table, line.id, slowing)
    return slowing


async def _resume_proven(database: Database, left_at: Mapping[str, datetime]) -> None:
    async with database.read() as tx:
        lines = await stopped_lines(tx)
    for kind, line in lines:
        assert line.stop is not None, "a stopped line has a stop"
        if line.id in left_at and left_at[line.id] > line.stop.fault_at:
            await _resume(database, _TABLES[kind], line.id, Proof.RECEIPT)


async def resume_quiet(tx: Transaction, table: Table, line: Line, now: datetime) -> Line:
    """Return a line as it stands: one whose fault no receipt has shown for long sends again."""
    if line.stop is None or not line.stop.is_over(now):
        return line
    if await resume_line(tx, table, line.id, Proof.RECEIPT):
        _report_resumed(table, line.id)
    return replace(line, stop=None)


async def _stop(
    database: Database,
    table: Table,
    id_: str,
    fault: Outcome | Failure,
    now: datetime,
    proof: Proof,
) -> None:
    async with database.transaction() as tx:
        line = await lock_line(tx, table, id_)
        stop = stopped(line.stop, reason=fault.reason, detail=fault.detail, now=now, proof=proof)
        await stop_line(tx, table, id_, stop)
    if line.stop and line.stop.reason == stop.reason:
        return  # requests that were on the wire, and probes, are refused as well: that is no news
    facts = {
        "reason": stop.reason,
        "detail": stop.detail,
        "probe_at": stop.probe_at.isoformat(),
    }
    if table is accounts:
        _log.error(LogEvent.LINE_STOPPED, account=id_, **facts)
    else:
        _log.error(LogEvent.CAMPAIGN_PAUSED, campaign=id_, **facts)


async def _resume(database: Database, table: Table, id_: str, proof: Proof) -> None:
    async with database.transaction() as tx:
        resumed = await resume_line(tx, table, id_, proof)
        if resumed:
            await tx.notify(MessageState.QUEUED.value)
    if resumed:
        _report_resumed(table, id_)


def _report_resumed(table: Table, id_: str) -> None:
    if table is accounts:
        _log.info(LogEvent.LINE_RESUMED, account=id_)
    else:
        _log.info(LogEvent.CAMPAIGN_RESUMED, campaign=id_)


async def _slow_down(
    database: Database, account_id: str, outcome: Outcome, *, left_at: datetime, now: datetime
) -> None:
    """Let nothing of the account leave for as long as the provider asked, and then go slower."""
    wait_s = min(outcome.retry_after_s or THROTTLED_S, THROTTLED_S_MAX)
    async with database.transaction() as tx:
        account = await lock_line(tx, accounts, account_id)
        slowing = await _slowed(tx, accounts, account, left_at=left_at, now=now)
        next_slot_at = max(account.pace.next_slot_at, now + timedelta(seconds=wait_s))
        await advance_slots(tx, accounts, {account_id: next_slot_at})
    share = round(slowing.share, 3)
    _log.warning(LogEvent.ACCOUNT_SLOWED, account=account_id, wait_s=wait_s, share=share)
