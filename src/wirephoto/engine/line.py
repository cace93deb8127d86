"""Stop the line, pause a campaign, slow down, and go on: what an answer says beyond its message."""

from datetime import datetime, timedelta

from sqlalchemy import Table

from wirephoto.domain.line import stopped
from wirephoto.domain.message import Message, MessageState
from wirephoto.domain.outcome import Outcome, Verdict
from wirephoto.storage.database import Database
from wirephoto.storage.schema import accounts, campaigns
from wirephoto.storage.senders import advance_slots, lock_line, resume_line, stop_line
from wirephoto.telemetry import LogEvent, get_log

_log = get_log()

THROTTLED_S = 1.0
"""How long nothing leaves after an HTTP 429 that names no time, in seconds."""
THROTTLED_S_MAX = 60.0

_PROVES_THE_ACCOUNT = frozenset(
    {Verdict.ACCEPTED, Verdict.FAIL, Verdict.SUPPRESS, Verdict.PAUSE_CAMPAIGN}
)


async def heed(
    database: Database,
    outcome: Outcome,
    message: Message,
    *,
    probed: frozenset[str],
    now: datetime,
) -> None:
    """Apply what an answer says of the account and the campaign that its message went through.

    `probed` names the stopped lines that let messages through, to see whether they go on.
    """
    if outcome.verdict is Verdict.STOP_LINE:
        await _stop(database, accounts, message.account_id, outcome, now)
    elif outcome.verdict is Verdict.PAUSE_CAMPAIGN:
        await _stop(database, campaigns, message.campaign_id, outcome, now)
    elif outcome.throttled and outcome.http_status is not None:
        await _slow_down(database, message.account_id, outcome, now)
    if message.account_id in probed and outcome.verdict in _PROVES_THE_ACCOUNT:
        await _resume(database, accounts, message.account_id)
    if message.campaign_id in probed and outcome.verdict is Verdict.ACCEPTED:
        await _resume(database, campaigns, message.campaign_id)


async def _stop(
    database: Database, table: Table, id_: str, outcome: Outcome, now: datetime
) -> None:
    async with database.transaction() as tx:
        line = await lock_line(tx, table, id_)
        stop = stopped(line.stop, reason=outcome.reason, detail=outcome.detail, now=now)
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


async def _resume(database: Database, table: Table, id_: str) -> None:
    async with database.transaction() as tx:
        resumed = await resume_line(tx, table, id_)
        await tx.notify(MessageState.QUEUED.value)
    if resumed and table is accounts:
        _log.info(LogEvent.LINE_RESUMED, account=id_)
    elif resumed:
        _log.info(LogEvent.CAMPAIGN_RESUMED, campaign=id_)


async def _slow_down(database: Database, account_id: str, outcome: Outcome, now: datetime) -> None:
    """Let nothing of the account leave for as long as the provider asked."""
    wait_s = min(outcome.retry_after_s or THROTTLED_S, THROTTLED_S_MAX)
    async with database.transaction() as tx:
        account = await lock_line(tx, accounts, account_id)
        next_slot_at = max(account.pace.next_slot_at, now + timedelta(seconds=wait_s))
        await advance_slots(tx, accounts, {account_id: next_slot_at})
    _log.warning(LogEvent.ACCOUNT_SLOWED, account=account_id, wait_s=wait_s)
