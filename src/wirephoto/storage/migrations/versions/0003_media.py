"""Media: stored files, originals, renditions, names under which they are served."""

import sqlalchemy as sa
from alembic import op

from wirephoto.storage import types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CODE_REVISION_MIN = 3
"""Older code leases messages in `preparing` by their `due_at`, and cannot read uploads."""


def upgrade() -> None:
    """Add the tables, and lease messages in `preparing` by an instant of their own."""
    _create_originals()
    _create_hosting()
    _create_coordination()
    _lease_preparing()
    versions = sa.table("schema_version", sa.column("code_revision_min", sa.Integer()))
    op.execute(versions.update().values(code_revision_min=CODE_REVISION_MIN))


def _create_originals() -> None:
    op.create_table(
        "files",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("look_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_files_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
        sa.UniqueConstraint("tenant_id", "digest", name=op.f("uq_files_tenant_id_digest")),
    )
    op.create_index(op.f("ix_files_look_at"), "files", ["look_at"])
    op.create_table(
        "store_deletions",
        sa.Column("store_key", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("due_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_store_deletions_tenant_id")
        ),
        sa.PrimaryKeyConstraint("store_key", name=op.f("pk_store_deletions")),
    )
    op.create_table(
        "media",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("url_hash", sa.Text(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("checked_at", types.Instant(), nullable=False),
        sa.Column("fresh_until", types.Instant(), nullable=True),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.Column("used_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_media_file_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_media_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media")),
    )
    op.create_index(op.f("ix_media_file_id"), "media", ["file_id"])
    op.create_index(
        "ix_media_url",
        "media",
        ["tenant_id", "url_hash", "id"],
        sqlite_where=sa.text("url_hash IS NOT NULL"),
        postgresql_where=sa.text("url_hash IS NOT NULL"),
    )
    op.create_table(
        "renditions",
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Text(), nullable=True),
        sa.Column("fitting", types.Json, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("created_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_renditions_file_id")),
        sa.ForeignKeyConstraint(["source_id"], ["files.id"], name=op.f("fk_renditions_source_id")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_renditions_tenant_id")
        ),
        sa.PrimaryKeyConstraint("source_id", "target", name=op.f("pk_renditions")),
    )
    op.create_index(op.f("ix_renditions_file_id"), "renditions", ["file_id"])


def _create_hosting() -> None:
    op.create_table(
        "message_media",
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("media_id", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Text(), nullable=False),
        sa.Column("look_at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_message_media_file_id")),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name=op.f("fk_message_media_media_id")),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_message_media_message_id")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_message_media_tenant_id")
        ),
        sa.PrimaryKeyConstraint("message_id", "position", name=op.f("pk_message_media")),
    )
    op.create_index(op.f("ix_message_media_file_id"), "message_media", ["file_id"])
    op.create_index(op.f("ix_message_media_look_at"), "message_media", ["look_at"])
    op.create_index(op.f("ix_message_media_media_id"), "message_media", ["media_id"])
    op.create_table(
        "media_names",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("file_id", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("expires_at", types.Instant(), nullable=False),
        sa.Column("fetches", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_media_names_file_id")),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_media_names_message_id")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_media_names_tenant_id")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_media_names")),
    )
    op.create_index(op.f("ix_media_names_expires_at"), "media_names", ["expires_at"])
    op.create_index(op.f("ix_media_names_file_id"), "media_names", ["file_id"])
    op.create_index(op.f("ix_media_names_message_id"), "media_names", ["message_id"])
    op.create_table(
        "media_fetches",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("at", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_media_fetches_message_id")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_media_fetches_tenant_id")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_media_fetches")),
    )
    op.create_index(op.f("ix_media_fetches_message_id_seq"), "media_fetches", ["message_id", "seq"])


def _create_coordination() -> None:
    op.create_table(
        "work_leases",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_work_leases_tenant_id")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_work_leases")),
    )
    op.create_table(
        "store_mark",
        sa.Column("only_row", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("only_row", name=op.f("pk_store_mark")),
    )


def _lease_preparing() -> None:
    op.execute(
        "UPDATE messages SET lease_until = due_at WHERE state = 'preparing' AND lease_until IS NULL"
    )
    op.drop_index("ix_messages_preparing", table_name="messages")
    op.create_index(
        "ix_messages_preparing",
        "messages",
        ["priority", "lease_until", "id"],
        sqlite_where=sa.text("state = 'preparing'"),
        postgresql_where=sa.text("state = 'preparing'"),
    )
