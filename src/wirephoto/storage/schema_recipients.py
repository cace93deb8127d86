"""The tables of those who are written to: what is known of them, what they said, and opt-outs."""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from wirephoto.storage.schema import metadata, tenant_column
from wirephoto.storage.types import Instant, Json

contacts = Table(
    "contacts",
    metadata,
    Column("brand_id", Text, ForeignKey("brands.id"), primary_key=True),
    Column("recipient", Text, primary_key=True),
    tenant_column(),
    Column("first_out_at", Instant),
    Column("last_out_at", Instant),
    Column("first_in_at", Instant),
    Column("last_in_at", Instant),
    Column("network_code", Text),
    Column("zone", Text),
    Column("state", String(2)),
    Column("last_sender", Text),
    Column("wording_at", Instant),  # when they were last told how to opt out
    Column("answered_at", Json),  # when each kind of reply was last answered
    Column("tallies", Json),  # what counts against frequency caps
)

opt_outs = Table(
    "opt_outs",
    metadata,
    Column("id", Text, primary_key=True),
    tenant_column(),
    Column("brand_id", Text, ForeignKey("brands.id"), nullable=False),
    Column("recipient", Text),
    Column("recipient_hash", Text, nullable=False),  # survives the erasure of the number
    Column("scope", Text, nullable=False, server_default=text("'brand'")),
    Column("sender", Text, nullable=False, server_default=text("''")),
    Column("reason", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("provider_message_id", Text),  # of the reply that it is
    Column("said_at", Instant),  # by the clock of who brought the reply
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("ended_by", Text),
    Index("uq_opt_outs_provider_message_id", "provider_message_id", unique=True),
    Index(None, "tenant_id", "recipient_hash"),
    Index(None, "tenant_id", "id"),
)
"""Rows are never deleted: one that its writer takes back ends."""

Index(
    "ix_opt_outs_standing",
    opt_outs.c.recipient,
    sqlite_where=text("ended_at IS NULL"),
    postgresql_where=text("ended_at IS NULL"),
)
Index(
    "uq_opt_outs_standing",
    opt_outs.c.tenant_id,
    opt_outs.c.brand_id,
    opt_outs.c.recipient_hash,
    opt_outs.c.scope,
    opt_outs.c.sender,
    opt_outs.c.source,
    unique=True,
    sqlite_where=text("ended_at IS NULL"),
    postgresql_where=text("ended_at IS NULL"),
)

inbound_messages = Table(
    "inbound_messages",
    metadata,
    Column("id", Text, primary_key=True),
    tenant_column(),
    Column("provider_message_id", Text, nullable=False, unique=True),
    Column("sender", Text),
    Column("recipient", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("text", Text),
    Column("media", Json, nullable=False),
    Column("network_code", Text),
    Column("sent_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("reply", Text),  # what of the kind a reply it is
    Column("outcome", Text),  # what followed from it
    Column("flagged", Boolean, nullable=False, server_default=text("false")),
    Index(None, "tenant_id", "sender", "id"),
)

inbound_files = Table(
    "inbound_files",
    metadata,
    Column("inbound_id", Text, ForeignKey("inbound_messages.id"), primary_key=True),
    Column("position", SmallInteger, primary_key=True),
    tenant_column(),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("due_at", Instant),  # when to fetch it, or how long who fetches it has it alone
    Column("dies_at", Instant, nullable=False),  # when its address does
    Column("file_id", Text, ForeignKey("files.id")),
    Column("media_type", Text),
    Column("size_bytes", Integer),
    Column("reason", Text),
    Column("detail", Text),
    Column("settled_at", Instant),
    Index(None, "file_id"),
)
"""What became of the attachments of inbound messages; `position` is theirs in `media`."""

Index(
    "ix_inbound_files_waiting",
    inbound_files.c.due_at,
    sqlite_where=text("state = 'waiting'"),
    postgresql_where=text("state = 'waiting'"),
)
