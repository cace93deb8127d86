"""Consents and their ends. Rows are only ever added."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from wirephoto.storage.schema import metadata, tenant_column
from wirephoto.storage.types import Instant, Json

consents = Table(
    "consents",
    metadata,
    Column("id", Text, primary_key=True),
    tenant_column(),
    Column("brand_id", Text, ForeignKey("brands.id"), nullable=False),
    Column("recipient", Text),
    Column("recipient_hash", Text, nullable=False),  # survives the erasure of the number
    Column("consent_class", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("given_at", Instant, nullable=False),
    Column("offset_minutes", Integer, nullable=False),
    Column("disclosure", Text, nullable=False),
    Column("disclosure_version", Text, nullable=False),
    Column("page_url", Text),
    Column("ip", Text),
    Column("user_agent", Text),
    Column("inbound_id", Text),
    Column("double_opt_in_message_ids", Json, nullable=False),
    Column("imported_by", Text),
    Column("expires_at", Instant),
    Column("zone", Text),
    Column("state", String(2)),
    Column("created_at", Instant, nullable=False),
    Index(None, "tenant_id", "recipient_hash"),
    Index(None, "tenant_id", "id"),
)

revocations = Table(
    "consent_revocations",
    metadata,
    Column("id", Text, primary_key=True),
    tenant_column(),
    Column("brand_id", Text, ForeignKey("brands.id"), nullable=False),
    Column("recipient", Text),
    Column("recipient_hash", Text, nullable=False),
    Column("consent_class", Text),  # null: of every class
    Column("revoked_at", Instant, nullable=False),
    Column("source", Text, nullable=False),  # `reply`, or who was told
    Column("created_at", Instant, nullable=False),
    Index(None, "tenant_id", "recipient_hash"),
    Index(None, "recipient"),  # for the last look before a message leaves
)
