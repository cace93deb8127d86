"""Who has opted out hears nothing more: opt-outs are stored, and what waits for them is blocked."""

from collections.abc import Sequence
from datetime import datetime

from wirephoto.engine.blocking import block_silenced
from wirephoto.ids import Ids
from wirephoto.storage.database import Transaction
from wirephoto.storage.opt_outs import StoredOptOut, insert_opt_outs


async def silence(
    tx: Transaction, rows: Sequence[StoredOptOut], *, ids: Ids, now: datetime
) -> list[bool]:
    """Store opt-outs and block what waits for their recipients; tell which are new.

    One transaction: once it is committed, nothing to them can leave any more. What is accepted by
    others in the same moment meets the opt-out in the claim, and at the last when it would leave.
    """
    new = await insert_opt_outs(tx, rows)
    whom = [
        (row.tenant_id, row.recipient)
        for row, is_new in zip(rows, new, strict=True)
        if is_new and row.recipient
    ]
    if whom:
        await block_silenced(tx, whom, ids=ids, now=now)
    return new
