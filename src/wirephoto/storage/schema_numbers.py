"""The tables of look-ups: what they told of numbers, and how many there were on a day."""

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text

from wirephoto.storage.schema import metadata, tenant_column
from wirephoto.storage.types import Instant

number_look_ups = Table(
    "number_look_ups",
    metadata,
    Column("tenant_id", Text, ForeignKey("tenants.id"), primary_key=True),
    Column("number", Text, primary_key=True),
    Column("kind", Text),  # None while somebody asks
    Column("network_code", Text),
    Column("asked_at", Instant, nullable=False),
    Column("good_until", Instant, nullable=False),
    Index(None, "good_until"),
)
"""Until `good_until` an answer stands; where there is none yet, who asks has the number alone."""

look_up_days = Table(
    "look_up_days",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.id"), primary_key=True),
    Column("day", Text, primary_key=True),  # the date in UTC
    tenant_column(),
    Column("asked", Integer, nullable=False),
)
"""How many look-ups an account has paid for."""
