"""Tables of customers' endpoints, and of the events that wait to be delivered again."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    text,
)

from wirephoto.storage.schema import metadata, tenant_column
from wirephoto.storage.types import Instant, Json

endpoints = Table(
    "endpoints",
    metadata,
    Column("id", Text, primary_key=True),
    tenant_column(),
    Column("url", Text, nullable=False),
    Column("description", Text),
    Column("event_types", Json),  # null: all of them
    Column("secret", Text, nullable=False),  # sealed, as the next one is
    Column("former_secret", Text),
    Column("former_until", Instant),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    Column("disabled_by", Text),
    Column("failures", Integer, nullable=False, server_default=text("0")),  # since a success
    Column("failing_since", Instant),
    Column("delivered_at", Instant),
    # Where it is in the feed: everything up to there is delivered, given up or in `deliveries`.
    Column("xid", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("rest_until", Instant),  # as it asked, or because it fails: told of nothing before
    Column("lease_until", Instant, nullable=False),  # one process' to serve
    Column("claims", Integer, nullable=False, server_default=text("0")),
    Column("moves", Integer, nullable=False, server_default=text("0")),  # by hand: no round counts
    Index(None, "tenant_id"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("endpoint_id", Text, ForeignKey("endpoints.id"), primary_key=True),
    Column("xid", BigInteger, primary_key=True, autoincrement=False),
    Column(
        "seq",
        BigInteger,
        ForeignKey("events.seq", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    tenant_column(),
    Column("subject", Text, nullable=False),  # whose events are told in their order
    Column("tries", SmallInteger, nullable=False),
    Column("due_at", Instant, nullable=False),
    Index(None, "seq"),
    Index(None, "endpoint_id", "subject", "xid", "seq"),
)
"""Events that an endpoint did not take yet, and those of the same message behind them."""
