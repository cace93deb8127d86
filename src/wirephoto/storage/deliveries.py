"""What is to be delivered to endpoints, and what became of it.

An endpoint has a place in the feed, so that an event costs its writer nothing however many
endpoints there are. Rows are written only of events that were not taken at the first try, and of
those of the same message behind them, which have to wait. One process at a time serves an endpoint.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from wirephoto.domain.endpoint import Endpoint
from wirephoto.domain.event import Event
from wirephoto.storage.database import Database, Transaction
from wirephoto.storage.endpoints import read_endpoint
from wirephoto.storage.feed import FeedPosition, is_readable
from wirephoto.storage.rows import EVENT_COLUMNS, read_event
from wirephoto.storage.schema import events
from wirephoto.storage.schema_endpoints import deliveries, endpoints
from wirephoto.storage.tenancy import across_tenants

WAITING_MAX = 1000
"""Events that may wait for one endpoint; it reads no further in the feed while there are more."""


@dataclass(frozen=True, slots=True)
class ClaimedEndpoint:
    """An endpoint that one process serves now, and its place in the feed."""

    endpoint: Endpoint
    place: FeedPosition
    claims: int
    moves: int


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """An event that an endpoint did not take yet: how often it was tried, and when it is next."""

    endpoint_id: str
    tenant_id: str
    place: FeedPosition
    subject: str
    tries: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Served:
    """What became of a claimed endpoint: where it is, what is done, and what waits from now on.

    `endpoint` is as it is afterwards.
    """

    endpoint: Endpoint
    place: FeedPosition
    done: Sequence[FeedPosition]
    waiting: Sequence[WaitingEvent]


@across_tenants("endpoints of all tenants are served")
async def due_endpoints(tx: Transaction, *, now: datetime, limit: int) -> list[str]:
    """Return up to `limit` endpoints that have something to hear and are free, by their ids."""
    waiting = (
        select(func.count())
        .where(deliveries.c.endpoint_id == endpoints.c.id)
        .correlate(endpoints)
        .scalar_subquery()
    )
    query = (
        select(endpoints.c.id)
        .where(
            *_is_free(now),
            or_(_has_due(now), _has_news(tx.database) & (waiting < WAITING_MAX)),
        )
        .order_by(endpoints.c.lease_until)
        .limit(limit)
    )
    return list((await tx.execute(query)).scalars())


@across_tenants("endpoints of all tenants are served")
async def claim_endpoints(
    tx: Transaction, ids: Collection[str], *, now: datetime, lease_until: datetime
) -> list[ClaimedEndpoint]:
    """Return those of `ids` that are still free; nobody else gets them until `lease_until`."""
    free = (
        select(endpoints.c.id)
        .where(endpoints.c.id.in_(ids), *_is_free(now))
        .with_for_update(skip_locked=True)
        .cte("free")
    )
    claimed = await tx.execute(
        update(endpoints)
        .where(endpoints.c.id.in_(select(free.c.id)))
        .values(lease_until=lease_until, claims=endpoints.c.claims + 1)
        .returning(endpoints)
    )
    return [
        ClaimedEndpoint(read_endpoint(row), FeedPosition(row.xid, row.seq), row.claims, row.moves)
        for row in claimed
    ]


async def due_events(
    tx: Transaction, claimed: ClaimedEndpoint, *, now: datetime, limit: int
) -> list[tuple[WaitingEvent, Event]]:
    """Return up to `limit` waiting events in order, of messages of which the first may be tried.

    Of each message it is the first ones. The endpoint carries its tenant.
    """
    first, own = deliveries.alias("first"), claimed.endpoint.id
    ready = (
        select(first.c.subject)
        .where(first.c.endpoint_id == own, first.c.due_at <= now, ~_has_earlier(first))
        .order_by(first.c.due_at)
        .limit(limit)
    )
    query = (
        select(
            *[events.c[name] for name in EVENT_COLUMNS],
            *[deliveries.c[name] for name in ("xid", "seq", "subject", "tries", "due_at")],
        )
        .join(events, events.c.seq == deliveries.c.seq)
        .where(deliveries.c.endpoint_id == own, deliveries.c.subject.in_(ready))
        .order_by(deliveries.c.xid, deliveries.c.seq)
        .limit(limit)
    )
    found = []
    for row in await tx.execute(query):
        place = FeedPosition(row.xid, row.seq)
        waits = WaitingEvent(own, row.tenant_id, place, row.subject, row.tries, row.due_at)
        found.append((waits, read_event(row)))
    return found


async def waiting_subjects(
    tx: Transaction, claimed: ClaimedEndpoint, subjects: Collection[str]
) -> set[str]:
    """Return those of `subjects` of which something waits; the endpoint carries its tenant."""
    query = select(deliveries.c.subject).where(
        deliveries.c.endpoint_id == claimed.endpoint.id, deliveries.c.subject.in_(subjects)
    )
    return set((await tx.execute(query)).scalars())


async def has_room(tx: Transaction, claimed: ClaimedEndpoint) -> bool:
    """Tell whether more may wait for an endpoint; it carries its tenant."""
    query = select(func.count()).where(deliveries.c.endpoint_id == claimed.endpoint.id)
    return bool((await tx.execute(query)).scalar_one() < WAITING_MAX)


async def settle_endpoint(
    tx: Transaction, claimed: ClaimedEndpoint, served: Served, *, now: datetime
) -> bool:
    """Record what became of a claimed endpoint, and free it; tell whether that still counted.

    It does not if the lease ran out and another process has it, if the endpoint is gone, or if
    somebody moved its place or changed what it hears meanwhile: then the events are told again. It
    carries its tenant.
    """
    own = endpoints.c.id == claimed.endpoint.id
    held = select(endpoints.c.moves).where(own, endpoints.c.claims == claimed.claims)
    moves = (await tx.execute(held.with_for_update())).scalar_one_or_none()
    if moves is None:
        return False
    if moves != claimed.moves:
        await tx.execute(update(endpoints).where(own).values(lease_until=now))
        return False
    if served.done:
        places = [(place.xid, place.seq) for place in served.done]
        gone = tuple_(deliveries.c.xid, deliveries.c.seq).in_(places)
        await tx.execute(
            delete(deliveries).where(deliveries.c.endpoint_id == claimed.endpoint.id, gone)
        )
    await _store_waiting(tx, served.waiting)
    changes = _changes(claimed.endpoint, served) | {"lease_until": now}
    await tx.execute(update(endpoints).where(own).values(changes))
    return True


async def _store_waiting(tx: Transaction, rows: Sequence[WaitingEvent]) -> None:
    if not rows:
        return
    dialect = postgresql if tx.database.is_postgres else sqlite
    fresh = dialect.insert(deliveries).values(
        [
            {
                "endpoint_id": row.endpoint_id,
                "xid": row.place.xid,
                "seq": row.place.seq,
                "tenant_id": row.tenant_id,
                "subject": row.subject,
                "tries": row.tries,
                "due_at": row.due_at,
            }
            for row in rows
        ]
    )
    await tx.execute(
        fresh.on_conflict_do_update(
            index_elements=[deliveries.c.endpoint_id, deliveries.c.xid, deliveries.c.seq],
            set_={"tries": fresh.excluded.tries, "due_at": fresh.excluded.due_at},
        )
    )


def _changes(before: Endpoint, served: Served) -> dict[str, Any]:
    """Return what serving changes of an endpoint: never what somebody may have set meanwhile."""
    after = served.endpoint
    changes: dict[str, Any] = {
        "xid": served.place.xid,
        "seq": served.place.seq,
        "rest_until": after.rest_until,
        "failures": after.failures,
        "failing_since": after.failing_since,
        "delivered_at": after.delivered_at,
    }
    if after.disabled_at != before.disabled_at:
        changes |= {"disabled_at": after.disabled_at, "disabled_by": after.disabled_by}
    return changes


def _is_free(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        endpoints.c.disabled_at.is_(None),
        endpoints.c.lease_until <= now,
        or_(endpoints.c.rest_until.is_(None), endpoints.c.rest_until <= now),
    )


def _has_due(now: datetime) -> ColumnElement[bool]:
    """Return the condition that an endpoint has a waiting event that may be tried."""
    first = deliveries.alias("first")
    return exists().where(
        first.c.endpoint_id == endpoints.c.id, first.c.due_at <= now, ~_has_earlier(first)
    )


def _has_earlier(one: Any) -> ColumnElement[bool]:
    """Return the condition that an event waits behind another one of its message."""
    earlier = deliveries.alias("earlier")
    return exists().where(
        earlier.c.endpoint_id == one.c.endpoint_id,
        earlier.c.subject == one.c.subject,
        tuple_(earlier.c.xid, earlier.c.seq) < tuple_(one.c.xid, one.c.seq),
    )


def _has_news(database: Database) -> ColumnElement[bool]:
    """Return the condition that the feed holds something behind an endpoint's place."""
    return exists().where(
        events.c.tenant_id == endpoints.c.tenant_id,
        is_readable(database, endpoints.c.xid, endpoints.c.seq),
    )
