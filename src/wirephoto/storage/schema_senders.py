"""The tables beside senders and campaigns: pools, and what counts against a brand's daily cap."""

from sqlalchemy import Column, ForeignKey, Integer, Table, Text, UniqueConstraint, text

from wirephoto.storage.schema import metadata, tenant_column
from wirephoto.storage.types import Instant

pools = Table(
    "pools",
    metadata,
    Column("id", Text, primary_key=True),
    tenant_column(),
    Column("name", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("tenant_id", "name"),
)
"""Senders of which one is chosen for each recipient."""

pool_senders = Table(
    "pool_senders",
    metadata,
    Column("pool_id", Text, ForeignKey("pools.id"), primary_key=True),
    Column("number", Text, ForeignKey("senders.number"), primary_key=True),
    tenant_column(),
)

brand_days = Table(
    "brand_days",
    metadata,
    Column("brand_id", Text, ForeignKey("brands.id"), primary_key=True),
    Column("day", Text, primary_key=True),  # the date in the zone of the cap
    tenant_column(),
    Column("sent", Integer, nullable=False, server_default=text("0")),
    Column("spent_at", Instant),  # when a receipt said that the carrier takes no more
)
"""How much of a brand counted against its daily cap."""
