"""Endpoints of customers, as they are looked up and changed."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Row, delete, func, insert, literal, select, tuple_, update

from wirephoto.domain.endpoint import DisabledBy, Endpoint
from wirephoto.storage.database import Transaction
from wirephoto.storage.feed import FeedPosition
from wirephoto.storage.schema_endpoints import deliveries, endpoints

_FIELDS = tuple(field.name for field in fields(Endpoint))


@dataclass(frozen=True, slots=True)
class OwnEndpoint:
    """An endpoint, its place in the feed, and how many events before that wait for another try."""

    endpoint: Endpoint
    place: FeedPosition
    waiting: int = 0


async def insert_endpoint(
    tx: Transaction, endpoint: Endpoint, place: FeedPosition, now: datetime
) -> None:
    """Store a new endpoint, which hears of what is behind `place`; the row carries its tenant."""
    values = endpoint_values(endpoint) | {"xid": place.xid, "seq": place.seq, "lease_until": now}
    await tx.execute(insert(endpoints).values(values))


async def list_endpoints(tx: Transaction, tenant_id: str) -> list[OwnEndpoint]:
    """Return a tenant's endpoints, the newest first."""
    query = (
        select(endpoints, _waiting())
        .where(endpoints.c.tenant_id == tenant_id)
        .order_by(endpoints.c.id.desc())
    )
    return [_own(row) for row in await tx.execute(query)]


async def get_endpoint(tx: Transaction, tenant_id: str, endpoint_id: str) -> OwnEndpoint | None:
    """Return one of a tenant's endpoints."""
    query = select(endpoints, _waiting()).where(
        endpoints.c.tenant_id == tenant_id, endpoints.c.id == endpoint_id
    )
    row = (await tx.execute(query)).one_or_none()
    return _own(row) if row else None


async def lock_endpoint(tx: Transaction, tenant_id: str, endpoint_id: str) -> OwnEndpoint | None:
    """Return one of a tenant's endpoints; nobody else changes it until the transaction ends."""
    query = (
        select(endpoints)
        .where(endpoints.c.tenant_id == tenant_id, endpoints.c.id == endpoint_id)
        .with_for_update()
    )
    row = (await tx.execute(query)).one_or_none()
    return OwnEndpoint(read_endpoint(row), FeedPosition(row.xid, row.seq)) if row else None


async def save_endpoint(tx: Transaction, endpoint: Endpoint) -> None:
    """Store an endpoint as it is now; the row carries its tenant."""
    await tx.execute(
        update(endpoints)
        .where(endpoints.c.tenant_id == endpoint.tenant_id, endpoints.c.id == endpoint.id)
        .values(endpoint_values(endpoint))
    )


async def delete_endpoint(tx: Transaction, tenant_id: str, endpoint_id: str) -> None:
    """Forget an endpoint and what waits for it."""
    await tx.execute(
        delete(deliveries).where(
            deliveries.c.tenant_id == tenant_id, deliveries.c.endpoint_id == endpoint_id
        )
    )
    await tx.execute(
        delete(endpoints).where(endpoints.c.tenant_id == tenant_id, endpoints.c.id == endpoint_id)
    )


async def move_back(tx: Transaction, tenant_id: str, endpoint_id: str, place: FeedPosition) -> None:
    """Put an endpoint to an earlier place; the round that is under way is voided beside it."""
    await tx.execute(
        update(endpoints)
        .where(endpoints.c.tenant_id == tenant_id, endpoints.c.id == endpoint_id)
        .values(xid=place.xid, seq=place.seq)
    )
    # They are read again from the feed.
    behind = tuple_(deliveries.c.xid, deliveries.c.seq) > tuple_(
        literal(place.xid, BigInteger), literal(place.seq, BigInteger)
    )
    await tx.execute(
        delete(deliveries).where(
            deliveries.c.tenant_id == tenant_id, deliveries.c.endpoint_id == endpoint_id, behind
        )
    )


async def void_round(tx: Transaction, tenant_id: str, endpoint_id: str) -> None:
    """Have what an endpoint is told at this moment count for nothing: it is told that again."""
    await tx.execute(
        update(endpoints)
        .where(endpoints.c.tenant_id == tenant_id, endpoints.c.id == endpoint_id)
        .values(moves=endpoints.c.moves + 1)
    )


async def hurry(tx: Transaction, tenant_id: str, endpoint_id: str, now: datetime) -> None:
    """Let everything that waits for an endpoint be tried at once."""
    await tx.execute(
        update(deliveries)
        .where(
            deliveries.c.tenant_id == tenant_id,
            deliveries.c.endpoint_id == endpoint_id,
            deliveries.c.due_at > now,
        )
        .values(due_at=now)
    )


def endpoint_values(endpoint: Endpoint) -> dict[str, Any]:
    """Return the columns that an endpoint fills."""
    values = {name: getattr(endpoint, name) for name in _FIELDS}
    types: Sequence[str] | None = endpoint.event_types
    return values | {"event_types": None if types is None else list(types)}


def read_endpoint(row: Row[Any]) -> Endpoint:
    """Return the endpoint of a row that has every column."""
    values = {name: getattr(row, name) for name in _FIELDS}
    types, by = row.event_types, row.disabled_by
    return replace(
        Endpoint(**values),
        event_types=None if types is None else tuple(types),
        disabled_by=None if by is None else DisabledBy(by),
    )


def _waiting() -> Any:
    """Return the column that counts what waits for an endpoint."""
    return (
        select(func.count())
        .where(deliveries.c.endpoint_id == endpoints.c.id)
        .correlate(endpoints)
        .scalar_subquery()
        .label("waiting")
    )


def _own(row: Row[Any]) -> OwnEndpoint:
    return OwnEndpoint(read_endpoint(row), FeedPosition(row.xid, row.seq), row.waiting)
