"""Every table, once, as SQLAlchemy Core metadata; `tables` has those of other modules as well.

Every row belongs to a tenant. Captions, numbers and raw bodies stand where redaction can null them.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from wirephoto.storage.types import Instant, Json, Sequence

DEFAULT_TENANT = "tnt_default"
DEFAULT_BRAND = "brd_default"
UNNAMED_BRAND = "default"
"""The name of a brand that nobody has named yet: nothing to show to people."""
DEFAULT_ACCOUNT = "acc_default"
DEFAULT_CAMPAIGN = "cmp_default"

SAFE_CATEGORIES_JSON = """'["conversational", "marketing", "transactional"]'"""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def tenant_column() -> Column[str]:
    """Return the column that says whose a row is."""
    return Column("tenant_id", Text, ForeignKey("tenants.id"), nullable=False)


schema_version = Table(
    "schema_version",
    metadata,
    Column("only_row", SmallInteger, primary_key=True, autoincrement=False),
    Column("code_revision_min", Integer, nullable=False),
    Column("hash_key", Text),  # of this installation, where the settings have none
)
"""The oldest code revision that may use this schema (`migrations.CODE_REVISION`)."""
tenants = Table(
    "tenants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)

brands = Table(
    "brands",
    metadata,
    Column("id", Text, primary_key=True),
    tenant_column(),
    Column("name", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("provider_id", Text),  # at the provider's registration
    Column("daily_cap", Integer),  # messages to T-Mobile from midnight to midnight, Pacific
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    tenant_column(),
    Column("rate", Double, nullable=False),  # requests per second, all processes together
    Column("next_slot_at", Instant, nullable=False),
    Column("stopped_at", Instant),
    Column("stop_reason", Text),
    Column("stop_detail", Text),
    Column("probe_at", Instant),  # when one message may try whether the fault is gone
    Column("probes", Integer, nullable=False, server_default=text("0")),
    Column("fault_at", Instant),  # when the fault was last seen
    Column("stop_proof", Text),  # what shows that it is gone
    Column("slow_share", Double, nullable=False, server_default=text("1")),  # of the rate
    Column("slowed_at", Instant),  # when it was that slow; it recovers from then on
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("id", Text, primary_key=True),
    tenant_column(),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("brand_id", Text, ForeignKey("brands.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("rate", Double, nullable=False),  # messages per second, all senders together
    Column("next_slot_at", Instant, nullable=False),
    Column("stopped_at", Instant),
    Column("stop_reason", Text),
    Column("stop_detail", Text),
    Column("probe_at", Instant),
    Column("probes", Integer, nullable=False, server_default=text("0")),
    Column("fault_at", Instant),
    Column("stop_proof", Text),
    Column("slow_share", Double, nullable=False, server_default=text("1")),
    Column("slowed_at", Instant),
    Column("fair_after", Text),  # whose messages were served last
    Column("provider_id", Text),
    Column("att_class", Text),
    Index(None, "account_id"),
)

senders = Table(
    "senders",
    metadata,
    Column("number", Text, primary_key=True),  # E.164 with +, or a short code
    tenant_column(),
    Column("campaign_id", Text, ForeignKey("campaigns.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("paused_at", Instant),
    Column("pause_reason", Text),
    Index(None, "campaign_id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    tenant_column(),
    Column("name", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("scopes", Json, nullable=False),
    Column("hint", Text, nullable=False),
    Column("key_hash", Text, nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("senders", Json, nullable=False, server_default=text("'[]'")),  # none: all
    Column("categories", Json, nullable=False, server_default=text(SAFE_CATEGORIES_JSON)),
    Column("expires_at", Instant),
    Column("last_used_at", Instant),
    Column("family", Text),  # the key that it is a successor of; null for the first
    Index(None, "tenant_id", "id"),
)

messages = Table(
    "messages",
    metadata,
    Column("id", Text, primary_key=True),
    tenant_column(),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("campaign_id", Text, ForeignKey("campaigns.id"), nullable=False),
    Column("broadcast_id", Text),
    Column("sender", Text, nullable=False),
    Column("recipient", Text),
    Column("text", Text),
    Column("media", Json, nullable=False),
    Column("category", Text, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("reference", Text),
    Column("metadata", Json),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("hold_reason", Text),
    Column("reason", Text),
    Column("detail", Text),
    Column("tries", SmallInteger, nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    Column("provider_message_id", Text),
    Column("duplicate_possible", Boolean, nullable=False),
    Column("receipt_overdue", Boolean, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("slot_at", Instant),
    Column("lease_until", Instant),
    Column("expires_at", Instant, nullable=False),
    Column("window_closes_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("submitted_at", Instant),
    Column("final_at", Instant),
    Column("resends", SmallInteger, nullable=False, server_default=text("0")),
    Column("fair_key", Text, nullable=False, server_default=text("''")),
    Column("weight", SmallInteger, nullable=False, server_default=text("1")),  # slots it takes
    Column("ordered", Boolean, nullable=False, server_default=text("false")),
    Column("expected_at", Instant),
    Column("answer", Text),  # what of a reply it answers, whoever has opted out
    Column("allowed_by", Json),  # which consent, or why none was needed
    Column("recipient_zone", Text),
    Column("recipient_state", String(2)),
    Column("held_from", Instant),  # when it would have left if it were no quiet hours
    Column("hours_digest", Text),  # of the rules that `window_closes_at` follows from
    Column("channel", Text, nullable=False, server_default=text("'mms'")),
    Column("fallback_text", Text),  # what is sent as SMS if its picture is refused
    Index(None, "tenant_id", "recipient", "id"),
)

# Indexes of live work are partial: they stay as small as the queue, whatever history grows to.
EXPIRING = text("state IN ('preparing', 'queued')")
Index(
    "ix_messages_queue",
    messages.c.campaign_id,
    messages.c.priority,
    messages.c.fair_key,
    messages.c.due_at,
    messages.c.id,
    sqlite_where=text("state = 'queued'"),
    postgresql_where=text("state = 'queued'"),
)
Index(
    "ix_messages_claimed",
    messages.c.lease_until,
    sqlite_where=text("state = 'claimed'"),
    postgresql_where=text("state = 'claimed'"),
)
Index(
    "ix_messages_preparing",
    messages.c.priority,
    messages.c.lease_until,
    messages.c.id,
    sqlite_where=text("state = 'preparing'"),
    postgresql_where=text("state = 'preparing'"),
)
Index(
    "ix_messages_expiring",
    messages.c.expires_at,
    sqlite_where=EXPIRING,
    postgresql_where=EXPIRING,
)
Index(
    "ix_messages_unconfirmed",
    messages.c.tenant_id,
    messages.c.id,
    sqlite_where=text("state = 'unconfirmed'"),
    postgresql_where=text("state = 'unconfirmed'"),
)
# Written out for each database: SQLite has no words for true and false in an index.
Index(
    "ix_messages_awaiting_receipt",
    messages.c.submitted_at,
    sqlite_where=text("state = 'submitted' AND receipt_overdue IS 0"),
    postgresql_where=text("state = 'submitted' AND receipt_overdue IS false"),
)
Index(
    "ix_messages_reference",
    messages.c.tenant_id,
    messages.c.reference,
    sqlite_where=text("reference IS NOT NULL"),
    postgresql_where=text("reference IS NOT NULL"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Text, primary_key=True),
    tenant_column(),
    Column("message_id", Text, ForeignKey("messages.id"), nullable=False),
    Column("number", SmallInteger, nullable=False),  # 1 for the first attempt of its message
    Column("client_ref", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("slot_at", Instant),
    Column("started_at", Instant, nullable=False),
    Column("deadline_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("reason", Text),
    Column("detail", Text),
    Column("http_status", SmallInteger),
    Column("provider_code", Text),
    Column("provider_message_id", Text),
    Column("price", Text),
    Column("currency", Text),
    Column("network_code", Text),
    Column("request", Text),  # what was asked, trimmed and masked
    Column("answer", Text),  # what was answered, trimmed and masked
    Column("check_at", Instant),  # when to find out what became of it
    Column("checks", SmallInteger, nullable=False, server_default=text("0")),
    Column("channel", Text, nullable=False, server_default=text("'mms'")),
    UniqueConstraint("message_id", "number"),
)
Index(
    "ix_attempts_sending",
    attempts.c.deadline_at,
    sqlite_where=text("state = 'sending'"),
    postgresql_where=text("state = 'sending'"),
)
Index(
    "ix_attempts_check_at",
    attempts.c.check_at,
    sqlite_where=text("check_at IS NOT NULL"),
    postgresql_where=text("check_at IS NOT NULL"),
)
Index(
    "ix_attempts_provider_message_id",
    attempts.c.provider_message_id,
    sqlite_where=text("provider_message_id IS NOT NULL"),
    postgresql_where=text("provider_message_id IS NOT NULL"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("tenant_id", Text, ForeignKey("tenants.id"), primary_key=True),
    Column("route", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("message_id", Text),
    Column("status", SmallInteger),  # null while the first request still runs
    Column("body", Text),
    Column("running_until", Instant),
    Column("created_at", Instant, nullable=False),
    Index(None, "created_at"),
)

events = Table(
    "events",
    metadata,
    Column("seq", Sequence, primary_key=True),
    Column("id", Text, nullable=False),
    tenant_column(),
    Column("message_id", Text),
    Column("type", Text, nullable=False),
    Column("data", Json),
    Column("at", Instant, nullable=False),
    # Where it stands in the feed on PostgreSQL (see `feed`).
    Column("xid", BigInteger),
    Index(None, "message_id", "seq"),
    Index(None, "tenant_id", "xid", "seq"),
)
"""The outbox: a message's timeline and the customer's feed."""

webhooks = Table(
    "webhooks",
    metadata,
    Column("seq", Sequence, primary_key=True),
    tenant_column(),
    Column("account_id", Text, ForeignKey("accounts.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("jti", Text, nullable=False, unique=True),
    Column("body", Text),
    Column("received_at", Instant, nullable=False),
    Column("applied_at", Instant),
    Column("outcome", Text),
    Column("tries", SmallInteger, nullable=False, server_default=text("0")),
    Column("due_at", Instant),  # not to be applied before; null: at once
)
"""Raw webhooks of the provider: stored first, applied later."""

Index(
    "ix_webhooks_waiting",
    webhooks.c.seq,
    sqlite_where=text("applied_at IS NULL"),
    postgresql_where=text("applied_at IS NULL"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Text, primary_key=True),
    tenant_column(),
    Column("actor", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("detail", Json),
    Column("at", Instant, nullable=False),
    Index(None, "tenant_id", "id"),
    Index(None, "tenant_id", "object"),
)
"""What people and commands did: who, what, to which object. Rows are only ever added."""
