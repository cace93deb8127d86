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

from sqlalchemy import BigInteger, ColumnElement, Text, cast, func, select, tuple_

from wirephoto.domain.event import Event
from wirephoto.storage.database import Database, Transaction
from wirephoto.storage.rows import read_event
from wirephoto.storage.schema import events


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
        .where(events.c.tenant_id == tenant_id, _is_readable(tx.database, after))
        .order_by(*([events.c.xid] if tx.database.is_postgres else []), events.c.seq)
        .limit(limit)
    )
    return [
        (FeedPosition(row.xid or 0, row.seq), read_event(row)) for row in await tx.execute(query)
    ]


def _is_readable(database: Database, after: FeedPosition) -> ColumnElement[bool]:
    if not database.is_postgres:
        return events.c.seq > after.seq
    oldest = func.pg_snapshot_xmin(func.pg_current_snapshot())
    # The type of transaction numbers has no operators with integers.
    settled = events.c.xid < cast(cast(oldest, Text), BigInteger)
    return settled & (tuple_(events.c.xid, events.c.seq) > tuple_(after.xid, after.seq))
