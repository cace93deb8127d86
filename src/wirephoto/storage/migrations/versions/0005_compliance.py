"""Opt-outs with scopes, answers to replies and what those were taken for, quiet hours and caps."""

import secrets

import sqlalchemy as sa
from alembic import op

from wirephoto.storage import types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

CODE_REVISION_MIN = 5
"""Older code sends to people who have opted out."""
STANDING = sa.text("ended_at IS NULL")


def upgrade() -> None:
    """Add columns and indexes; code of earlier revisions must not go on beside them."""
    _opt_outs()
    _replies()
    _consents()
    _hours()
    versions = sa.table(
        "schema_version", sa.column("code_revision_min", sa.Integer()), sa.column("hash_key")
    )
    op.add_column("schema_version", sa.Column("hash_key", sa.Text(), nullable=True))
    op.execute(
        versions.update().values(
            code_revision_min=CODE_REVISION_MIN, hash_key=secrets.token_urlsafe(32)
        )
    )


def _opt_outs() -> None:
    for column in (
        sa.Column("scope", sa.Text(), server_default=sa.text("'brand'"), nullable=False),
        sa.Column("sender", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("provider_message_id", sa.Text(), nullable=True),
        sa.Column("said_at", types.Instant(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
    ):
        op.add_column("opt_outs", column)
    op.drop_index(op.f("ix_opt_outs_brand_id_recipient_hash"), table_name="opt_outs")
    for name, columns, unique in (
        ("uq_opt_outs_provider_message_id", ["provider_message_id"], True),
        ("ix_opt_outs_tenant_id_recipient_hash", ["tenant_id", "recipient_hash"], False),
        ("ix_opt_outs_tenant_id_id", ["tenant_id", "id"], False),
    ):
        op.create_index(op.f(name), "opt_outs", columns, unique=unique)
    op.create_index(
        "ix_opt_outs_standing",
        "opt_outs",
        ["recipient"],
        sqlite_where=STANDING,
        postgresql_where=STANDING,
    )
    op.create_index(
        "uq_opt_outs_standing",
        "opt_outs",
        ["tenant_id", "brand_id", "recipient_hash", "scope", "sender", "source"],
        unique=True,
        sqlite_where=STANDING,
        postgresql_where=STANDING,
    )


def _replies() -> None:
    op.add_column("contacts", sa.Column("answered_at", types.Json, nullable=True))
    op.add_column("messages", sa.Column("answer", sa.Text(), nullable=True))
    op.add_column("inbound_messages", sa.Column("reply", sa.Text(), nullable=True))
    op.add_column("inbound_messages", sa.Column("outcome", sa.Text(), nullable=True))
    op.add_column(
        "inbound_messages",
        sa.Column("flagged", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )


def _consents() -> None:
    person = ("recipient_hash", "brand_id")
    op.create_table(
        "consents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        *[sa.Column(name, sa.Text(), nullable=False) for name in person],
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("consent_class", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("given_at", types.Instant(), nullable=False),
        sa.Column("offset_minutes", sa.Integer(), nullable=False),
        sa.Column("disclosure", sa.Text(), nullable=False),
        sa.Column("disclosure_version", sa.Text(), nullable=False),
        sa.Column("page_url", sa.Text(), nullable=True),
        sa.Column("ip", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("inbound_id", sa.Text(), nullable=True),
        sa.Column("double_opt_in_message_ids", types.Json, nullable=False),
        sa.Column("imported_by", sa.Text(), nullable=True),
        sa.Column("expires_at", types.Instant(), nullable=True),
        sa.Column("zone", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=2), nullable=True),
        sa.Column("created_at", types.Instant(), nullable=False),
        *_keys("consents"),
    )
    op.create_index(op.f("ix_consents_tenant_id_id"), "consents", ["tenant_id", "id"])
    op.create_table(
        "consent_revocations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        *[sa.Column(name, sa.Text(), nullable=False) for name in person],
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("consent_class", sa.Text(), nullable=True),
        sa.Column("revoked_at", types.Instant(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        *_keys("consent_revocations"),
    )
    for table in ("consents", "consent_revocations"):
        name = f"ix_{table}_tenant_id_recipient_hash"
        op.create_index(op.f(name), table, ["tenant_id", "recipient_hash"])
    recipient = "ix_consent_revocations_recipient"
    op.create_index(op.f(recipient), "consent_revocations", ["recipient"])
    op.add_column("messages", sa.Column("allowed_by", types.Json, nullable=True))
    op.add_column("contacts", sa.Column("wording_at", types.Instant(), nullable=True))


def _keys(table: str) -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f(f"fk_{table}_brand_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def _hours() -> None:
    for column in (
        sa.Column("recipient_zone", sa.Text(), nullable=True),
        sa.Column("recipient_state", sa.String(2), nullable=True),
        sa.Column("held_from", types.Instant(), nullable=True),
        sa.Column("hours_digest", sa.Text(), nullable=True),
    ):
        op.add_column("messages", column)
    op.add_column("contacts", sa.Column("tallies", types.Json, nullable=True))
