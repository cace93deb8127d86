"""The feed: all events of a tenant, in an order in which none appears behind a reader.

Transactions do not commit in the order in which they draw numbers, so on PostgreSQL a reader that
follows `seq` alone passes events that are not visible yet, for good. Each row therefore stores, in
`xid`, the larger of the transaction that writes it and of the last one that had ended by then
(`Database.insert_sql`), and readers stay below the oldest transaction that still runs: whatever is
yet to be written is not numbered below it. The writer's own number would do for that, but not for
the order: one that waits for another to move the same message may be the older of the two. Since
the other had ended before the second move was written, it is behind the first in the feed.

SQLite has one writer: there `seq` is the order, and `xid` is empty.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Text, cast, func, literal, select, tuple_

from wirephoto.domain.event import Event
from wirephoto.storage.database import Database, Transaction
from wirephoto.storage.rows import read_event
from wirephoto.storage.schema import events
from wirephoto.storage.tenancy import across_tenants


@dataclass(frozen=True, slots=True, order=True)
class FeedPosition:
    """A place in the feed; positions of later events are larger."""

    xid: int
    seq: int


FEED_START = FeedPosition(0, 0)
"""Before the first event."""


async def read_feed(
    tx: Transaction, tenant_id: str, *, after: FeedPosition, limit: int
) -> Sequence[tuple[FeedPosition, Event]]:
    """Return up to `limit` events of a tenant behind `after`, in order, each with its place.

    On PostgreSQL an event is there once every transaction that began before it has ended.
    """
    query = (
        select(events)
        .where(
            events.c.tenant_id == tenant_id,
            is_readable(
                tx.database, literal(after.xid, BigInteger), literal(after.seq, BigInteger)
            ),
        )
        .order_by(*([events.c.xid] if tx.database.is_postgres else []), events.c.seq)
        .limit(limit)
    )
    return [
        (FeedPosition(row.xid or 0, row.seq), read_event(row)) for row in await tx.execute(query)
    ]


@across_tenants("the end of the feed is the same for everybody")
async def feed_end(tx: Transaction) -> FeedPosition:
    """Return the place behind everything that is told now: only what comes is behind it."""
    if tx.database.is_postgres:
        return FeedPosition(
            (await tx.execute(select(_oldest_running()))).scalar_one() - 1, _SEQ_MAX
        )
    return FeedPosition(0, (await tx.execute(select(func.max(events.c.seq)))).scalar() or 0)


async def place_before(tx: Transaction, tenant_id: str, since: datetime) -> FeedPosition | None:
    """Return the place before a tenant's first event of `since` or later, if there is one.

    Events are not written by time exactly: earlier ones may come behind it, none of later is left
    out. It looks at every event before that, for no index of the feed has times.
    """
    query = (
        select(events.c.xid, events.c.seq)
        .where(events.c.tenant_id == tenant_id, events.c.at >= since)
        .order_by(*([events.c.xid] if tx.database.is_postgres else []), events.c.seq)
        .limit(1)
    )
    row = (await tx.execute(query)).one_or_none()
    return FeedPosition(row.xid or 0, row.seq - 1) if row else None


def is_readable(
    database: Database, xid: ColumnElement[Any], seq: ColumnElement[Any]
) -> ColumnElement[bool]:
    """Return the condition that an event is behind a place and may be read."""
    if not database.is_postgres:
        # That `xid` is empty is said for the index, which has it before `seq`.
        return events.c.xid.is_(None) & (events.c.seq > seq)
    settled = events.c.xid < _oldest_running()
    return settled & (tuple_(events.c.xid, events.c.seq) > tuple_(xid, seq))


def _oldest_running() -> ColumnElement[int]:
    # The type of transaction numbers has no operators with integers.
    return cast(cast(func.pg_snapshot_xmin(func.pg_current_snapshot()), Text), BigInteger)


_SEQ_MAX = 2**63 - 1
